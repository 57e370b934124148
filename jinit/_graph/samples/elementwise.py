"""Operations entry by entry, on samples: the formula itself."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import chances
from .functions import Function
from .source import near
from .value import (
    Along,
    Axis,
    EQUAL,
    LITTLE,
    N,
    new_axis,
    Parts,
    Place,
    Samples,
    seed,
    Size,
)


def apply(
    function: Function, operands: Sequence[Samples], ndim: int, name: str = ""
) -> Samples:
    """A function of the entries of several values, entry by entry."""
    operands = aligned(operands)
    rows = [_spread(each, ndim) for each in operands]
    if name in _OF_POSITIVE:
        rows = [_positive(each) for each in rows]
    with np.errstate(all="ignore"):
        made = function(*rows)
    made = np.broadcast_to(made, (1 + ndim, made.shape[-1]))
    doubts = [*(each.doubt for each in operands), _too_seldom(made, rows, name)]
    if name in _OF_INDEPENDENT and _are_independent(operands):
        size = _OF_INDEPENDENT[name](*(each.size for each in operands))
        made = exactly(made, *size)
        if all(map(_is_smooth, operands)) and (made < 0).any():
            pairs = [[_beside(each, k) for each in operands] for k in range(ndim)]
            overlaps = [_OF_INDEPENDENT[name](*pair).second for pair in pairs]
            made = _alike_exactly(made, size.mean, overlaps)
    centered = bool(abs(made.mean()) ** 2 < 1e-3 * np.mean(np.abs(made) ** 2))
    axes = tuple(_joined(operands, k, ndim, centered) for k in range(ndim))
    sources = frozenset().union(*(each.sources for each in operands))
    masks = [each.mask.spread(ndim) for each in operands if each.mask]
    mask = next(filter(None, masks), None)
    parts = _of_parts(function, operands, ndim, name)
    places = _places(function, operands)
    own = chances.of_function(operands, made, name)
    return Samples(
        made, axes, sources, mask=mask, parts=parts, places=places, chances=own
    ).doubted(*doubts)


def _too_seldom(made: np.ndarray, rows: Sequence[np.ndarray], name: str) -> str:
    """The doubt about what is not 0 so seldom that samples do not tell it.

    So it is with the slots of experts, each of which one token fills.
    """
    if name not in FEWEST or not all(each.any() for each in rows):
        return ""
    seen = np.count_nonzero(made[0]) if made.size else N
    return f"`{name}` hardly ever makes anything but 0" * bool(seen < FEWEST[name])


# Samples that tell a size: evenly placed ones of one class, and those of a product.
FEWEST = {"eq": 3, "mul": 30}


_OF_POSITIVE = {"log", "rsqrt", "sqrt"}
SELDOM = 0.1  # as many samples below 0 may be chance; more of them are the model's own


def _positive(rows: np.ndarray) -> np.ndarray:
    """Numbers that are positive, but for samples that say it badly.

    A statistic such as E x² − (E x)² is near 0 in some samples, and below in a few.
    """
    is_seldom = rows.dtype.kind == "f" and np.mean(rows < 0) < SELDOM
    return np.abs(rows) if is_seldom else rows


def _places(function: Function, operands: Sequence[Samples]) -> tuple[Place, ...]:
    """Where a function of several values lies: at the places of each."""
    axes = {each.axis.number: each.axis for x in operands for each in x.places}
    own = [{each.axis.number: each.row for each in x.places} for x in operands]

    def row(number: int) -> np.ndarray:
        pairs = zip(own, operands, strict=True)
        return function(*(rows.get(number, x.entries) for rows, x in pairs))

    with np.errstate(all="ignore"):
        return tuple(Place(axis, row(number)) for number, axis in axes.items())


def _of_parts(
    function: Function, operands: Sequence[Samples], ndim: int, name: str
) -> Parts | None:
    """The function of what was concatenated, each by itself, and of numbers."""
    parts = [each.parts for each in operands if each.parts]
    if len(parts) != 1 or sum(not each.is_number for each in operands) != 1:
        return None
    values = (
        apply(function, [value if x.parts else x for x in operands], ndim, name)
        for value in parts[0].values
    )
    return parts[0]._replace(values=tuple(values))


def _are_independent(operands: Sequence[Samples]) -> bool:
    every = [each.sources for each in operands]
    apart = sum(map(len, every)) == len(frozenset().union(*every))
    real = all(each.rows.dtype.kind in "fb" for each in operands)
    return apart and real and sum(map(bool, every)) > 1


def exactly(made: np.ndarray, mean: float, second: float) -> np.ndarray:
    """The same samples, moved and stretched to the moments that they have to have."""
    own, wanted = made.var(), second - mean**2
    if not (own > 0 and wanted > 0 and 0.5 < wanted / own < 2):
        return made
    if (made.mean() - mean) ** 2 < 1e-3 * second:  # zeros stay
        return made * (second / np.mean(made**2)) ** 0.5
    return mean + (made - made.mean()) * (wanted / own) ** 0.5


def _beside(x: Samples, axis: int) -> Size:
    """E x, and E x x′ of two entries that differ along one axis."""
    return Size(x.mean, x.overlap(axis) if len(x.axes) > axis else x.second)


def _is_smooth(x: Samples) -> bool:
    """Whether entries may be mixed: those that are known or masked may not."""
    fourth = np.mean(np.square(np.square(x.rows - x.mean)))
    is_heavy = bool(fourth >= HEAVY * x.variance**2)
    return x.array is None and x.mask is None and not is_heavy


HEAVY = 30.0  # ten times as many large entries as a normal value has


def _alike_exactly(
    made: np.ndarray, mean: float, overlaps: Sequence[float]
) -> np.ndarray:
    """The same samples, those along each axis a bit more or less like the entries."""
    off = made - mean
    variances = np.mean(off**2, 1)
    rows = [off[0]]
    for row, variance, overlap in zip(off[1:], variances[1:], overlaps, strict=True):
        scale = (variances[0] * variance) ** 0.5
        own = np.mean(off[0] * row) / scale if scale > 0 else 1.0
        wanted = (overlap - mean**2) / scale if scale > 0 else 1.0
        if max(abs(own), abs(wanted)) < 0.95 and abs(own - wanted) < LITTLE:
            stays = ((1 - wanted**2) / (1 - own**2)) ** 0.5
            ratio = (variance / variances[0]) ** 0.5
            row = stays * row + (wanted - stays * own) * ratio * off[0]
        rows.append(row)
    return np.stack(rows) + mean


def _sum(one: Size, other: Size) -> Size:
    mean = one.mean + other.mean
    return Size(mean, one.second + other.second + 2 * one.mean * other.mean)


def _difference(one: Size, other: Size) -> Size:
    return _sum(one, Size(-other.mean, other.second))


def _product(one: Size, other: Size) -> Size:
    return Size(one.mean * other.mean, one.second * other.second)


# What independence says of the moments, exactly.
_OF_INDEPENDENT: dict[str, Callable[[Size, Size], Size]] = {
    "add": _sum, "add_any": _sum, "mul": _product, "sub": _difference,
}  # fmt: skip


def _spread(samples: Samples, ndim: int) -> np.ndarray:
    rows = samples.rows
    return rows if len(rows) == 1 + ndim else np.repeat(rows[:1], 1 + ndim, axis=0)


def _axes(samples: Samples, ndim: int) -> tuple[Axis, ...]:
    return samples.axes if len(samples.axes) == ndim else (EQUAL,) * ndim


def _joined(operands: Sequence[Samples], k: int, ndim: int, centered: bool) -> Axis:
    """How entries go together along an axis of a function of several values.

    Uncorrelated entries that are as large as one another make correlated ones, as in
    `abs(x)`, unless the function is odd.
    """
    varying = [each for each in operands if each.rows.size and not _is_fixed(each)]
    found = [_axes(each, ndim)[k] for each in varying]
    moving = [axis for axis in found if axis is not EQUAL]
    if not moving:
        return EQUAL
    along = {axis.along for axis in found}
    kind = Along.SHARED
    if along == {Along.FREE} or (centered and along <= {Along.FREE, Along.APART}):
        kind = Along.APART if Along.APART in along else Along.FREE
    oldest = min(moving, key=lambda axis: (axis.age, axis.root))
    return oldest._replace(along=kind).beside(moving)


def _is_fixed(samples: Samples) -> bool:
    return samples.is_number or not samples.sources


def aligned(operands: Sequence[Samples]) -> list[Samples]:
    """The same, those shuffled that run otherwise over what they share with an older.

    As in `x[:, None] - x[None]`, or in `x[1:] - x[:-1]`: entries at one place are
    different entries of the same value. The oldest, such as the `x` of `x - shift(x)`,
    stays, so that the result still runs along with it.
    """
    aligned: dict[int, Samples] = {}
    for i in sorted(range(len(operands)), key=lambda i: _rank(operands[i])):
        samples = operands[i]
        for other in aligned.values():
            if samples.sources & other.sources and _differ(samples, other):
                samples = _elsewhere(samples, other)
                break
        aligned[i] = samples
    return [aligned[i] for i in range(len(operands))]


def _rank(samples: Samples) -> tuple[Any, ...]:
    """Who stays: what is masked; whole values, then those of many places; the older."""
    ages = sorted(axis.age for axis in samples.axes if axis is not EQUAL)
    return samples.mask is None, bool(samples.places), -len(samples.places), ages


def _elsewhere(samples: Samples, other: Samples) -> Samples:
    """Entries at other places than those of `other`, as they stand beside these."""
    order = np.random.default_rng(_seed(samples, other)).permutation(N)
    moved = [samples.rows[1 + k] for k in _moved(samples, other)]
    moved += [each.row for each in samples.places if _left(each, other)]
    if len(moved) == 1 and abs(samples.likeness_to(moved[0])) > LITTLE:
        order = near(samples.entries, order)
        found = samples.reordered(order)
        alike = [k for k, axis in enumerate(samples.axes) if axis is EQUAL]
        found.rows[[0, *(1 + k for k in alike)]] = moved[0][order]
    else:
        found = samples.reordered(order)
    axes = tuple(
        axis if axis is EQUAL else new_axis(axis.along, axis) for axis in samples.axes
    )
    return dataclasses.replace(found, axes=axes, array=None, parts=None)


def _differ(one: Samples, other: Samples) -> bool:
    """Whether what stands side by side are entries at different places."""
    if _moved(one, other) or any(_left(each, other) for each in one.places):
        return True
    places = {axis.number: k for k, axis in enumerate(one.axes) if axis is not EQUAL}
    return any(
        axis is not EQUAL and places.get(axis.number, k) != k
        for k, axis in enumerate(other.axes)
    )


def _moved(one: Samples, other: Samples) -> list[int]:
    """The axes along which one runs otherwise than the other, or the other lies."""
    pairs = zip(one.axes, _axes(other, len(one.axes)), strict=True)
    return [
        k
        for k, (own, axis) in enumerate(pairs)
        if own is not EQUAL
        and (own.is_apart(axis) or any(own.meets(each.axis) for each in other.places))
    ]


def _left(place: Place, other: Samples) -> bool:
    """Whether the other runs along the axis of a place, or lies elsewhere on it."""
    lies = [each.axis for each in other.places if each.axis.meets(place.axis)]
    runs = any(place.axis.meets(axis) for axis in other.axes if axis is not EQUAL)
    return runs or (bool(lies) and all(place.axis.is_apart(axis) for axis in lies))


def _seed(one: Samples, other: Samples) -> int:
    numbers = [axis.number for each in (one, other) for axis in each.axes]
    return seed(*numbers)
