"""What a setting may be: annotated types that refuse a bad value when it is given.

A law annotates its settings with these types. `Literal` needs no helper: its choices
are read from the annotation.
"""

import dataclasses
import difflib
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, get_args, get_origin, Literal

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from .text import shown
from .values import Frozen, plain


ENDLESS = 1_000_000_000  # from here on a count is no work that ends
# What NumPy has and JAX has not.
_WIDER = {"float96", "float128", "longdouble", "complex192", "complex256"}


@dataclasses.dataclass(frozen=True)
class Requirement:
    """What an annotated setting must be, in words that signatures and messages show."""

    words: str
    rule: Callable[[str, str, Any], Any]

    def __call__(self, where: str, what: str, value: Any) -> Any:
        """The value in its plain form; refuses, in the name of `where`, a bad one."""
        return self.rule(where, what, value)

    def __repr__(self) -> str:
        return self.words


def requirement(
    words: str,
) -> Callable[[Callable[[str, str, Any], Any]], Requirement]:
    """Makes a rule `(where, what, value) -> value` what an annotation may carry.

    Args:
        words: What the rule asks for, as signatures show it.

    Returns:
        A decorator.

    Example:
        >>> from typing import Annotated
        >>> from jinit.settings import check, requirement
        >>> @requirement("even")
        ... def even(where, what, value):
        ...     if value % 2:
        ...         raise ValueError(f"`{where}` needs `{what}` even. Got {value}.")
        ...     return value
        >>> Even = Annotated[int, even]
        >>> check("pairs", "count", Even, 3)
        Traceback (most recent call last):
            ...
        ValueError: `pairs` needs `count` even. Got 3.
    """
    return lambda rule: Requirement(words, rule)


def choose(where: str, what: str, value: Any, choices: Iterable[str]) -> str:
    """Returns `value` if it is one of `choices`; else refuses, naming the nearest."""
    choices = tuple(choices)
    if isinstance(value, str) and value in choices:
        return value
    near = difflib.get_close_matches(shown(value).strip("'\""), choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(map(repr, choices))
    raise ValueError(
        f"`{where}` needs `{what}` to be one of {listed}. Got {shown(value)}.{hint}"
    )


def _shape_hint(where: str, value: Any) -> str:
    if not isinstance(value, tuple):
        return ""
    name = where.removeprefix("jinit.")
    return f" If this is a shape, give the key first: `{name}(key, {shown(value)})`."


@requirement("a real number, may be infinite")
def _bound(where: str, what: str, value: Any) -> Any:
    infinite = isinstance(value, float) and math.isinf(value)
    return value if infinite else _number(where, what, value)


@requirement("a finite real number")
def _number(where: str, what: str, value: Any) -> Any:
    number: Any = plain(value)
    if isinstance(number, Tracer):
        return number
    if isinstance(number, bool) or not is_number(number):
        raise TypeError(
            f"`{where}` needs `{what}` to be a number. Got {shown(value)}."
            f"{_shape_hint(where, value)}"
        )
    if not _is_finite(number):
        raise ValueError(
            f"`{where}` needs `{what}` to be a finite real number. Got {shown(value)}."
        )
    is_small = isinstance(number, int) and abs(number) < 2**31
    return number if is_small else float(number)


def is_number(value: Any) -> bool:
    """Whether a value is one number, of Python or NumPy."""
    return isinstance(value, numbers.Number)


def _is_finite(number: Any) -> bool:
    try:
        return math.isfinite(number)
    except (OverflowError, TypeError):  # larger than a float is, or complex
        return False


def _bounded(holds: Callable[[float], bool], words: str) -> Requirement:
    def rule(where: str, what: str, value: Any) -> Any:
        number = _number(where, what, value)
        if not isinstance(number, Tracer) and not holds(number):
            raise ValueError(f"`{where}` needs `{what}` {words}. Got {shown(value)}.")
        return number

    return Requirement(words, rule)


@requirement("a whole number of at least 1")
def _count(where: str, what: str, value: Any) -> int:
    count = _whole(value)
    if count is None or count < 1:
        raise ValueError(
            f"`{where}` needs `{what}` to be a whole number of at least 1. "
            f"Got {shown(value)}."
        )
    if count >= ENDLESS:
        raise ValueError(
            f"`{where}` needs `{what}` below {ENDLESS:,}, to come to an end. "
            f"Got {shown(value)}."
        )
    return count


@requirement("a whole number of at least 0")
def _whole_number(where: str, what: str, value: Any) -> int:
    return 0 if _whole(value) == 0 else _count(where, what, value)


def _whole(value: Any) -> int | None:
    """A whole number as an int; None of what is none."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except Exception:  # whatever a class makes of the question
        return None


@requirement("True or False")
def _flag(where: str, what: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"`{where}` needs `{what}` to be True or False. Got {shown(value)}."
        )
    return bool(value)


@requirement("a text")
def _text(where: str, what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`{where}` needs `{what}` to be a text. Got {shown(value)}.")
    return value


@requirement("an axis or several")
def _axes(where: str, what: str, value: Any) -> int | tuple[int, ...]:
    several = isinstance(value, tuple | list | range) or np.ndim(_array(value)) == 1
    axes = tuple(map(_whole, value if several else (value,)))
    if None in axes:
        raise TypeError(
            f"`{where}` needs `{what}` to be an axis or a sequence of axes. "
            f"Got {shown(value)}."
        )
    whole = tuple(axis for axis in axes if axis is not None)
    if any(abs(axis) > 32 for axis in whole):
        raise ValueError(
            f"`{where}` needs `{what}` to be axes of an array. Got {shown(value)}."
            f"{_shape_hint(where, value)}"
        )
    if len({*whole}) < len(whole):
        raise ValueError(
            f"`{where}` needs `{what}` to be axes that differ. Got {shown(value)}."
            f"{_shape_hint(where, value)}"
        )
    return whole if several else whole[0]


@requirement("an axis")
def _axis(where: str, what: str, value: Any) -> int:
    axis = _axes(where, what, value)
    if isinstance(axis, tuple):
        raise TypeError(f"`{where}` needs `{what}` to be one axis. Got {axis}.")
    return axis


def _array(value: Any) -> Any:
    """An array of NumPy or JAX; 0 in the place of anything else."""
    return value if hasattr(value, "ndim") and hasattr(value, "__array__") else 0


@requirement("(fan_in, fan_out)")
def _two_fans(where: str, what: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(
            f"`{where}` needs `{what}` to be `(fan_in, fan_out)`. Got {shown(value)}."
        )
    fan_in, fan_out = (_number(where, what, fan) for fan in value)
    if not (fan_in > 0 and fan_out > 0):
        raise ValueError(f"`{where}` needs both `{what}` above 0. Got {shown(value)}.")
    return fan_in, fan_out


@requirement("a number or an array")
def _values(where: str, what: str, value: Any) -> Any:
    if isinstance(value, Tracer | Frozen):
        return value
    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, a key, or an array that is gone
        array = np.array(None)
    if not (jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool):
        raise TypeError(
            f"`{where}` needs `{what}` to be a number or an array. Got {shown(value)}."
        )
    return Frozen(array) if array.ndim else value


def is_known(dtype: np.dtype) -> bool:
    """Whether JAX has arrays of numbers of this dtype."""
    number = jnp.issubdtype(dtype, jnp.number) and dtype.name not in _WIDER
    return number or dtype == np.dtype(bool)


def _dtype_of_kind(kind: Any, words: str) -> Requirement:
    def rule(where: str, what: str, value: Any) -> np.dtype | None:
        if value is None:
            return None
        try:
            dtype = jnp.dtype(value)
        except Exception:  # whatever NumPy makes of a list, a dict or a text
            raise TypeError(
                f"`{where}` needs `{what}` to be a dtype. Got {shown(value)}."
                f"{_shape_hint(where, value)}"
            ) from None
        if not (jnp.issubdtype(dtype, kind) and is_known(dtype)):
            raise ValueError(
                f"`{where}` needs `{what}` to be {words}. Got {dtype.name}."
            )
        if dtype.name == "float8_e8m0fnu":
            raise ValueError(
                f"`{where}` needs `{what}` to hold zero and both signs. "
                f"Got {dtype.name}."
            )
        return dtype

    return Requirement(f"a dtype, {words}", rule)


Finite = Annotated[float, _number]
Bound = Annotated[float, _bound]
Positive = Annotated[float, _bounded(lambda value: value > 0, "above 0")]
NonNegative = Annotated[float, _bounded(lambda value: value >= 0, "at least 0")]
Fraction = Annotated[float, _bounded(lambda value: 0 <= value <= 1, "from 0 to 1")]
Count = Annotated[int, _count]
Whole = Annotated[int, _whole_number]
Flag = Annotated[bool, _flag]
Text = Annotated[str, _text]
Axis = Annotated[int, _axis]
Axes = Annotated[int | Sequence[int], _axes]
TwoFans = Annotated[Sequence[float], _two_fans]
Values = Annotated[ArrayLike | Sequence[Any], _values]
AnyDType = Annotated[Any, _dtype_of_kind(jnp.generic, "a number")]
Inexact = Annotated[Any, _dtype_of_kind(jnp.inexact, "floating or complex")]
Floating = Annotated[Any, _dtype_of_kind(jnp.floating, "floating and real")]


def check(where: str, what: str, hint: Any, value: Any) -> Any:
    """Returns `value`, put in its plain form, if the annotation `hint` allows it."""
    if hint is None or (value is None and type(None) in get_args(hint)):
        return value
    if get_origin(hint) is Literal:
        return choose(where, what, value, get_args(hint))
    for rule in getattr(hint, "__metadata__", ()):
        if isinstance(rule, Requirement):
            value = rule(where, what, value)
    others = [each for each in get_args(hint) if each is not type(None)]
    if len(others) == 1 and len(get_args(hint)) == 2:  # a kind or None
        return check(where, what, others[0], value)
    return value
