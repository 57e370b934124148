"""Models that are functions: `(apply, params)`, objects with both, constructors."""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import jax

from . import equinox, haiku, linen
from .calls import asks_for
from .subject import (
    apart,
    blank,
    Computation,
    fits,
    is_key,
    Subject,
    together,
    weights_alone,
)


KIND = (
    "an (apply, params) pair, an object with init and apply, or an apply function "
    "beside its params"
)


def owns(model: Any) -> bool:
    """Whether the model is a pair with a function first, or callable."""
    return _is_pair(model) or _is_object(model) or callable(model)


def read(where: str, model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    """The subject; keys among the params are state."""
    if _is_pair(model):
        return dataclasses.replace(bind(where, model, None, key), inputs=inputs)
    if _is_object(model):
        with fits(where, inputs) as fit:
            params = jax.eval_shape(fit.around(model.init), key, *inputs)
        subject = _subject(where, model.apply, params, inputs)
        start = lambda *x: apart(model.init(*x), is_key)[::-1]
        if not jax.tree.leaves(subject.state):
            return dataclasses.replace(subject, start=start)

        @jax.jit
        def keys() -> Any:
            is_shape = lambda x: isinstance(x, jax.ShapeDtypeStruct)
            filled = jax.tree.map(lambda x: blank(x) if is_shape(x) else x, inputs)
            return start(key, *filled)[1]

        finish = lambda weights, mesh: together(weights, keys())
        return dataclasses.replace(subject, start=start, finish=finish)
    if asks_for(model) == "key":
        return _constructed(where, model, key, inputs)
    if not inputs:
        raise TypeError(
            f"`{where}` needs the params and the inputs of a function. Got "
            f"{getattr(model, '__name__', type(model).__name__)} alone. Give it as "
            "(apply, params)."
        )
    params, *inputs_ = inputs
    return _subject(where, model, params, tuple(inputs_))


def bind(where: str, model: Any, params: Any, key: jax.Array) -> Subject:
    """The subject of params that are there: of the pair, or beside a function."""
    if _is_pair(model):
        apply, own = model
        params = own if params is None else params
        for framework in (linen, haiku):
            if framework.owns(apply):
                return framework.bind(where, apply, params, key)
        return _subject(where, apply, params)
    if _is_object(model):
        model = model.apply
    if params is None:
        raise TypeError(
            f"`{where}` needs the params of a function. Got none beside "
            f"{getattr(model, '__name__', type(model).__name__)}."
        )
    return _subject(where, model, params)


def _is_pair(model: Any) -> bool:
    return isinstance(model, tuple) and len(model) == 2 and callable(model[0])


def _is_object(model: Any) -> bool:
    return all(callable(getattr(model, name, None)) for name in ("init", "apply"))


def _subject(
    where: str, apply: Callable[..., Any], params: Any, inputs: tuple[Any, ...] = ()
) -> Subject:
    keys, weights = apart(params, is_key)
    finish = lambda weights, mesh: together(weights, keys)
    return Subject(Computation(where, _Apply(apply)), weights, keys, inputs, finish)


@dataclasses.dataclass(frozen=True)
class _Apply:
    """A function of params and inputs, of which the keys are state."""

    apply: Callable[..., Any]

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        return self.apply(together(weights, state), *inputs)


def _constructed(
    where: str, make: Callable[..., Any], key: jax.Array, inputs: tuple[Any, ...]
) -> Subject:
    """What a function of a key makes: an Equinox module, or weights alone."""
    if "equinox" in sys.modules:
        subject = equinox.constructed(where, make, key, inputs)
        if subject is not None:
            return subject
    with fits(where, inputs) as fit:
        made = jax.eval_shape(fit.around(lambda key: make(key=key)), key)
    subject = weights_alone(where, made)
    start = lambda key, *_: make(key=key)
    return dataclasses.replace(subject, inputs=inputs, start=start)
