"""Models of every framework as a function of weights, which need no allocation.

Flax and Equinox are imported only when a model is theirs.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


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
        finish: The model's own form of them, given weights: what its `init` returns.
        shardings: Given a mesh, the shardings that the model's own annotations ask for.
    """

    apply: Callable[..., Any] | None
    weights: Any
    finish: Callable[[Any], Any]
    shardings: Callable[[jax.sharding.Mesh], Any] = lambda mesh: None


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
        return Subject(*model, finish=lambda weights: weights)
    if is_a(model, "flax.linen", "Module"):
        return _linen(model, key, inputs)
    if is_a(model, "flax.nnx", "Module"):
        return _nnx_module(model)
    if is_a(model, "equinox", "Module"):
        return _equinox(model)
    init, apply = (getattr(model, name, None) for name in ("init", "apply"))
    if callable(init) and callable(apply):
        weights = jax.eval_shape(init, key, *inputs)
        return Subject(apply, weights, lambda weights: weights)
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
    if inspect.isclass(function):  # the metaclasses of frameworks hide its arguments
        function = function.__init__
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _linen(module: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    from flax import linen as nn

    keys, flags = {"params": key, "dropout": key}, training_flags(module)
    init = lambda *inputs: module.init(keys, *inputs, **flags)
    variables = jax.eval_shape(init, *inputs)
    others = tuple(name for name in variables if name != "params")
    weights = {"params": variables["params"]} if "params" in variables else {}

    def state() -> Any:
        # The inputs are made inside, where nothing is left of them.
        variables = init(*jax.tree.map(_blank, inputs))
        return {name: variables[name] for name in others}

    def finish(weights: Any) -> Any:
        # Other collections start as the module says, such as averages at 0.
        return {**weights, **(jax.jit(state)() if others else {})}

    def apply(weights: Any, *inputs: Any) -> Any:
        rest = {name: jax.tree.map(_blank, variables[name]) for name in others}
        return linen_apply(module, key)({**weights, **rest}, *inputs)

    shardings = lambda mesh: nn.get_sharding(weights, mesh)
    return Subject(apply, weights, finish, shardings)


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

    finish = lambda weights: nnx.merge(graph, weights, other())
    shardings = lambda mesh: nnx.get_named_sharding(weights, mesh)
    return Subject(apply, weights, finish, shardings)


def _equinox(module: Any) -> Subject:
    import equinox as eqx

    weights, rest = eqx.partition(module, _is_weight)
    apply = lambda weights, *inputs: eqx.combine(weights, rest)(*inputs)
    return Subject(apply, weights, lambda weights: eqx.combine(weights, rest))


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array | jax.ShapeDtypeStruct)


def _is_weight(x: Any) -> bool:
    return _is_array(x) and jnp.issubdtype(x.dtype, jnp.inexact)


def _constructed(make: Callable[..., Any], key: jax.Array) -> Subject:
    if "equinox" not in sys.modules:
        weights = jax.eval_shape(lambda key: make(key=key), key)
        return Subject(None, weights, lambda weights: weights)
    import equinox as eqx

    made = _shapes(make, key)
    if not isinstance(made, eqx.Module):
        return Subject(None, made, lambda weights: weights)
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
