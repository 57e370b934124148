"""What `hk.transform` and `hk.transform_with_state` return, with and without a key."""

import dataclasses
import inspect
from typing import Any

import jax

from .calls import flags, is_a
from .subject import blank, Bound, Computation, fits, once_per_shape, shapes, Subject


KIND = "a Haiku transform"


def owns(model: Any) -> bool:
    """Whether the model is a pair of Haiku's functions."""
    return is_a(model, "haiku", "Transformed", "TransformedWithState")


def read(where: str, model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    """The subject with the shapes that `init` makes."""
    said, with_state = flags(model.init, {}, all_=True), _has_state(model)
    init = Bound(lambda key, *inputs: model.init(key, *inputs, **said))
    fit = fits(where, inputs)
    init = once_per_shape(fit.around(init))
    with fit:
        made = jax.eval_shape(init, key, *inputs)
    params, state = made if with_state else (made, {})

    def finish(weights: Any, mesh: Any) -> Any:
        # The weights are dead code here, and inputs that are shapes are zeros.
        leaves, structure = jax.tree.flatten(inputs)
        given = [None if isinstance(x, jax.ShapeDtypeStruct) else x for x in leaves]

        @jax.jit
        def made(given: list[Any]) -> Any:
            pairs = zip(given, leaves, strict=True)
            filled = [blank(like) if x is None else x for x, like in pairs]
            return init(key, *jax.tree.unflatten(structure, filled))[1]

        return weights, made(given)

    own = finish if with_state else lambda weights, mesh: weights
    apply = Computation(where, _Apply(model, tuple(said.items())))

    def start(key: jax.Array, *inputs: Any) -> Any:
        made = init(key, *inputs)
        params, state = made if with_state else (made, {})
        return params, (state, key)

    state = shapes(state), shapes(key)
    return Subject(apply, params, state, inputs, own, start=start)


def bind(where: str, model: Any, params: Any, key: jax.Array) -> Subject:
    """The subject of params that are there, or `(params, state)`."""
    said, with_state = flags(model.init, {}, all_=True), _has_state(model)
    weights, state = params if with_state else (params, {})
    own = lambda weights, mesh: (weights, state) if with_state else weights
    apply = Computation(where, _Apply(model, tuple(said.items())))
    return Subject(apply, weights, (state, key), (), own)


@dataclasses.dataclass(frozen=True)
class _Apply:
    """A Haiku transform as a function of its weights, its state and inputs."""

    model: Any
    flags: tuple[tuple[str, Any], ...]

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        statistics, key = state
        leading = (weights, statistics) if _has_state(self.model) else (weights,)
        keys = (key,) if _takes_key(self.model, len(leading)) else ()
        out = self.model.apply(*leading, *keys, *inputs, **dict(self.flags))
        return out[0] if _has_state(self.model) else out


def _has_state(model: Any) -> bool:
    return is_a(model, "haiku", "TransformedWithState")


def _takes_key(model: Any, leading: int) -> bool:
    # `hk.without_apply_rng` leaves the key out; `init` always has it.
    count = lambda function: len(inspect.signature(function).parameters)
    return count(model.apply) - leading == count(model.init)
