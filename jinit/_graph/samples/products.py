"""Sums of products, on samples: of a signal with a kernel, or of any two values.

With n products summed, of values that are independent of each other,

    E y² = n E a² E b² + n (n − 1) E a a′ E b b′

where a and a′, b and b′ differ along the axes that are summed. The overlap of two
results that differ along an axis of `a` has in the place of E a² and E a a′ the
overlaps of entries that differ along that axis as well.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from . import chances, elementwise
from .source import Source
from .sums import positive, sum_of_positive
from .value import Axis, Chance, EQUAL, N, Samples


class Factor(NamedTuple):
    """One side of a product.

    Attributes:
        value: The value.
        summed: Its axes that are summed.
        kept: For each axis of the result, the axis of this value, or None.
        null: How many entries it is that sum to 0, if those that are summed do.
    """

    value: Samples
    summed: tuple[int, ...]
    kept: tuple[int | None, ...]
    null: int = 0

    @property
    def moving(self) -> list[int]:
        """The summed axes along which entries differ, without a window that moves."""
        return [
            k
            for k in self.summed
            if k not in self.kept and self.value.axes[k] is not EQUAL
        ]

    def overlap(self, result: int | None, summed: bool) -> float:
        """E a a′, of entries that differ along an axis of the result, and the sum.

        Of n entries that sum to 0, any other is −1/(n − 1) of one, on average.
        """
        if summed and self.null > 1:
            return -self.overlap(result, False) / (self.null - 1)
        along = None if result is None else self.kept[result]
        own = () if along is None else (along,)
        return self.value.overlap(*own, *(self.summed if summed else ()))


def contract(
    a: Factor, b: Factor, count: float, source: Source, groups: int = 1
) -> Samples:
    """The sum of `count` products of entries of two values.

    Where there are several `groups`, not all results are made of the same entries.
    """
    ndim = len(a.kept)
    if not (a.value.is_finite and b.value.is_finite):
        return source.gaussian(0.0, 1.0, [0.0] * ndim).doubted(
            a.value.doubt, b.value.doubt, "a factor is infinite or NaN"
        )
    if count <= 1:
        sides = [side.value.picked(side.kept) for side in (a, b)]
        made = elementwise.apply(np.multiply, sides, ndim, "mul")
        return made if count == 1 else _thinned(made, count)
    mean = count * _mean_product(a, b)
    second = max(_second(a, b, count, None), mean**2)
    variance = second - mean**2
    likeness = [
        (_second(a, b, count, k) - mean**2) / variance if variance else 1.0
        for k in range(ndim)
    ]
    likeness = [_rounded(min(max(r, -1.0), 1.0)) for r in likeness]
    is_complex = any(np.iscomplexobj(side.value.rows) for side in (a, b))
    made = source.gaussian(mean, variance, likeness, is_complex)
    if all(map(_is_positive, (a, b))):
        made = positive(made)
    for side, other in ((a, b), (b, a)):
        if _is_centered(other) and _unevenness(side, count) > UNEVEN:
            made = _stretched(made, side, count, source)
    own = tuple(_chance(a, b, k, count if groups == 1 else 0) for k in range(ndim))
    return dataclasses.replace(made, chances=own).doubted(a.value.doubt, b.value.doubt)


def _chance(a: Factor, b: Factor, along: int, count: float) -> Chance:
    """How results are alike by chance along an axis of one side, as the other is."""
    for side, other in ((a, b), (b, a)):
        axis = side.kept[along]
        if axis is not None and other.kept[along] is None and _is_centered(other):
            return chances.of_read(side.value, axis, count)
    return Chance({})


UNEVEN = 0.25  # the variance of E a² between sums, of its square, below which it is 1
FEW = 5  # entries of which a sum differs so much by chance that no formula holds


def _is_centered(side: Factor) -> bool:
    """Whether entries that are summed have nothing to do with one another."""
    apart = side.value.overlap(*side.summed)
    return abs(apart) < 1e-3 * side.value.second


def _is_positive(side: Factor) -> bool:
    rows = side.value.rows
    return bool(np.isrealobj(rows) and (rows >= 0).all())


def _unevenness(side: Factor, count: float) -> float:
    """Var s / (E s)² of the mean s of a² over what is summed, as between places.

    Where some places are masked, hold more than others, or are sums of few, it is
    large: results are normal only at one place.
    """
    squares = np.abs(side.value.rows) ** 2
    mean = squares.mean()
    if not (mean > 0 and side.moving):
        return 0.0
    beside = min(side.moving, key=side.value.likeness)
    apart = (squares[0] * squares[1 + beside]).mean() / mean**2 - 1
    alone = (squares[0] ** 2).mean() / mean**2 - 1
    by_few = alone / count if count < FEW else 0.0
    return float(by_few + (1 - 1 / count) * apart)


def _stretched(made: Samples, side: Factor, count: float, source: Source) -> Samples:
    """Results that are as large, at each place, as what is summed there."""
    value = side.value
    squares = elementwise.apply(lambda x: np.abs(x) ** 2, [value], len(value.axes))
    kept = [k for k in side.kept if k is not None]
    energy = np.stack([*sum_of_positive(squares, side.moving, kept, count, source)])
    order = [0, *(0 if k is None else 1 + kept.index(k) for k in side.kept)]
    rows = made.rows * np.sqrt(energy[order])
    rows = rows * (made.second / np.mean(np.abs(rows) ** 2)) ** 0.5
    taken = {axis.number for axis in made.axes}
    given = [None if k is None else value.axes[k] for k in side.kept]
    axes = tuple(
        _stretched_axis(own, None if axis is None or axis.number in taken else axis)
        for own, axis in zip(made.axes, given, strict=True)
    )
    return Samples(rows, axes, made.sources | value.sources, doubt=made.doubt)


def _stretched_axis(own: Axis, given: Axis | None) -> Axis:
    if own is EQUAL:
        return EQUAL
    axis = own if given is None or given is EQUAL else given
    return axis._replace(along=own.along).of_uneven()


def _second(a: Factor, b: Factor, count: float, along: int | None) -> float:
    """E y y′ of two results that differ along one axis; E y² for none."""
    alone, apart = (
        a.overlap(along, summed) * b.overlap(along, summed) for summed in (False, True)
    )
    both = [_together(a, b, along, summed) for summed in (False, True)]
    scale = a.value.second * b.value.second
    alone, apart = alone + both[0] * scale, apart + both[1] * scale
    return count * alone + count * (count - 1) * apart


def _together(a: Factor, b: Factor, along: int | None, summed: bool) -> float:
    """The covariance of the overlaps of both sides, in parts of E a² E b²."""
    if not (a.value.chances and b.value.chances):
        return 0.0
    pairs = [*zip(a.summed, b.summed, strict=True)] if summed else []
    pairs += [] if along is None else [(a.kept[along], b.kept[along])]
    found = [
        0.0
        if i is None or j is None
        else chances.together(a.value.chances[i], b.value.chances[j])
        for i, j in pairs
    ]
    return min(found, default=0.0)


def _mean_product(a: Factor, b: Factor) -> float:
    if not a.value.sources & b.value.sources:
        return a.value.mean * b.value.mean
    # Of one value with itself, as in x xᵀ: two entries at different places.
    one, other = elementwise.aligned([a.value, b.value])
    free = [k for k in b.kept if k is not None and other.axes[k] is not EQUAL]
    products = (one.rows[0] * other.rows[1 + free[0] if free else 0]).real
    by_chance = 4 * products.std() / N**0.5
    told = a.value.mean * b.value.mean
    found = float(products.mean())
    return found if abs(found - told) > by_chance else told


def _rounded(likeness: float) -> float:
    if abs(likeness) < 1e-6:
        return 0.0
    return 1.0 if likeness > 1 - 1e-9 else likeness


def _thinned(made: Samples, share: float) -> Samples:
    # Less than one product for each result: some of them are 0.
    keep = np.arange(made.rows.shape[1]) < share * made.rows.shape[1]
    order = np.random.default_rng(0).permutation(len(keep))
    return Samples(made.rows * keep[order], made.axes, made.sources, doubt=made.doubt)


def dot_general(
    a: Samples,
    b: Samples,
    numbers: Sequence,
    shapes: tuple[Sequence[int], Sequence[int]],
    source: Source,
    zeros: Sequence[frozenset[int]],
) -> Samples:
    """`lax.dot_general`: batch axes, then those of `a`, then those of `b`."""
    (ca, cb), (ba, bb) = numbers
    ca, cb, ba, bb = (tuple(map(int, axes)) for axes in (ca, cb, ba, bb))
    free_a = [k for k in range(len(a.axes)) if k not in (*ca, *ba)]
    free_b = [k for k in range(len(b.axes)) if k not in (*cb, *bb)]
    none_a, none_b = [None] * len(free_b), [None] * len(free_a)
    nulls = [_null(*side) for side in zip((ca, cb), shapes, zeros, strict=True)]
    return contract(
        Factor(a, ca, (*ba, *free_a, *none_a), nulls[0]),
        Factor(b, cb, (*bb, *none_b, *free_b), nulls[1]),
        math.prod(shapes[0][k] for k in ca),
        source,
        math.prod(shapes[0][k] for k in ba),
    )


def _null(summed: tuple[int, ...], shape: Sequence[int], zeros: frozenset[int]) -> int:
    """How many entries sum to 0, if those that are summed do; else 0."""
    return math.prod(shape[k] for k in summed) if zeros == {*summed} else 0


def convolution(
    x: Samples,
    kernel: Samples,
    shapes: tuple[Sequence[int], Sequence[int], Sequence[int]],
    params: dict,
    source: Source,
    zeros: Sequence[frozenset[int]],
) -> Samples:
    """`lax.conv_general_dilated`: the window and the channels are summed."""
    numbers, (x_shape, k_shape, out_shape) = params["dimension_numbers"], shapes
    (xb, xf, *xs), (ko, ki, *ks), (ob, of, *os) = numbers
    counts = [
        taps(x_shape[xs[i]], k_shape[ks[i]], out_shape[os[i]], i, params)
        for i in range(len(xs))
    ]
    kept_x: list[int | None] = [None] * len(out_shape)
    kept_k: list[int | None] = [None] * len(out_shape)
    kept_x[ob], kept_k[of] = xb, ko
    for there, here in zip(os, xs, strict=True):
        kept_x[there] = here
    return contract(
        Factor(x, (xf, *xs), tuple(kept_x)),
        Factor(kernel, (ki, *ks), tuple(kept_k), _null((ki, *ks), k_shape, zeros[1])),
        k_shape[ki] * math.prod(counts),
        source,
        params["feature_group_count"],
    )


def taps(size: int, window: int, results: int, i: int, params: dict) -> float:
    """The entries of the input in a window, averaged over places; not the padding."""
    low, _ = params["padding"][i]
    into, apart = params["lhs_dilation"][i], params["rhs_dilation"][i]
    starts = np.arange(results)[:, None] * params["window_strides"][i] - low
    places = starts + apart * np.arange(window)
    there = (places >= 0) & (places <= (size - 1) * into) & (places % into == 0)
    return float(there.sum(1).mean())
