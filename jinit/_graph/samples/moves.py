"""Operations that move entries, on samples: the same entries along other axes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .source import Source
from .value import Along, Axis, EQUAL, N, new_axis, Place, Samples


def transpose(x: Samples, order: Sequence[int]) -> Samples:
    """The axes in another order."""
    return x.picked([int(k) for k in order])


def squeeze(x: Samples, gone: Sequence[int]) -> Samples:
    """Without axes of one entry."""
    return x.picked([k for k in range(len(x.axes)) if k not in gone])


def broadcast(x: Samples, ndim: int, spread: Sequence[int]) -> Samples:
    """The same entries along new axes."""
    places = list(spread)
    return x.picked([places.index(k) if k in places else None for k in range(ndim)])


def reshape(x: Samples, before: Sequence[int], after: Sequence[int]) -> Samples:
    """Axes merged and split: a merged one differs as the least alike of its parts."""
    order: list[int | None] = []
    axes: list[Axis] = []
    for own, made in _groups(before, after):
        varying = [k for k in own if before[k] > 1 and x.axes[k] is not EQUAL]
        if not varying:
            order += [None] * len(made)
            axes += [EQUAL] * len(made)
            continue
        least = min(varying, key=x.likeness)
        whole = sum(before[k] > 1 for k in own), sum(after[k] > 1 for k in made)
        same = whole == (1, 1)
        beside = [x.axes[k].number for k in varying if k != least]
        way = [before[k] for k in own], [after[k] for k in made], beside
        for k in made:
            moving = after[k] > 1
            order.append(least if moving else None)
            axis = x.axes[least] if same else x.axes[least].reshaped((k - made[0], way))
            axes.append(axis if moving else EQUAL)
    return x.picked(order, axes)


def _groups(before: Sequence[int], after: Sequence[int]):
    """Runs of axes of both shapes that hold the same entries."""
    i = j = 0
    while i < len(before) or j < len(after):
        own, made, left, right = [], [], 1, 1
        while i < len(before) or j < len(after):
            if left <= right and i < len(before):
                left *= before[i]
                own.append(i)
                i += 1
            elif j < len(after):
                right *= after[j]
                made.append(j)
                j += 1
            else:
                left *= before[i]
                own.append(i)
                i += 1
            if left == right and own and made:
                break
        while i < len(before) and before[i] == 1 and not own:
            own.append(i)
            i += 1
        yield own, made


def part(x: Samples, which: Mapping[int, Any], after: Sequence[int]) -> Samples:
    """A slice: along an axis that is cut, the entries that `which` tells from others.

    One that is cut to a single entry is no axis more: the value lies at a place of it.
    """
    cut = {k: x.axes[k].at(w) for k, w in which.items() if x.axes[k] is not EQUAL}
    single = {k: axis for k, axis in cut.items() if after[k] == 1}
    places = (*x.places, *(Place(axis, x.rows[1 + k]) for k, axis in single.items()))
    axes = [EQUAL if n == 1 else cut.get(k, x.axes[k]) for k, n in enumerate(after)]
    order = [0, *(1 + k if n > 1 else 0 for k, n in enumerate(after))]
    return Samples(
        x.rows[order], tuple(axes), x.sources, doubt=x.doubt, places=places,
        chances=x.chances,
    )  # fmt: skip


def reordered(x: Samples, dimensions: Sequence[int], how: Any) -> Samples:
    """The same entries in another order along some axes."""
    axes = [
        a.at(how) if k in dimensions and a is not EQUAL else a
        for k, a in enumerate(x.axes)
    ]
    return Samples(x.rows, tuple(axes), x.sources, doubt=x.doubt, places=x.places)


def repeated(number: Samples, ndim: int) -> Samples:
    """A number as a value of so many axes."""
    return number.picked([None] * ndim)


def mixed(
    values: Sequence[Samples], counts: Sequence[float], axis: int, source: Source
) -> Samples:
    """Entries of several values, so many of each, one after another along an axis.

    Along that axis an entry differs from one of its own value or of another: of those,
    one is what stands beside it there. Counts whose sum is 1 are shares of many.
    """
    ndim = len(values[0].axes)
    count, ends = np.asarray(counts, float), np.cumsum(counts)
    pick = lambda: np.searchsorted(ends[:-1], ends[-1] * source.uniform())
    here, there = pick(), pick()
    if ends[-1] > 1:
        own = source.uniform() * (ends[-1] - 1) < count[here] - 1
        place = source.uniform() * (ends[-1] - count[here])
        place = np.where(place < ends[here] - count[here], place, place + count[here])
        others = np.searchsorted(ends[:-1], place, side="right")
        there = np.where(own, here, others)
    take = lambda which, k: np.stack([v.rows[k] for v in values])[which, np.arange(N)]
    rows = [take(here, 0)]
    beside = (here != there) & (source.uniform() * count[there] < 1)
    for k in range(ndim):
        if k == axis:
            rows.append(np.where(beside, take(there, 0), take(there, 1 + k)))
        else:
            rows.append(take(here, 1 + k))
    axes = []
    alike = max(v.second for v in values) < 1.5 * min(v.second for v in values)
    for k in range(ndim):
        found = [v.axes[k] for v in values]
        moving = [a for a in found if a is not EQUAL]
        if k == axis:
            free = all(a.along is Along.FREE for a in found)
            lies = [place.axis for v in values for place in v.places]
            of = next(iter([*moving, *lies]), None)
            axes.append(new_axis(Along.FREE if free else Along.SHARED, of))
        elif not moving:
            axes.append(EQUAL)
        else:
            free = len(moving) == len(found) and all(
                a.along is Along.FREE for a in moving
            )
            kind = Along.FREE if free else Along.SHARED
            mixture = moving[0]._replace(along=kind)
            axes.append(mixture if alike else mixture.of_uneven())
    sources = frozenset({source.fresh()}).union(*(v.sources for v in values))
    doubts = [v.doubt for v in values]
    return Samples(np.stack(rows), tuple(axes), sources).doubted(*doubts)


def padded(
    x: Samples, value: Samples, before: Sequence[int], after: Sequence[int],
    source: Source,
) -> Samples:  # fmt: skip
    """With a number around it, or between its entries."""
    inside = math.prod(before)
    grown = [k for k in range(len(before)) if before[k] != after[k]]
    if not grown or inside >= math.prod(after):
        return part(x, dict.fromkeys(grown, "pad"), after)
    around = repeated(value, len(x.axes))
    share = inside / math.prod(after)
    counts = [share * after[grown[0]], (1 - share) * after[grown[0]]]
    return mixed([x, around], counts, grown[0], source)


def as_batch(x: Samples, axis: int) -> Samples:
    """As if the equal entries along an axis were those of other examples."""
    rows = np.array(x.rows)
    rows[1 + axis] = x.shuffled(0).rows[0]
    axes = list(x.axes)
    axes[axis] = Axis(Along.FREE, 0, 0)
    return Samples(rows, tuple(axes), x.sources, doubt=x.doubt)
