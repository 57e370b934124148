"""Models of every framework as a function of weights, which need no allocation.

Flax and Equinox are imported only when a model is theirs.
"""

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding


# What a linen module may ask of its caller, answered as in training.
_TRAINING = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model whose weights are still to be made.

    Attributes:
        apply: The function of `(weights, *inputs)`; None where only a constructor of
            weights is known.
        weights: The weights or their shapes, in boxes if the model puts them there.
        finish: The model's own form of them, given weights and the mesh, if any: what
            its `init` returns.
        specs: Gives the `PartitionSpec`s that the model's own annotations ask for.
    """

    apply: Callable[..., Any] | None
    weights: Any
    finish: Callable[[Any, Any], Any] = lambda weights, mesh: weights
    specs: Callable[[], Any] = lambda: None


def read_subject(model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject | None:
    """The subject that a model is, or None if it is of no known kind.

    Args:
        model: A linen module; an NNX or Equinox module, or its constructor, a function
            of `rngs` or `key`; a pair `(apply, params)`; or an object with `init(key,
            *inputs)` and `apply(params, *inputs)`.
        key: For what the model itself makes, such as the state of its dropout.
        inputs: Arrays or shapes.
    """
    if isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        return Subject(*model)
    if is_a(model, "flax.linen", "Module"):
        return _linen(model, key, inputs)
    if is_a(model, "flax.nnx", "Module"):
        return _nnx_module(model)
    if is_a(model, "equinox", "Module"):
        return _equinox(model)
    init, apply = (getattr(model, name, None) for name in ("init", "apply"))
    if callable(init) and callable(apply):
        return Subject(apply, jax.eval_shape(init, key, *inputs))
    if not callable(model):
        return None
    asked = [name for name in ("rngs", "key") if name in _parameters(model)]
    if asked == ["rngs"]:
        return _nnx_constructor(model, key)
    return _constructed(model, key) if asked == ["key"] else None


def training_flags(module: Any) -> dict[str, bool]:
    """The keywords that tell a linen module that it is in training."""
    asked = _parameters(module.__call__)
    return {name: _TRAINING[name] for name in asked if name in _TRAINING}


def linen_apply(module: Any, key: jax.Array) -> Callable[..., Any]:
    """A linen module in training as a function of its variables and inputs.

    Random streams of any other name are made from that of "params", as Flax has it.
    """
    flags = training_flags(module)

    def apply(variables: Any, *inputs: Any) -> Any:
        rngs = {"params": key, "dropout": key}
        return module.apply(variables, *inputs, rngs=rngs, mutable=True, **flags)[0]

    return apply


def is_a(model: Any, module: str, name: str) -> bool:
    """Whether a model is of that class, without importing a framework for it."""
    return module in sys.modules and isinstance(
        model, getattr(sys.modules[module], name)
    )


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    if isinstance(function, functools.partial):
        names = _parameters(function.func)
        return tuple(name for name in names if name not in function.keywords)
    if inspect.isclass(function):  # the metaclasses of frameworks hide its arguments
        function = function.__init__
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _linen(module: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    from flax import core

    keys, flags = {"params": key, "dropout": key}, training_flags(module)
    variables = jax.eval_shape(lambda *x: module.init(keys, *x, **flags), *inputs)
    other = {name: each for name, each in variables.items() if name != "params"}
    weights = {"params": variables["params"]} if "params" in variables else {}
    leaves, structure = jax.tree.flatten(inputs)

    def run(scope: Any, *inputs: Any) -> Any:
        return module.clone(parent=scope, _deep_clone=True)(*inputs, **flags)

    init = core.apply(run, mutable=True, flags={"initializing": True})

    def state(weights: Any, given: list[Any]) -> Any:
        # What is a shape is filled in here, where nothing is left of it.
        filled = [
            _blank(like) if x is None else x
            for x, like in zip(given, leaves, strict=True)
        ]
        made = init(weights, *jax.tree.unflatten(structure, filled), rngs=keys)[1]
        return {name: made[name] for name in other}

    def finish(weights: Any, mesh: Any) -> Any:
        # Other collections start as the module says, such as averages at 0.
        if not other:
            return weights
        given = [None if isinstance(x, jax.ShapeDtypeStruct) else x for x in leaves]
        made = jax.jit(state)(jax.tree.map(_untyped, weights), given)
        if mesh is not None:
            place = lambda spec: NamedSharding(mesh, spec)
            made = jax.device_put(made, jax.tree.map(place, _specs(other)))
        return {**weights, **made}

    def apply(weights: Any, *inputs: Any) -> Any:
        rest = jax.tree.map(_blank, other)
        return linen_apply(module, key)({**weights, **rest}, *inputs)

    return Subject(apply, weights, finish, lambda: _specs(weights))


def _specs(tree: Any) -> Any:
    """What the boxes of linen say of places: names of axes, logical ones by rules."""
    from flax import linen as nn
    from flax.linen.spmd import logical_to_mesh

    def spec(x: Any) -> Any:
        found = nn.get_partition_spec(x)
        if not isinstance(x, nn.LogicallyPartitioned):
            return found
        rules = x.rules or nn.get_logical_axis_rules()
        return logical_to_mesh(found, rules) if rules else found

    is_box = lambda x: isinstance(x, nn.meta.AxisMetadata)
    return jax.tree.map(spec, tree, is_leaf=is_box)


def _untyped(x: Any) -> Any:
    """The same array, whose type does not speak of a mesh: models are free of that."""
    mesh = getattr(getattr(x, "sharding", None), "mesh", None)
    if not isinstance(mesh, Mesh) or not mesh.explicit_axes:
        return x
    free = Mesh(mesh.devices, mesh.axis_names)
    return jax.device_put(x, NamedSharding(free, x.sharding.spec))


def _blank(x: Any) -> jax.Array:
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.split(jax.random.key(0), x.shape)
    return jnp.zeros(x.shape, x.dtype)


def _nnx_module(module: Any) -> Subject:
    from flax import nnx

    graph, weights, rest = nnx.split(module, nnx.Param, ...)
    return _nnx(graph, weights, rest, lambda: rest)


def _nnx_constructor(make: Callable[..., Any], key: jax.Array) -> Subject:
    from flax import nnx

    def split() -> Any:
        with nnx.use_eager_sharding(False):  # places are found later, given a mesh
            return nnx.split(make(rngs=_streams(key)), nnx.Param, ...)

    graph, weights, rest = nnx.eval_shape(split)
    # What is no parameter, such as averages and random streams, is made as it says.
    other = lambda: nnx.jit(lambda: split()[2])() if jax.tree.leaves(rest) else rest
    return _nnx(graph, weights, rest, other)


def _streams(key: jax.Array) -> Any:
    from flax import nnx

    # A count that is traced takes NNX longer with every parameter: NumPy's is not.
    rngs = nnx.Rngs(key)
    count: Any = np.zeros((), np.uint32)
    rngs.default.count = nnx.RngCount(count, tag="default")
    return rngs


def _nnx(graph: Any, weights: Any, rest: Any, other: Callable[[], Any]) -> Subject:
    from flax import nnx

    def apply(weights: Any, *inputs: Any) -> Any:
        return nnx.merge(graph, weights, jax.tree.map(_blank, rest))(*inputs)

    finish = lambda weights, mesh: nnx.merge(graph, weights, other())
    return Subject(apply, weights, finish, lambda: nnx.get_partition_spec(weights))


def _equinox(module: Any) -> Subject:
    import equinox as eqx

    weights, rest = eqx.partition(module, _is_weight)
    apply = lambda weights, *inputs: eqx.combine(weights, rest)(*inputs)
    return Subject(apply, weights, lambda weights, mesh: eqx.combine(weights, rest))


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array | jax.ShapeDtypeStruct)


def _is_weight(x: Any) -> bool:
    return _is_array(x) and jnp.issubdtype(x.dtype, jnp.inexact)


def _constructed(make: Callable[..., Any], key: jax.Array) -> Subject:
    if "equinox" not in sys.modules:
        return Subject(None, jax.eval_shape(lambda key: make(key=key), key))
    import equinox as eqx

    made = _shapes(make, key)
    if not isinstance(made, eqx.Module):
        return Subject(None, made)
    is_state = lambda x: _is_array(x) and not _is_weight(x)
    if any(map(is_state, jax.tree.leaves(made))):
        # Made for real; the weights are dead code there.
        state = eqx.filter_jit(lambda key: eqx.filter(make(key=key), is_state))(key)
        made = eqx.combine(state, made)
    return _equinox(made)


def _shapes(make: Callable[..., Any], key: jax.Array) -> Any:
    """What an Equinox constructor makes, with shapes for JAX's arrays, not NumPy's."""
    import equinox as eqx

    others = []

    def arrays(key: jax.Array) -> Any:
        found, other = eqx.partition(make(key=key), _is_array)
        others.append(other)
        return found

    return eqx.combine(jax.eval_shape(arrays, key), others[0])
