"""Fresh samples: normal numbers, uniform ones, entries of an array.

Every source runs through the same N = p² quantiles, in another order: the columns of an
orthogonal array of strength two. So one source is integrated exactly, and any two that
follow each other as on a grid of p × p cells, each of which holds one sample.

References:
    Tang. Orthogonal array-based Latin hypercubes. Journal of the American Statistical
    Association 88, 1993.
    Bose. On the application of the properties of Galois fields to the problem of
    construction of hyper-Graeco-Latin squares. Sankhyā 3, 1938.
"""

import functools
import itertools
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .masks import mask_of
from .value import (
    Along,
    Axis,
    EQUAL,
    N,
    new_axis,
    number_anew,
    P,
    Samples,
    seed,
    unrepeated,
)


NEAR = 60  # places in the order of entries: as far as entries count as like another


@functools.cache
def _normal_quantiles() -> np.ndarray:
    inverse = statistics.NormalDist().inv_cdf
    scores = np.array([inverse((i + 0.5) / N) for i in range(N)])
    return scores / scores.std()


@functools.cache
def _uniform_quantiles() -> np.ndarray:
    return (np.arange(N) + 0.5) / N


@functools.lru_cache(maxsize=2**14)
def _column(number: int) -> np.ndarray:
    """The order in which a source takes the quantiles: the column of that number.

    There are p columns; after them the rows are shuffled, and the columns come again.
    """
    epoch, a = divmod(number, P)
    rng, (i, j) = np.random.default_rng(number), _grid(epoch)
    level = rng.permutation(P)[(a * i + j) % P]
    order = np.empty(N, np.int16)
    order[np.argsort(level + rng.random(N))] = np.arange(N)
    return order


@functools.lru_cache(maxsize=2**6)
def _grid(epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """The row and the column of each sample on the grid, p × p."""
    shuffled = np.random.default_rng((1, epoch)).permutation
    return np.divmod(shuffled(N) if epoch else np.arange(N), P)


@functools.cache
def _orders() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(N) for _ in range(257)])


def near(
    entries: np.ndarray, picks: np.ndarray, among: np.ndarray | None = None
) -> np.ndarray:
    """For each entry the place of one that is like it: any of a few, as `picks` say.

    That is sought `among` others, if given.
    """
    known = np.real(entries if among is None else among)
    order = np.argsort(known, kind="stable")
    if among is None:
        rank = np.empty(N, int)
        rank[order] = np.arange(N)
    else:  # of equal ones, any
        first, last = (
            np.searchsorted(known[order], np.real(entries), side)
            for side in ("left", "right")
        )
        rank = first + picks % np.maximum(last - first, 1)
    return order[(rank + picks % (2 * NEAR + 1) - NEAR).clip(0, N - 1)]


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = (np.vdot(x, x).real * np.vdot(y, y).real) ** 0.5
    return float(np.clip(np.vdot(x, y).real / scale, -1, 1)) if scale > 0 else 0.0


class Source:
    """Draws that are independent of each other; the same in every process."""

    def __init__(self) -> None:
        number_anew()
        self._count = itertools.count(1)
        self._picks: dict[tuple[int, ...], np.ndarray] = {}
        self._noises: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._known_places: dict[tuple[int, int], Places] = {}

    def fresh(self) -> int:
        """The number of a new draw."""
        return next(self._count)

    def uniform(self) -> np.ndarray:
        """N numbers, evenly from 0 to 1."""
        return _uniform_quantiles()[self._order()]

    def normal(self) -> np.ndarray:
        """N numbers of mean 0 and variance 1."""
        return _normal_quantiles()[self._order()]

    def picks(
        self, axes: tuple[int, ...], count: int, entries: np.ndarray | None
    ) -> np.ndarray:
        """`(count, N)`: samples to take for other entries along these axes.

        Any, or those whose entries are near: which these are, the first value says that
        runs along the axes.
        """
        if axes in self._picks:
            return self._picks[axes]
        orders = _orders()
        start = seed(*axes) % len(orders)
        picks = orders[(start + np.arange(count)) % len(orders)]
        if entries is not None:
            picks = near(entries, picks)
        self._picks[axes] = picks
        return picks

    def noise(self, axes: tuple[int, ...], entries: np.ndarray) -> np.ndarray:
        """What a sum along axes holds of other entries, as normal numbers.

        Sums of two functions of the same entries are as much alike as these are.
        """
        own = self.normal()
        if axes not in self._noises:
            self._noises[axes] = entries, own
            return own
        others, noise = self._noises[axes]
        r = _correlation(others, entries)
        return r * noise + (1 - r * r) ** 0.5 * own

    def _order(self) -> np.ndarray:
        return _column(self.fresh())

    def gaussian(
        self,
        mean: float,
        variance: float,
        likeness: Sequence[float],
        is_complex: bool = False,
        doubt: str = "",
    ) -> Samples:
        """Normal numbers; by axis, how much alike two entries along it are."""
        unit = self._complex if is_complex else self.normal
        first = unit()
        rows = [first]
        for r in likeness:
            rows.append(
                first if r >= 1 else _standard(r * first + (1 - r * r) ** 0.5 * unit())
            )
        axes = tuple(new_axis(_along(r)) for r in likeness)
        values = mean + variance**0.5 * np.stack(rows)
        return Samples(values, axes, frozenset({self.fresh()}), doubt=doubt)

    def _complex(self) -> np.ndarray:
        return (self.normal() + 1j * self.normal()) / 2**0.5

    def free(self, draw, ndim: int) -> Samples:
        """Independent entries along every axis, N of them by each call of `draw`."""
        rows = np.stack([draw() for _ in range(1 + ndim)])
        axes = tuple(new_axis(Along.FREE) for _ in range(ndim))
        return Samples(rows, axes, frozenset({self.fresh()}))

    def array(self, array: np.ndarray) -> Samples:
        """Entries of an array that is known."""
        array = np.asarray(array)
        ndim = array.ndim
        if array.size == 0:
            rows = np.zeros((1 + ndim, N), array.dtype)
            return Samples(rows, (EQUAL,) * ndim, array=array)
        varying = [k for k in range(ndim) if array.size > 1 and _varies(array, k)]
        if not varying:
            one, axes = array.reshape(-1)[0], (EQUAL,) * ndim
            return Samples(np.full((1 + ndim, N), one), axes, array=array)
        along = [self.places(ndim - k, n) for k, n in enumerate(array.shape)]
        here = tuple(each.here for each in along)
        every = [here]
        for k, each in enumerate(along):
            every.append((*here[:k], each.there, *here[k + 1 :]))
        rows = np.stack([array[place] for place in every])
        axes = tuple(along[k].axis if k in varying else EQUAL for k in range(ndim))
        sources = frozenset(-along[k].axis.number for k in varying)
        return Samples(rows, axes, sources, array, mask=mask_of(array, every))

    def places(self, behind: int, size: int) -> "Places":
        """Where entries lie along an axis of that size, with so many axes behind it.

        Of all arrays alike, so that what is made of one entry by entry stays beside it.
        """
        if (behind, size) not in self._known_places:
            here = np.floor(self.uniform() * size).astype(int)
            moved = 1 + np.floor(self.uniform() * max(size - 1, 1)).astype(int)
            axis = new_axis(Along.SHARED)
            found = Places(here, (here + moved) % size, axis)
            self._known_places[behind, size] = found
        return self._known_places[behind, size]


def _standard(x: np.ndarray) -> np.ndarray:
    x = x - x.mean()
    return x / np.sqrt(np.mean(np.abs(x) ** 2))


def _along(likeness: float) -> Along:
    if likeness >= 1:
        return Along.EQUAL
    return Along.SHARED if likeness else Along.FREE


def _varies(array: np.ndarray, k: int) -> bool:
    array = unrepeated(array)
    first = array[(slice(None),) * k + (slice(0, 1),)]
    alike = (array == first) | ((array != array) & (first != first))
    return not np.all(alike)


class Places(NamedTuple):
    """Places of entries along an axis, and of others that differ along it."""

    here: np.ndarray
    there: np.ndarray
    axis: Axis


def normal_scores(x: np.ndarray) -> np.ndarray:
    """Normal numbers in the order of x."""
    scores = np.empty(len(x))
    scores[np.argsort(x, kind="stable")] = _normal_quantiles()
    return scores
