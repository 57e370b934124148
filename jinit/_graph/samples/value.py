"""Samples of a value: what its entries will be like, before there are any.

A value is known by entries picked at random, N of them, and, for each axis, by others
that differ from those along this axis alone. So E x, E x² and the overlap E x x′ of two
entries along an axis can all be read from it, also of what is computed entry by entry:
that is computed on the samples. Mean-field theory calls E x² and E x x′ the variance
and the covariance map.

References:
    Schoenholz, Gilmer, Ganguli, Sohl-Dickstein. Deep information propagation. ICLR
    2017. Equations 3 and 5. https://arxiv.org/abs/1611.01232
"""

import dataclasses
import enum
import functools
import itertools
import math
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .masks import Mask


P = 61  # the side of the grid on which any two sources lie: a prime
N = P**2  # samples: products of two are integrated to a few percent
LEAST = 1e-30  # what is divided by, at least
LATEST = 16  # axes that a value of many is known to run along
LITTLE = 0.15  # a correlation below which others stand beside an entry by chance


class Along(enum.Enum):
    """How the entries along one axis go together."""

    EQUAL = "equal"
    FREE = "independent"
    APART = "uncorrelated, though as large as one another"
    SHARED = "alike in part"


class Axis(NamedTuple):
    """One axis of a value: how its entries go together, and what it runs over.

    Two values of the same `number` run along together. Those of the same `root` run
    over the same entries, though maybe not together: one may be a part of the other, or
    backwards. What is made of several values runs over the entries of each: of the
    `others` by root and number as well.
    """

    along: Along
    number: int
    root: int
    others: frozenset[tuple[int, int]] = frozenset()

    @property
    def runs(self) -> frozenset[tuple[int, int]]:
        """All that it runs over, by root and number."""
        return self.others | {(self.root, self.number)}

    def meets(self, other: "Axis") -> bool:
        """Whether both run over the same entries, together or not."""
        return not {root for root, _ in self.runs}.isdisjoint(
            root for root, _ in other.runs
        )

    def is_apart(self, other: "Axis") -> bool:
        """Whether both run over some entries, and over these not together."""
        if self.number == other.number and not (self.others or other.others):
            return False
        together = {root for root, _ in self.runs & other.runs}
        theirs = {root for root, _ in other.runs}
        return any(root in theirs - together for root, _ in self.runs)

    @property
    def age(self) -> float:
        """Axes are numbered as they are made; parts of them have numbers below 0."""
        return self.number if self.number > 0 else math.inf

    def at(self, which: Any) -> "Axis":
        """The same entries at other places, which a key tells from all others."""
        moved = lambda number: -1 - seed(number, which)
        others = frozenset((root, moved(number)) for root, number in self.others)
        return self._replace(number=moved(self.number), others=others)

    def reshaped(self, how: Any) -> "Axis":
        """The axis that a reshape makes of this one: the same of the same entries."""
        made = lambda number: -1 - seed(number, how)
        others = frozenset((made(root), made(number)) for root, number in self.others)
        return Axis(self.along, made(self.number), made(self.root), others)

    def beside(self, every: Iterable["Axis"]) -> "Axis":
        """The same of what is made of values along other axes as well."""
        runs = frozenset[tuple[int, int]]().union(*(axis.runs for axis in every))
        others = sorted(runs - {(self.root, self.number)})
        return self._replace(others=frozenset(others[-LATEST:]))

    def of_uneven(self) -> "Axis":
        """The same of a value that is larger at some places than at others."""
        free = self.along is Along.FREE
        return self._replace(along=Along.APART) if free else self


class Place(NamedTuple):
    """Where a value lies along an axis that it was cut out of: at one entry of it.

    The number of the axis says which entry; the row holds others along it.
    """

    axis: Axis
    row: np.ndarray


class Chance(NamedTuple):
    """How entries that differ along an axis are alike by chance, in parts of E x²."""

    reads: Mapping[int, float]  # by what the value reads, the variance of the overlap
    more: float = 0.0  # an overlap that the samples do not show


EQUAL = Axis(Along.EQUAL, 0, 0)
_numbers = threading.local()  # of this thread's computation, so that it can be repeated


def number_anew() -> None:
    """Numbers the axes of a computation from 1 on: each run of it is the same."""
    _numbers.next = itertools.count(1)


def new_axis(along: Along, of: Axis | None = None) -> Axis:
    """An axis that no other value has; the entries `of` another in another order."""
    if along is Along.EQUAL:
        return EQUAL
    number = next(_numbers.next)
    if of is None:
        return Axis(along, number, number)
    others = frozenset((root, number) for root, _ in of.others)
    return Axis(along, number, of.root, others)


def seed(*parts: Any) -> int:
    """A number that is the same in every process."""
    return zlib.crc32(repr(parts).encode())


class Size(NamedTuple):
    """E x and E |x|² of the entries of a value."""

    mean: float
    second: float


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Entries of a value, and for each axis others that differ along it alone.

    Attributes:
        rows: `(1 + axes, N)`: entries, then for each axis those that differ along it.
        axes: The axes.
        sources: The independent draws that it is made of.
        array: The value itself where it is known.
        doubt: Why its size is not sure, if so.
        mask: Which of its entries a known mask has let through, if one has.
        parts: What it was put together from along an axis, if it was.
        places: Where it lies along axes of which it is one entry, as `x[:, 0]` is.
        chances: By axis, how its entries are alike by chance; none where they are not.
    """

    rows: np.ndarray
    axes: tuple[Axis, ...]
    sources: frozenset[int] = frozenset()
    array: np.ndarray | None = None
    doubt: str = ""
    mask: Mask | None = None
    parts: "Parts | None" = None
    places: tuple[Place, ...] = ()
    chances: tuple[Chance, ...] = ()

    @property
    def entries(self) -> np.ndarray:
        """Entries picked at random."""
        return self.rows[0]

    @functools.cached_property
    def mean(self) -> float:
        """E x, of the real part; 0 where it can not be told from it."""
        mean = np.real(self._known).mean()
        return 0.0 if mean**2 < _TINY * self.second else float(mean)

    @functools.cached_property
    def second(self) -> float:
        """E |x|²."""
        known = self._known
        if known.dtype != float:
            known = np.abs(known).astype(float)
        return float(np.mean(np.square(known)))

    @property
    def _known(self) -> np.ndarray:
        """All entries where they are known, if there are any; else the samples."""
        if self.array is None or not self.array.size:
            return self.rows
        return unrepeated(self.array)

    @functools.cached_property
    def variance(self) -> float:
        """E x² − (E x)²."""
        return max(self.second - self.mean**2, 0.0)

    @functools.cached_property
    def size(self) -> Size:
        """E x and E |x|²."""
        return Size(self.mean, self.second)

    @functools.cached_property
    def is_number(self) -> bool:
        """Whether all entries are one known number."""
        return self.array is not None and all(a is EQUAL for a in self.axes)

    def likeness(self, axis: int) -> float:
        """The correlation of two entries that differ along one axis."""
        more = self.chances[axis].more if self.chances and self.variance else 0.0
        found = self._shown_likeness(axis)
        return min(found + more * self.second / self.variance, 1.0) if more else found

    def _shown_likeness(self, axis: int) -> float:
        along = self.axes[axis].along
        if along is Along.EQUAL:
            return 1.0
        if along in {Along.FREE, Along.APART} or not self.variance:
            return 0.0
        if self.array is not None:
            found = _exact_overlap(self.array, (axis,)) - self.mean**2
            return min(max(found / self.variance, -1.0), 1.0)
        return self.likeness_to(self.rows[1 + axis])

    def likeness_to(self, others: np.ndarray) -> float:
        """The correlation of the entries with others that stand beside them."""
        product = np.mean(np.real(self.entries * others.conj()))
        means = np.real(self.entries).mean() * np.real(others).mean()
        found = float(product - means) / max(self.variance, LEAST)
        return 0.0 if abs(found) < _TINY**0.5 else min(max(found, -1.0), 1.0)

    def overlap(self, *axes: int) -> float:
        """E x x′ of two entries that differ along all of these axes; E x² for none."""
        if self.array is not None and axes:
            return _exact_overlap(self.array, tuple({*axes}))
        alike = [self.likeness(axis) for axis in axes]
        likeness = min(alike, key=abs, default=1.0)
        return self.mean**2 + likeness * self.variance

    @functools.cached_property
    def is_finite(self) -> bool:
        """Whether no entry is infinite or NaN."""
        return bool(np.isfinite(self.rows).all())

    @property
    def identity(self) -> int:
        """A number that equal samples share, and others hardly ever."""
        return zlib.crc32(np.real(self._known).astype(float).tobytes())

    def doubted(self, *why: str) -> "Samples":
        """The same, with doubts."""
        doubts = "; ".join((self.doubt, *why)).split("; ")
        return dataclasses.replace(
            self, doubt="; ".join(dict.fromkeys(filter(None, doubts)))
        )

    def shuffled(self, seed: int) -> "Samples":
        """Other entries of the same value, independent of these."""
        return self.reordered(np.random.default_rng(seed).permutation(N))

    def reordered(self, order: np.ndarray) -> "Samples":
        """The same entries, those at hand in another order."""
        places = tuple(each._replace(row=each.row[order]) for each in self.places)
        rows = self.rows[:, order]
        return dataclasses.replace(self, rows=rows, mask=None, places=places)

    def picked(
        self, order: Sequence[int | None], axes: Sequence[Axis] | None = None
    ) -> "Samples":
        """The axes in another order; None stands for one whose entries are equal."""
        rows = [0, *(0 if i is None else 1 + i for i in order)]
        own = tuple(EQUAL if i is None else self.axes[i] for i in order)
        mask = self.mask.picked(order) if self.mask else None
        parts = None if axes else self._parts_of(lambda x: x.picked(order), order)
        chances = self.chances and tuple(
            Chance({}) if i is None else self.chances[i] for i in order
        )
        return Samples(
            self.rows[rows], tuple(axes or own), self.sources, doubt=self.doubt,
            mask=mask, parts=parts, places=self.places, chances=chances,
        )  # fmt: skip

    def _parts_of(
        self, function: Callable[["Samples"], "Samples"], order: Sequence[int | None]
    ) -> "Parts | None":
        """The parts of what keeps the axes in this order, if theirs is one of them."""
        if self.parts is None or self.parts.axis not in order:
            return None
        values = tuple(map(function, self.parts.values))
        return Parts(list(order).index(self.parts.axis), values, self.parts.where)

    def with_parts_of(
        self, whole: "Samples", function: Callable[["Samples"], "Samples"],
        order: Sequence[int | None],
    ) -> "Samples":  # fmt: skip
        """The same, made by a function of `whole` that works on each part by itself."""
        return dataclasses.replace(self, parts=whole._parts_of(function, order))


class Parts(NamedTuple):
    """Values that lie along an axis, each at places of its own."""

    axis: int
    values: tuple[Samples, ...]
    where: tuple[np.ndarray, ...]


# Means and likenesses below this part of E x² are chance: the lattice is good to 0.3 %.
_TINY = 2.5e-5


def _exact_overlap(array: np.ndarray, axes: tuple[int, ...]) -> float:
    """E x x′ over all pairs of entries that differ along `axes`, and no others."""
    count = math.prod(array.shape[k] for k in axes)
    array = unrepeated(array)
    times = count // max(math.prod(array.shape[k] for k in axes), 1)
    squares = np.mean(np.abs(array.astype(complex)) ** 2)
    if count < 2:
        return float(squares)
    sums = np.abs(array.astype(complex).sum(axes) * times) ** 2
    return float((sums.mean() - count * squares) / (count * (count - 1)))


def unrepeated(array: np.ndarray) -> np.ndarray:
    """A large array without the repeats of a broadcast, as of zeros: of equal means."""
    if array.size <= LARGE:
        return array
    return array[tuple(slice(1 if step == 0 else None) for step in array.strides)]


LARGE = 2**20  # entries: of fewer, all are looked at
