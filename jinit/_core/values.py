"""The plain form of a setting: hashable and comparable, as source text, as JSON."""

import inspect
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


# The dtype that holds every number of a kind exactly; any other kind is a float's.
_EXACT = {"b": np.int64, "i": np.int64, "u": np.int64, "c": np.complex128}


class Frozen:
    """An array as a value: read-only, hashable, equal by its numbers."""

    __module__ = "jinit.settings"  # where others find it, pickles among them

    def __init__(self, array: Any):
        array = np.asarray(array)
        self.array = np.array(array, _EXACT.get(array.dtype.kind, np.float64))
        self.array.flags.writeable = False
        self._identity = (array.shape, self.array.dtype.str, self.array.tobytes())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __reduce__(self) -> tuple:
        return Frozen, (self.array,)

    def __repr__(self) -> str:
        return repr(self.array.tolist())


def plain(value: Any) -> Any:
    """Sequences as tuples, array scalars as Python numbers: hashable, comparable."""
    try:
        return _plain(value)
    except Exception:  # too deep, a key, an array that is gone: no setting
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, Tracer):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(map(_plain, value))
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
