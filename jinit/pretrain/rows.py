"""Rows of data, read once per epoch: an array, or a stream of arrays."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import batches_of, digits, numbers, one_array, shown, widened


_SHOWN = 1000  # rows on which progress is measured


class Stream:
    """Arrays seen through a function, one at a time and anew in every epoch."""

    def __init__(self, arrays: Iterable[Any], see: Callable[[Any], jax.Array]):
        self._arrays, self._see = arrays, see

    def __iter__(self) -> Iterator[jax.Array]:
        return map(self._see, self._arrays)

    def through(self, see: Callable[[jax.Array], jax.Array]) -> "Stream":
        """The same through one more function."""
        return Stream(self, see)


class Held(list[jax.Array]):
    """One array that stays in memory, as a stream of one."""

    def through(self, see: Callable[[jax.Array], jax.Array]) -> "Held":
        """The array that `see` makes of it."""
        return Held(map(see, self))


Rows = Stream | Held


def as_rows(where: str, data: Any) -> Rows:
    """Data as arrays `(rows, features)` that can be read in every epoch."""
    read = functools.partial(_floating, where)
    if isinstance(data, str | bytes):
        raise TypeError(f"`{where}` needs arrays of numbers. Got {shown(data)}.")
    if hasattr(data, "shape"):
        return Held([read(data)])
    if not isinstance(data, Iterable):
        raise TypeError(
            f"`{where}` needs an array or an iterable of arrays. Got {shown(data)}."
        )
    arrays = batches_of(data)
    once = iter(arrays) is arrays
    return Stream(list(arrays) if once else arrays, read)


def _floating(where: str, data: Any) -> jax.Array:
    x = jnp.asarray(numbers(where, "data", one_array(where, data)))
    if x.ndim != 2 or not x.shape[1]:
        raise ValueError(
            f"`{where}` needs arrays of shape `(rows, features)`. Got {x.shape}. For "
            "images: `x.reshape(len(x), -1)`."
        )
    if jnp.iscomplexobj(x):
        raise TypeError(f"`{where}` needs real numbers. Got {x.dtype}.")
    return widened(x)


@dataclasses.dataclass(frozen=True)
class Survey:
    """What one look at all rows finds.

    Attributes:
        mean: Of every feature.
        shown: The first rows.
    """

    mean: np.ndarray
    shown: jax.Array


def survey(where: str, rows: Rows, batch_size: int, unit_interval: bool) -> Survey:
    """Looks at all rows once; refuses what can not be learned."""
    count, largest, mean, shown = 0, 0, np.zeros(()), None
    for number, x in enumerate(rows):
        if not len(x):
            continue
        if shown is None:
            shown = x[:_SHOWN]
        if x.shape[1] != shown.shape[1]:
            raise ValueError(
                f"`{where}` needs rows of one length. Got {x.shape[1]} in array "
                f"{number} after {shown.shape[1]}."
            )
        _check_range(where, x, unit_interval, f"array {number}")
        count, largest = count + len(x), max(largest, len(x))
        own = np.asarray(x).mean(0, dtype=np.float64)
        mean = mean + (own - mean) * (len(x) / count)
    if shown is None or batch_size > largest:
        raise ValueError(
            f"`{where}` needs `batch_size` of at most the rows of an array. Got "
            f"{batch_size} for {largest} rows. Give larger arrays, or lower it."
        )
    return Survey(mean, shown)


def check_held_out(where: str, x: jax.Array, seen: Survey, unit_interval: bool) -> None:
    """Refuses rows that are not like those of the data."""
    if not len(x) or x.shape[1] != len(seen.mean):
        raise ValueError(
            f"`{where}` needs `held_out` of shape `(rows, {len(seen.mean)})`, as the "
            f"data. Got {x.shape}."
        )
    _check_range(where, x, unit_interval, "`held_out`")


def _check_range(where: str, x: jax.Array, unit_interval: bool, place: str) -> None:
    low, high = float(jnp.min(x)), float(jnp.max(x))
    if not np.isfinite([low, high]).all():
        raise ValueError(f"`{where}` needs finite numbers. Got inf or nan in {place}.")
    if unit_interval and not 0 <= low <= high <= 1:
        raise ValueError(
            f"`{where}` needs values from 0 to 1 for Bernoulli visible units. Got "
            f"{digits(low)} to {digits(high)} in {place}. Divide bytes by 255, or "
            "standardize and take `visible='gaussian'`."
        )
