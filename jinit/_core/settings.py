"""What a setting may be: annotated types that refuse a bad value when it is given.

A law annotates its settings with these types. `Literal` needs no helper: its choices
are read from the annotation.
"""

import dataclasses
import difflib
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, get_args, get_origin, Literal

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from .values import Frozen


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
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(map(repr, choices))
    raise ValueError(
        f"`{where}` needs `{what}` to be one of {listed}. Got {value!r}.{hint}"
    )


def _shape_hint(where: str, value: Any) -> str:
    if not isinstance(value, tuple):
        return ""
    name = where.removeprefix("jinit.")
    return f" If this is a shape, give the key first: `{name}(key, {value!r})`."


@requirement("a real number, may be infinite")
def _bound(where: str, what: str, value: Any) -> Any:
    infinite = isinstance(value, float) and math.isinf(value)
    return value if infinite else _number(where, what, value)


@requirement("a finite real number")
def _number(where: str, what: str, value: Any) -> Any:
    if isinstance(value, Tracer):
        return value
    if isinstance(value, bool | str | bytes) or not np.isscalar(value):
        raise TypeError(
            f"`{where}` needs `{what}` to be a number. Got {value!r}."
            f"{_shape_hint(where, value)}"
        )
    if isinstance(value, complex) or not math.isfinite(float(value)):
        raise ValueError(
            f"`{where}` needs `{what}` to be a finite real number. Got {value!r}."
        )
    return value


def _bounded(holds: Callable[[float], bool], words: str) -> Requirement:
    def rule(where: str, what: str, value: Any) -> Any:
        _number(where, what, value)
        if not isinstance(value, Tracer) and not holds(value):
            raise ValueError(f"`{where}` needs `{what}` {words}. Got {value!r}.")
        return value

    return Requirement(words, rule)


@requirement("a whole number of at least 1")
def _count(where: str, what: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1 or isinstance(value, bool):
        raise ValueError(
            f"`{where}` needs `{what}` to be a whole number of at least 1. "
            f"Got {value!r}."
        )
    return count


@requirement("an axis or several")
def _axes(where: str, what: str, value: Any) -> int | tuple[int, ...]:
    try:
        if np.iterable(value):
            axes = tuple(map(operator.index, value))
        else:
            axes = operator.index(value)
    except TypeError:
        raise TypeError(
            f"`{where}` needs `{what}` to be an axis or a sequence of axes. "
            f"Got {value!r}."
        ) from None
    if any(abs(axis) > 32 for axis in np.atleast_1d(axes)):
        raise ValueError(
            f"`{where}` needs `{what}` to be axes of an array. Got {value!r}."
            f"{_shape_hint(where, value)}"
        )
    if isinstance(axes, tuple) and len({*axes}) < len(axes):
        raise ValueError(
            f"`{where}` needs `{what}` to be axes that differ. Got {value!r}."
            f"{_shape_hint(where, value)}"
        )
    return axes


@requirement("(fan_in, fan_out)")
def _two_fans(where: str, what: str, value: Any) -> tuple[float, float]:
    numbers = isinstance(value, Sequence) and len(value) == 2
    if not numbers or not all(isinstance(fan, int | float) for fan in value):
        raise TypeError(
            f"`{where}` needs `{what}` to be `(fan_in, fan_out)`. Got {value!r}."
        )
    if not all(0 < fan < math.inf for fan in value):
        raise ValueError(f"`{where}` needs both `{what}` above 0. Got {value!r}.")
    return tuple(value)


@requirement("a number or an array")
def _values(where: str, what: str, value: Any) -> Any:
    if isinstance(value, Tracer | Frozen):
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.array(None)
    if not (jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool):
        raise TypeError(
            f"`{where}` needs `{what}` to be a number or an array. Got {value!r}."
        )
    return Frozen(array) if array.ndim else value


def _dtype_of_kind(kind: Any, words: str) -> Requirement:
    def rule(where: str, what: str, value: Any) -> np.dtype | None:
        if value is None:
            return None
        try:
            dtype = jnp.dtype(value)
        except TypeError:
            raise TypeError(
                f"`{where}` needs `{what}` to be a dtype. Got {value!r}."
                f"{_shape_hint(where, value)}"
            ) from None
        if not jnp.issubdtype(dtype, kind):
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
    for choice in get_args(hint) if type(None) in get_args(hint) else ():
        value = check(where, what, choice, value)
    return value
