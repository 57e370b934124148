"""Masks that are known: which entries they keep, and how many along each axis."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Mask:
    """A known array of truths, at the places of the samples of a value.

    Attributes:
        rows: `(1 + axes, N)`: the truths.
        along: By axis, the same shape: the share of truths along it at each place.
    """

    rows: np.ndarray
    along: tuple[np.ndarray, ...]

    def share(self, axes: Sequence[int]) -> np.ndarray:
        """The share of truths along axes, as if they came one by one."""
        share = np.ones(self.rows.shape)
        for k in axes:
            share = share * self.along[k]
        return share

    def picked(self, order: Sequence[int | None]) -> "Mask":
        """The axes in another order; None stands for one whose entries are equal."""
        rows = [0, *(0 if i is None else 1 + i for i in order)]
        own = self.rows[rows]
        return Mask(
            own,
            tuple(own * 1.0 if i is None else self.along[i][rows] for i in order),
        )

    def spread(self, ndim: int) -> "Mask | None":
        """The same for a value of as many axes; None where it has others."""
        return self if len(self.along) == ndim else None


def mask_of(array: np.ndarray, places: Sequence[tuple[np.ndarray, ...]]) -> Mask | None:
    """The mask that an array of truths is, at several rows of places."""
    truths = array if array.dtype == bool else _truths(array)
    if truths is None:
        return None
    at = lambda values: np.stack([values[place] for place in places])
    shares = []
    for k in range(array.ndim):
        mean = truths.mean(k, keepdims=True)
        shares.append(at(np.broadcast_to(mean, truths.shape)))
    return Mask(at(truths), tuple(shares))


def _truths(array: np.ndarray) -> np.ndarray | None:
    """Of factors, what is 1 and not 0; of what is added to logits, what stays."""
    is_kept = array == 1
    if (is_kept | (array == 0)).all():
        return is_kept
    if array.dtype.kind != "f":
        return None
    pushed = array < BEYOND
    return ~pushed if pushed.any() and not pushed.all() else None


BEYOND = -1e3  # what is this far below is 0 after any exponential of a usual signal
