"""Modules of Equinox and their constructors: weights are floating-point `jax.Array`s.

NumPy's arrays, integers and functions stay as they are. A module with `eqx.nn.State` is
the pair that `eqx.nn.make_with_state` makes; a constructor may leave that out.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .calls import flags, is_a, parameters
from .subject import apart, Computation, fits, is_array, is_key, Subject


KIND = "an Equinox module or a constructor with `key`"


def owns(model: Any) -> bool:
    """Whether the model is an Equinox module, with its state or without."""
    return _is_pair(model) or is_a(model, "equinox", "Module")


def read(where: str, model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    """The subject of a module."""
    return dataclasses.replace(bind(where, model, None, key), inputs=inputs)


def bind(where: str, model: Any, params: Any, key: jax.Array) -> Subject:
    """The subject of a module, with its own weights or those of `params`."""
    module, state = model if _is_pair(model) else (model, None)
    if params is not None:
        module, state = params if _is_pair(params) else (params, state)
    alone = state is None
    if alone and _indices(module):
        module, state = _with_state(lambda: module)
    weights, rest = _split(module)
    keys, rest = apart(rest, is_key)
    leaves, structure = jax.tree.flatten(rest)
    run = _Apply(structure, tuple(map(_Constant, leaves)))

    def finish(weights: Any, mesh: Any) -> Any:
        import equinox as eqx

        made = eqx.combine(weights, keys, rest)
        return made if state is None else (made, state)

    apply = Computation(where, run, one_example=True)
    held = params is None
    return Subject(apply, weights, (keys, state, key), (), finish, held=held)


def constructed(
    where: str, make: Callable[..., Any], key: jax.Array, inputs: tuple[Any, ...]
) -> Subject | None:
    """The subject of what a function of `key` makes; None if that is no module.

    Weights are shapes alone. What is no weight is made for real, with the weights as
    dead code.
    """
    import equinox as eqx

    def made(key: jax.Array) -> Any:
        found = make(key=key)
        module = found[0] if _is_pair(found) else found
        if is_a(module, "equinox", "Module") and _indices(module) and module is found:
            found = _with_state(lambda: found)
        return found

    structures: list[Any] = []

    def arrays(key: jax.Array) -> list[Any]:
        leaves, structure = jax.tree.flatten(made(key))
        structures.append((structure, [None if is_array(x) else x for x in leaves]))
        return [x if is_array(x) else None for x in leaves]

    with fits(where, inputs) as fit:
        found = jax.eval_shape(fit.around(arrays), key)
    structure, others = structures[0]
    leaves = [x if y is None else y for x, y in zip(found, others, strict=True)]
    model = jax.tree.unflatten(structure, leaves)
    if not owns(model):
        return None
    module = model[0] if _is_pair(model) else model
    weights = {id(x) for x in jax.tree.leaves(_split(module)[0])}
    is_state = [is_array(x) and id(x) not in weights for x in leaves]
    if any(is_state):
        keep = lambda every: [
            x if own else None for x, own in zip(every, is_state, strict=True)
        ]
        real = eqx.filter_jit(lambda key: keep(jax.tree.leaves(made(key))))(key)
        leaves = [y if x is None else x for x, y in zip(real, leaves, strict=True)]
        model = jax.tree.unflatten(structure, leaves)
    subject = read(where, model, key, inputs)

    def start(key: jax.Array, *_: Any) -> Any:
        pairs = zip(arrays(key), leaves, strict=True)
        return [x for x, y in pairs if id(y) in weights], subject.state

    return dataclasses.replace(subject, start=start, held=False)


@dataclasses.dataclass(frozen=True)
class _Constant:
    """A leaf that is no weight; an array equals itself alone."""

    value: Any

    def __hash__(self) -> int:
        try:
            return hash(self.value)
        except TypeError:
            return id(self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Constant):
            return NotImplemented
        if self.value is other.value:
            return True
        is_array = hasattr(self.value, "shape") or hasattr(other.value, "shape")
        return not is_array and bool(self.value == other.value)


@dataclasses.dataclass(frozen=True)
class _Apply:
    """An Equinox module as a function of its weights, its state and inputs."""

    structure: Any
    constants: tuple[_Constant, ...]

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        import equinox as eqx

        keys, statistics, key = state
        rest = jax.tree.unflatten(self.structure, [x.value for x in self.constants])
        module: Any = eqx.combine(weights, keys, rest)
        asked = [*parameters(module.__call__)][len(inputs) :]
        named = dict(flags(module.__call__, {}, all_=False))
        if "key" in asked:
            named["key"] = key
        if statistics is None:
            return module(*inputs, **named)
        copied = jax.tree.map(lambda x: x, statistics)  # each may be used only once
        if "state" in asked:
            return module(*inputs, state=copied, **named)[0]
        return module(*inputs, copied, **named)[0]


def _is_pair(model: Any) -> bool:
    if not (isinstance(model, tuple) and len(model) == 2):
        return False
    module, state = model
    return is_a(module, "equinox", "Module") and is_a(state, "equinox.nn", "State")


def _split(module: Any) -> tuple[Any, Any]:
    import equinox as eqx

    is_weight = lambda x: is_array(x) and jnp.issubdtype(x.dtype, jnp.inexact)
    return eqx.partition(module, is_weight)


def _indices(module: Any) -> bool:
    """Whether the module still holds what its state is made of."""
    import equinox as eqx

    is_index = lambda x: isinstance(x, eqx.nn.StateIndex)
    leaves = jax.tree.leaves(module, is_leaf=is_index)
    return any(is_index(x) and jax.tree.leaves(x.init) for x in leaves)


def _with_state(make: Callable[[], Any]) -> tuple[Any, Any]:
    import equinox as eqx

    return eqx.nn.make_with_state(make)()
