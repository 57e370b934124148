"""Entries chosen by size or by an index, on samples: maxima, look-ups, scatters."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import elementwise, functions, moves
from .call import Call
from .parts import in_turn
from .source import Source
from .value import Along, EQUAL, LEAST, N, new_axis, Parts, Place, Samples


def largest(x: Samples, axes: Sequence[int], count: float, source: Source) -> Samples:
    """The largest of `count` entries along `axes`.

    What the entries share is added to the largest of what is each one's own: of n
    independent numbers, the u-quantile of the largest is the u^(1/n)-quantile of one.
    """
    kept = [k for k in range(len(x.axes)) if k not in axes]
    moving = [k for k in axes if x.axes[k] is not EQUAL]
    if not moving or count <= 1 or not x.variance:
        return x.picked(kept)
    r = max(min(x.likeness(k) for k in moving), 0.0)
    order = np.sort(np.real(x.entries))
    mean = order.mean()
    top = lambda: order[_place(source.uniform() ** (1 / count))] - mean
    common, own = source.normal(), top()
    rows = []
    for k in (None, *kept):
        alike = 1.0 if k is None else max(x.likeness(k), 0.0)
        if k is not None and alike < 1:
            shared = alike * common + (1 - alike**2) ** 0.5 * source.normal()
            rest = np.where(source.uniform() < alike, own, top())
        else:
            shared, rest = common, own
        spread = (r * x.variance) ** 0.5
        rows.append(mean + spread * shared + (1 - r) ** 0.5 * rest)
    kinds = tuple(x.axes[k] for k in kept)
    return Samples(np.stack(rows), kinds, frozenset({source.fresh()}), doubt=x.doubt)


def _place(u: np.ndarray) -> np.ndarray:
    return np.minimum((u * N).astype(int), N - 1)


def among_the_largest(x: Samples, count: int, size: int, source: Source) -> Samples:
    """The largest `count` of `size` entries along the last axis, as `lax.top_k` has."""
    share = count / size
    order = np.sort(np.real(x.entries))
    draw = lambda: order[_place(1 - share * source.uniform())]
    last = len(x.axes) - 1
    rows = [draw() if k in (0, 1 + last) else x.rows[k] for k in range(1 + len(x.axes))]
    rows = [rows[0], *(draw() for _ in x.axes)]
    axes = tuple(a if a is EQUAL else new_axis(a.along) for a in x.axes)
    made = Samples(np.stack(rows), axes, frozenset({source.fresh()}), doubt=x.doubt)
    return dataclasses.replace(made, parts=_ranked(x, count, size, source))


def _ranked(x: Samples, count: int, size: int, source: Source) -> Parts | None:
    """The largest, the second largest, and so on, of `size` entries."""
    if count > MANY:
        return None
    order, last = np.sort(np.real(x.entries)), len(x.axes) - 1
    values = []
    for rank in range(count):
        draw = lambda rank=rank: order[_place(1 - (rank + source.uniform()) / size)]
        first = draw()
        rows = [
            first if k == last or x.axes[k] is EQUAL else draw()
            for k in range(last + 1)
        ]
        axes = tuple(EQUAL if k == last else x.axes[k] for k in range(last + 1))
        sources = frozenset({source.fresh()})
        values.append(Samples(np.stack([first, *rows]), axes, sources, doubt=x.doubt))
    return in_turn(last, values, (1,) * count)


MANY = 64  # ranks that are no longer told apart


def places(count: int, ndim: int, source: Source) -> Samples:
    """Whole numbers below `count`, all alike: places that an `argmax` may give."""
    draw = lambda: np.floor(source.uniform() * count).astype(np.int32)
    return source.free(draw, ndim)


def looked_up(x: Samples, indices: Samples, call: Call) -> Samples:
    """`lax.gather`: entries of `x`, other ones for other indices."""
    numbers, ndim, source = call.params["dimension_numbers"], call.ndim, call.source
    rows_of = call.before
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = iter(k for k in range(len(x.axes)) if k not in gone)
    varying = [k for k in sorted(gone) if x.axes[k] is not EQUAL]
    chosen = iter(range(len(indices.axes)))
    rows, axes = [x.rows[0]], []
    for k in range(ndim):
        if k in numbers.offset_dims:
            own = next(kept)
            rows.append(x.rows[1 + own])
            axes.append(x.axes[own])
            continue
        by = next(chosen, None)
        if not varying or by is None or indices.axes[by] is EQUAL:
            rows.append(x.rows[0])
            axes.append(EQUAL)
            continue
        # Two places may look up the same entry.
        other = x.rows[1 + varying[0]]
        same = _coincidence(indices, by, rows_of[varying[0]])
        rows.append(np.where(source.uniform() < same, x.rows[0], other))
        axis = x.axes[varying[0]]
        axes.append(new_axis(Along.SHARED if same else axis.along, axis))
    places = x.places
    if all(axis is EQUAL for axis in indices.axes):  # one entry is looked up
        by_axis = list(numbers.start_index_map)
        for k in varying:
            which = _one_of(indices, by_axis.index(k) if k in by_axis else None)
            places = (*places, Place(x.axes[k].at(which), x.rows[1 + k]))
    return Samples(
        np.stack(rows), tuple(axes), x.sources, doubt=x.doubt, places=places
    ).doubted(indices.doubt)


def _one_of(indices: Samples, column: int | None) -> Any:
    """The place that a single index names; what tells apart those unknown."""
    if indices.array is None or column is None or not indices.array.size:
        return indices.identity
    at = int(np.ravel(indices.array)[column % indices.array.size])
    return range(at, at + 1)


def _coincidence(indices: Samples, axis: int, rows: int) -> float:
    """How often two indices along an axis are one; by chance, where none is known."""
    if indices.array is None:
        return 1 / rows
    n = indices.array.shape[axis]
    lines = np.moveaxis(indices.array, axis, -1).reshape(-1, n)
    pairs = (lines[:64, :, None] == lines[:64, None, :]).mean()
    return float((pairs * n - 1) / (n - 1)) if n > 1 else 1.0


def counts(indices: np.ndarray | None, sizes: Sequence[int], each: float) -> np.ndarray:
    """How many updates places get: as these indices say, or `each` on average."""
    if indices is not None and indices.shape[-1] == len(sizes):
        places = indices.reshape(-1, len(sizes))
        places = places[((places >= 0) & (places < sizes)).all(1)]
        flat = np.ravel_multi_index(tuple(places.T), tuple(sizes))
        found = np.bincount(flat, minlength=math.prod(sizes))
        if math.isclose(found.mean(), each, rel_tol=0.5):
            return found
    return np.random.default_rng(0).poisson(each, N)


def added_up(
    x: Samples, updates: Samples, numbers: Any, counts: np.ndarray, source: Source
) -> Samples:
    """`lax.scatter_add`: to an entry of `x` is added one of these counts of updates."""
    window = list(numbers.update_window_dims)
    others = [k for k in range(len(updates.axes)) if k not in window]
    inserted = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    own = iter(window)
    places_of = [None if k in inserted else next(own) for k in range(len(x.axes))]
    draw = lambda: counts[(source.uniform() * len(counts)).astype(int)]

    def common(c: np.ndarray, *along: int) -> np.ndarray:
        alone, apart = updates.overlap(*along), updates.overlap(*along, *others)
        return c * (alone - updates.mean**2) + c * (c - 1) * (apart - updates.mean**2)

    here, first, rows = draw(), source.normal(), []
    size = np.sqrt(np.maximum(common(here), 0))
    for k in (None, *range(len(x.axes))):
        there, scale, both = here, size, size**2
        along = None if k is None else places_of[k]
        if along is not None:
            both = common(here, along)
        elif k is not None:
            there = draw()
            scale = np.sqrt(np.maximum(common(there), 0))
            both = here * there * (updates.overlap(*others) - updates.mean**2)
        r = np.clip(both / np.maximum(size * scale, LEAST), -1, 1)
        entries = r * first + (1 - r**2) ** 0.5 * source.normal()
        rows.append(there * updates.mean + scale * entries)
    axes = tuple(
        new_axis(Along.SHARED) if k is None else updates.axes[k].of_uneven()
        for k in places_of
    )
    sources = updates.sources | {source.fresh()}
    made = Samples(np.stack(rows), axes, sources, doubt=updates.doubt)
    return elementwise.apply(np.add, [x, made], len(x.axes), "add")


def overwritten(x: Samples, new: Samples, share: float, source: Source) -> Samples:
    """`lax.scatter` and updates of slices: this share of the entries is replaced."""
    if share >= 1 and len(new.axes) == len(x.axes):
        return new
    ndim = len(x.axes)
    if len(new.axes) != ndim:
        new = Samples(
            np.repeat(new.rows[:1], 1 + ndim, axis=0), (EQUAL,) * ndim, new.sources,
            doubt=new.doubt,
        )  # fmt: skip
    moving = [
        k for k in range(ndim) if x.axes[k] is not EQUAL or new.axes[k] is not EQUAL
    ]
    return moves.mixed(
        [x, new],
        [1 - min(share, 1.0), min(share, 1.0)],
        moving[0] if moving else 0,
        source,
    )


def selected(operands: Sequence[Samples], ndim: int) -> Samples:
    """`lax.select_n`: entries of one case here, of another there.

    Chosen by what has nothing to do with them, as in dropout, they have the moments of
    a mixture.
    """
    which, *cases = operands
    if which.is_number:
        chosen = cases[int(np.clip(which.entries[0], 0, len(cases) - 1))]
        return chosen if len(chosen.axes) == ndim else chosen.picked([None] * ndim)
    made = elementwise.apply(functions.FUNCTIONS["select_n"], operands, ndim)
    drawn = frozenset().union(*(case.sources for case in cases))
    if not which.sources or which.sources & drawn or made.rows.dtype.kind != "f":
        return made
    share = [float((which.rows == i).mean()) for i in range(len(cases))]
    mean = sum(p * case.mean for p, case in zip(share, cases, strict=True))
    second = sum(p * case.second for p, case in zip(share, cases, strict=True))
    rows = elementwise.exactly(made.rows, mean, second)
    return dataclasses.replace(made, rows=rows)
