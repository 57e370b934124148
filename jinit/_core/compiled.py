"""Draws by compiled programs: one for all laws and settings that compute alike."""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer

from . import draw as drawing
from .programs import context, Formula, formula_of, KEPT, program_of
from .values import Frozen


LARGE = 2**16  # bytes of a setting beyond which it is not kept


def evaluate(key, init: Any, shape, dtype, sharding) -> jax.Array:
    """The weights of an initializer, operation by operation."""
    return drawing.evaluate(key, init.law, init._all_settings, shape, dtype, sharding)


def compiled(
    key: Any, init: Any, shape, dtype, sharding, kind: str | None = None
) -> jax.Array:
    """The weights of an initializer whose settings are known, by one program.

    Args:
        key: A key; the data of one where there is a `kind`; None for no key.
        init: The initializer.
        shape: Of the weights.
        dtype: Of the weights.
        sharding: Where they belong, or None.
        kind: The generator that the key is for.
    """
    form = shape, dtype, sharding
    if isinstance(key, Tracer):
        draw = _inline(init, form) if init._is_small else _inlined(init, form)
        return draw(key)
    given = () if key is None else (key,)
    like = tuple((each.shape, each.dtype) for each in given)
    formula, numbers = _kept(init, (like, kind, form, context()))
    # The numbers are ours: they go to the device even where the user forbids it.
    with jax.transfer_guard_host_to_device("allow"):
        (w,) = program_of(formula)(*given, *numbers)
    return w


def is_small(setting: Any) -> bool:
    """Whether a setting holds no function and no large array."""
    if isinstance(setting, tuple):
        return all(map(is_small, setting))
    if isinstance(setting, Frozen):
        return setting.array.nbytes <= LARGE
    return getattr(setting, "_is_small", not callable(setting))


def _inlined(init: Any, form: tuple[Any, ...]) -> Callable[..., jax.Array]:
    """A draw as a part of a longer computation."""
    return jax.jit(lambda key: evaluate(key, init, *form), inline=True)


_inline = functools.lru_cache(maxsize=KEPT)(_inlined)


def _part(init: Any, what: Any) -> tuple[Formula, list[Any]]:
    """What a draw computes, and the numbers that are to be its last arguments.

    A formula is kept, and no program: those are large, and kept in one place.
    """
    like, kind, form, _ = what

    def draw(*given: Any) -> jax.Array:
        key: Any = given[0] if given else None
        key = key if kind is None else jax.random.wrap_key_data(key, impl=kind)
        return evaluate(key, init, *form)

    return formula_of(draw, *(jax.ShapeDtypeStruct(*each) for each in like))


_part_of_small = functools.lru_cache(maxsize=8 * KEPT)(_part)


def _kept(init: Any, what: Any) -> tuple[Formula, list[Any]]:
    """The same, kept; as long as the initializer is, where it is not small."""
    if init._is_small:
        return _part_of_small(init, what)
    found = init._parts.get(what)
    if found is None:
        found = _part(init, what)
        # What a user's function closes over may be traced, and of no use later.
        if any(isinstance(number, Tracer) for number in found[1]):
            return found
        init._parts[what] = found
        for old in list(init._parts)[:-KEPT]:  # other threads may take it first
            init._parts.pop(old, None)
    return found
