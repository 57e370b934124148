"""Calls that mean to draw but lack the key: refused with the call that was meant."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .arguments import held
from .draw import is_shape
from .law import Law
from .settings import Axes, Axis, is_known, Values
from .text import shown


_RANK = 8  # axes that no kernel exceeds, so that a number as large is a size


def refuse_misplaced(
    law: Law, args: Sequence[Any], kwargs: Mapping[str, Any], is_set: bool
) -> None:
    """Refuses a number in the place of the key, and a shape before it.

    Args:
        law: The law that was called.
        args: What a call has by position, which was not read as a key and a shape.
        kwargs: What it has by name.
        is_set: Whether the first setting of the law has a value already.
    """
    first: Any
    first, second = (*args, None, None)[:2]
    if is_shape(second):
        is_number = _is_whole(first) and not _are_axes(law, first, second)
        if is_number or _is_seed(first) or _has_sizes(first, second):
            seed = operator.index(first) if is_number else 0
            raise TypeError(
                f"`{law.public_name}` needs a key before the shape. Got {shown(first)} "
                f"in its place. To draw, write `{law.name}(jax.random.key({seed}), "
                f"{shown(second)})`; settings that are meant go by name."
            )
    named = "shape" in kwargs and "shape" not in law.parameters
    shape = kwargs["shape"] if named else first
    is_keyless = bool(args) and (
        _is_first_a_shape(law, first, is_set) or _has_dtype(law, args, kwargs)
    )
    if named or is_keyless:
        key = "key" if law.is_random else "None"
        raise TypeError(
            f"`{law.public_name}` needs a key, or None where nothing is random, before "
            f"the shape, also where Keras and Haiku give none. Got "
            f"{shown(shape)} alone. To draw, write "
            f"`{law.name}({key}, {shown(shape)})`. For Keras and Haiku, wrap it: "
            "`jinit.compat.keras.wrap`, `jinit.compat.haiku.wrap`."
        )


def _has_dtype(law: Law, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a shape and a dtype are given, and could not be settings."""
    if not _is_shape(args[0]) or not law.parameters:
        return False
    first, second = [*law.parameters, "dtype"][:2]
    try:
        held("", first, law.hints.get(first), tuple(args[0]))
    except (TypeError, ValueError):
        return "dtype" in kwargs or len(args) == 2
    if len(args) == 1:
        is_axes = law.hints.get(first) in (Axis, Axes)
        return "dtype" in kwargs and is_axes and max(args[0], default=0) >= _RANK
    return second != "dtype" and _is_dtype(args[1])


def _is_dtype(value: Any) -> bool:
    try:
        return value is not None and is_known(np.dtype(value))
    except Exception:  # whatever NumPy makes of it
        return False


def _is_first_a_shape(law: Law, first: Any, is_set: bool) -> bool:
    """Whether a first argument can be nothing but a shape."""
    positional = [p for p in law.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    if not positional:
        return _is_whole(first) or _is_shape(first)
    takes_values = law.hints.get(positional[0].name) is Values
    return takes_values and is_set and _is_shape(first)


def _are_axes(law: Law, first: Any, second: Any) -> bool:
    """Whether both may be axes: those that are made stand beside the one read."""
    hints = [law.hints.get(name) for name in [*law.parameters][:2]]
    if _is_whole(second):
        return not {Axis, Axes} & {*hints[1:]} or second < _RANK
    if abs(first) > 32:
        return False
    axes = sorted({operator.index(first), *second})
    adjacent = axes == list(range(axes[0], axes[-1] + 1)) and len(axes) > len(second)
    return hints == [Axes, Axes] and (axes[0] < 0 or adjacent)


def _is_seed(value: Any) -> bool:
    """Whether it is an array of whole numbers, which is no setting by position."""
    return hasattr(value, "dtype") and np.issubdtype(value.dtype, np.integer)


def _has_sizes(first: Any, second: Any) -> bool:
    """Whether of two lists of whole numbers the second is no list of axes."""
    return _is_shape(first) and _is_shape(second) and max(second, default=0) >= _RANK


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_whole, value))
