"""Modules of `flax.linen`: weights in the collection "params", all else is state."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding

from .._core import shared
from .calls import flags, is_a
from .subject import blank, Bound, Computation, fits, once_per_shape, shapes, Subject


KIND = "a linen module"


def owns(model: Any) -> bool:
    """Whether the model is a linen module, or one with some of its flags given."""
    return is_a(_module(model), "flax.linen", "Module")


def read(where: str, model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    """The subject with the shapes of the variables that the inputs ask for."""
    module, said = _module(model), _flags(model)
    streams = lambda key: {"params": key, "dropout": key}
    keys = streams(key)
    init = Bound(lambda key, *x: module.init(streams(key), *x, **said))
    fit = fits(where, inputs)
    init = once_per_shape(fit.around(init))
    with fit:
        variables = jax.eval_shape(init, key, *inputs)
    weights, other = _split(variables)

    def finish(weights: Any, mesh: Any) -> Any:
        # Other collections start as the module says, such as averages at 0.
        return {**weights, **_started(model, keys, inputs, other, weights, mesh)}

    def start(key: jax.Array, *inputs: Any) -> Any:
        weights, other = _split(init(key, *inputs))
        return weights, (other, key)

    return Subject(
        Computation(where, _Apply(module, *said.items())),
        weights,
        (shapes(other), shapes(key)),
        inputs,
        finish if other else lambda weights, mesh: weights,
        lambda: _specs(weights),
        start,
    )


def bind(where: str, model: Any, params: Any, key: jax.Array) -> Subject:
    """The subject of variables that are there: all collections, or "params" alone."""
    module, said = _module(model), _flags(model)
    if not isinstance(params, Mapping):
        raise TypeError(
            f"`{where}` needs the variables of a linen module, as its `init` returns. "
            f"Got {type(params).__name__}."
        )
    bare = "params" not in params
    weights, other = _split({"params": params} if bare else params)
    finish = lambda weights, mesh: weights["params"] if bare else {**weights, **other}
    apply = Computation(where, _Apply(module, *said.items()))
    return Subject(apply, weights, (other, key), (), finish, lambda: _specs(weights))


def _module(model: Any) -> Any:
    return model.func if isinstance(model, functools.partial) else model


def _flags(model: Any) -> Mapping[str, Any]:
    """Those of `functools.partial(module, train=False)`, the others as in training."""
    module, given = _module(model), getattr(model, "keywords", {})
    found = flags(module.__call__, given, all_=True)
    # What the module was made with must not be said again.
    fixed = lambda name: name not in given and getattr(module, name, None) is not None
    return {name: value for name, value in found.items() if not fixed(name)}


def _split(variables: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    of = lambda chosen: {
        n: x for n, x in variables.items() if (n == "params") == chosen
    }
    return of(True), of(False)


@dataclasses.dataclass(frozen=True, init=False)
class _Apply:
    """A linen module as a function of its weights, its state and inputs.

    Random streams of any other name are made from that of "params", as Flax has it.
    """

    module: Any
    flags: tuple[tuple[str, Any], ...]

    def __init__(self, module: Any, *flags: tuple[str, Any]):
        object.__setattr__(self, "module", module)
        object.__setattr__(self, "flags", flags)

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        other, key = state
        return self.module.apply(
            {**weights, **other},
            *inputs,
            rngs={"params": key, "dropout": key},
            mutable=True,
            **dict(self.flags),
        )[0]


def _started(
    model: Any,
    keys: Mapping[str, jax.Array],
    inputs: tuple[Any, ...],
    other: Mapping[str, Any],
    weights: Any,
    mesh: Any,
) -> Any:
    """The other collections as the module itself makes them from these weights."""
    from flax import core

    leaves, structure = jax.tree.flatten(inputs)
    module, said = _module(model), _flags(model)

    def run(scope: Any, *inputs: Any) -> Any:
        return module.clone(parent=scope, _deep_clone=True)(*inputs, **said)

    init = core.apply(run, mutable=True, flags={"initializing": True})

    def state(weights: Any, given: list[Any]) -> Any:
        # What is a shape is filled in here, where nothing is left of it.
        filled = [
            blank(like) if x is None else x
            for x, like in zip(given, leaves, strict=True)
        ]
        made = init(weights, *jax.tree.unflatten(structure, filled), rngs=keys)[1]
        return {name: made[name] for name in other}

    given = [None if isinstance(x, jax.ShapeDtypeStruct) else x for x in leaves]
    made = shared(Bound(state))(jax.tree.map(_untyped, weights), given)
    if mesh is None:
        return made
    place = lambda spec: NamedSharding(mesh, spec)
    return jax.device_put(made, jax.tree.map(place, _specs(other)))


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

    is_box: Callable[[Any], bool] = lambda x: isinstance(x, nn.meta.AxisMetadata)
    return jax.tree.map(spec, tree, is_leaf=is_box)


def _untyped(x: Any) -> Any:
    """The same array, whose type does not speak of a mesh: models are free of that."""
    mesh = getattr(getattr(x, "sharding", None), "mesh", None)
    if not isinstance(mesh, Mesh) or not mesh.explicit_axes:
        return x
    free = Mesh(mesh.devices, mesh.axis_names)
    return jax.device_put(x, NamedSharding(free, x.sharding.spec))
