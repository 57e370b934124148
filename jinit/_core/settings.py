"""What a setting may be: annotated types that refuse a bad value when it is given.

A law annotates its settings with these types. `Literal` needs no helper: its choices
are read from the annotation.
"""

import difflib
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, get_args, get_origin, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike


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


def _bound(where: str, what: str, value: Any) -> Any:
    infinite = isinstance(value, float) and math.isinf(value)
    return value if infinite else _number(where, what, value)


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


def _bounded(low: float, high: float, words: str) -> Callable:
    def rule(where: str, what: str, value: Any) -> Any:
        _number(where, what, value)
        if isinstance(value, Tracer):
            return value
        if not low <= value <= high:
            raise ValueError(f"`{where}` needs `{what}` {words}. Got {value!r}.")
        return value

    return rule


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
    return axes


class Frozen:
    """An array as a value: read-only, hashable, equal by its numbers."""

    def __init__(self, array: Any):
        array = np.asarray(array)
        exact = {"b": np.int64, "i": np.int64, "u": np.int64, "c": np.complex128}
        self.array = np.array(array, exact.get(array.dtype.kind, np.float64))
        self.array.flags.writeable = False
        self._identity = (array.shape, self.array.dtype.str, self.array.tobytes())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return repr(self.array.tolist())


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


def _dtype_of_kind(kind: Any, words: str) -> Callable:
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

    return rule


Finite = Annotated[float, _number]
Bound = Annotated[float, _bound]
NonNegative = Annotated[float, _bounded(0.0, math.inf, "at least 0")]
Fraction = Annotated[float, _bounded(0.0, 1.0, "from 0 to 1")]
Count = Annotated[int, _count]
Axes = Annotated[int | Sequence[int], _axes]
Values = Annotated[ArrayLike | Sequence[Any], _values]
AnyDType = Annotated[Any, _dtype_of_kind(jnp.generic, "a number")]
Inexact = Annotated[Any, _dtype_of_kind(jnp.inexact, "floating or complex")]
Floating = Annotated[Any, _dtype_of_kind(jnp.floating, "floating and real")]


def plain(value: Any) -> Any:
    """Lists as tuples, and array scalars as Python numbers: hashable, comparable."""
    if isinstance(value, Tracer):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if isinstance(value, np.generic | np.ndarray | jax.Array) and not np.ndim(value):
        return np.asarray(value).item()
    return value


def to_text(value: Any) -> str:
    """A setting as source text that rebuilds it."""
    if isinstance(value, np.dtype):
        return repr(value.name)
    return value.__name__ if inspect.isfunction(value) else repr(value)


def to_json(value: Any) -> Any:
    """A setting as plain JSON values."""
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Frozen):
        return value.array.tolist()
    if isinstance(value, tuple):
        return [*map(to_json, value)]
    if hasattr(value, "to_config"):
        return value.to_config()
    if callable(value):
        raise TypeError(
            "`to_config` needs settings that have a name. Got "
            f"{value!r}. Use a named activation, or a number."
        )
    return value


def check(where: str, what: str, hint: Any, value: Any) -> Any:
    """Returns `value`, put in its plain form, if the annotation `hint` allows it."""
    if hint is None or (value is None and type(None) in get_args(hint)):
        return value
    if get_origin(hint) is Literal:
        return choose(where, what, value, get_args(hint))
    for rule in getattr(hint, "__metadata__", ()):
        value = rule(where, what, value)
    for choice in get_args(hint) if type(None) in get_args(hint) else ():
        value = check(where, what, choice, value)
    return value
