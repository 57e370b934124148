"""Values that are put together along an axis, on samples, and taken apart again.

What is concatenated, stacked or interleaved remembers its parts and where they lie: a
slice of it is what lies there, and not a mixture of all.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import elementwise, functions, moves
from .call import Call
from .source import Source
from .value import Parts, Samples


MANY = 32  # parts that are no longer told apart, entry by entry


def in_turn(axis: int, values: Sequence[Samples], sizes: Sequence[int]) -> Parts:
    """Values one after another along an axis, so many entries of each."""
    ends = np.cumsum(sizes)
    where = tuple(np.arange(n) + end - n for n, end in zip(sizes, ends, strict=True))
    return Parts(axis, tuple(values), where)


def concatenate(call: Call) -> Samples:
    """`lax.concatenate`: the parts of all, one after another."""
    axis, made, size = call.params["dimension"], [], 0
    for value, kind in zip(call.operands, call.inputs, strict=True):
        for piece, own in _pieces(value, axis, kind.shape[axis]):
            made.append((piece, size + own))
        size += kind.shape[axis]
    return joined(axis, made, call.source)


def pad(call: Call) -> Samples:
    """`lax.pad`: a number around or between the entries; parts of one axis stay."""
    x, value = call.operands
    config = call.params["padding_config"]
    grown = [k for k, each in enumerate(config) if any(each)]
    if len(grown) != 1 or min(config[grown[0]]) < 0:
        return moves.padded(x, value, call.before, call.after, call.source)
    axis, (low, _, between) = grown[0], config[grown[0]]
    inside = low + np.arange(call.before[axis]) * (between + 1)
    outside = np.setdiff1d(np.arange(call.after[axis]), inside)
    pieces = [(each, inside[own]) for each, own in _pieces(x, axis, len(inside))]
    around = moves.repeated(value, len(x.axes))
    return joined(axis, [*pieces, (around, outside)], call.source)


def stack(call: Call) -> Samples:
    """Values beside each other along a new axis."""
    axis, ndim = call.params["axis"], call.ndim
    order = [None if k == axis else k - (k > axis) for k in range(ndim)]
    wide = [(x.picked(order), np.array([i])) for i, x in enumerate(call.operands)]
    return joined(axis, wide, call.source)


def part(call: Call) -> Samples:
    """`lax.slice` and `lax.dynamic_slice`."""
    x = call.operands[0]
    cut = [k for k in range(call.ndim) if call.before[k] != call.after[k]]
    return _cut(x, {k: _which(call, k) for k in cut}, call.after, call.source)


def split(call: Call) -> Sequence[Samples]:
    """`lax.split`: runs of entries along an axis."""
    axis = call.params["axis"]
    ends = np.cumsum([out.shape[axis] for out in call.outputs]).tolist()
    return [
        _cut(
            call.operands[0], {axis: range(end - out.shape[axis], end)},
            out.shape, call.source,
        )
        for out, end in zip(call.outputs, ends, strict=True)
    ]  # fmt: skip


def unstack(call: Call) -> Sequence[Samples]:
    """The entries along an axis, one by one."""
    x, axis = call.operands[0], call.params["axis"]
    kept = [k for k in range(len(x.axes)) if k != axis]
    after = tuple(1 if k == axis else n for k, n in enumerate(call.before))
    return [
        _cut(x, {axis: range(i, i + 1)}, after, call.source).picked(kept)
        for i in range(len(call.outputs))
    ]


def each_with_each(call: Call) -> Samples | None:
    """A function entry by entry of values with parts along one axis, part by part.

    None where fewer than two have parts, or the parts are many.
    """
    axes = [x.parts.axis for x in call.operands if x.parts]
    if len(axes) < 2 or len({*axes}) != 1:
        return None
    axis, size = axes[0], call.after[axes[0]]
    each = [_pieces(x, axis, size) for x in call.operands]
    owners = np.zeros(size, int)
    for pieces in each:
        owners = owners * len(pieces) + _owner(pieces, size)
    kinds, of = np.unique(owners, return_inverse=True)
    if len(kinds) > MANY:
        return None
    function = functions.function_of(call.name, call.params)
    assert function is not None
    made = []
    for kind in range(len(kinds)):
        where = np.flatnonzero(of == kind)
        values = [_at(pieces, axis, where) for pieces in each]
        value = elementwise.apply(function, values, call.ndim, call.name)
        made.append((value, where))
    return joined(axis, made, call.source)


def _which(call: Call, axis: int) -> Any:
    """The places that a slice takes along an axis; what tells apart those unknown."""
    count = call.after[axis]
    if call.name == "slice":
        step = (call.params["strides"] or (1,) * call.ndim)[axis] if count > 1 else 1
        start = call.params["start_indices"][axis]
        return range(start, start + step * count, step)
    index = call.operands[1 + axis]
    if index.array is None:
        return index.identity
    start = min(max(int(index.array.flat[0]), 0), call.before[axis] - count)
    return range(start, start + count)


def _cut(
    x: Samples, which: dict[int, Any], after: Sequence[int], source: Source
) -> Samples:
    """What lies at some places, by axis: of the parts, each that has some of them."""
    if not which:
        return x
    places = which.get(x.parts.axis, ...) if x.parts else None
    if x.parts is None or not (places is ... or isinstance(places, range)):
        return moves.part(x, which, after)
    axis, made = x.parts.axis, []
    others = {k: each for k, each in which.items() if k != axis}
    for value, where in zip(x.parts.values, x.parts.where, strict=True):
        chosen = where if places is ... else where[np.isin(where, places)]
        if len(chosen):
            piece = _cut(_piece(value, axis, where, chosen), others, after, source)
            lies = chosen if places is ... else np.searchsorted(places, chosen)
            made.append((piece, lies))
    return joined(axis, made, source) if made else moves.part(x, which, after)


Piece = tuple[Samples, np.ndarray]  # a value, and the places where it lies


def joined(axis: int, pieces: Sequence[Piece], source: Source) -> Samples:
    """The value that consists of these pieces along an axis."""
    kept = [(value, where) for value, where in pieces if len(where)] or pieces[:1]
    if len(kept) == 1:
        return kept[0][0]
    values, where = zip(*kept, strict=True)
    made = moves.mixed(values, [len(each) for each in where], axis, source)
    return dataclasses.replace(made, parts=Parts(axis, values, where))


def _pieces(x: Samples, axis: int, size: int) -> Sequence[Piece]:
    """What a value consists of along an axis: at least of itself."""
    if x.parts and x.parts.axis == axis:
        return list(zip(x.parts.values, x.parts.where, strict=True))
    return [(x, np.arange(size))]


def _owner(pieces: Sequence[Piece], size: int) -> np.ndarray:
    """Which of the pieces lies at each place."""
    owner = np.zeros(size, int)
    for i, (_, where) in enumerate(pieces):
        owner[where] = i
    return owner


def _at(pieces: Sequence[Piece], axis: int, places: np.ndarray) -> Samples:
    """What lies at places that all belong to one of the pieces."""
    value, where = next(piece for piece in pieces if places[0] in piece[1])
    return _piece(value, axis, where, places)


def _piece(value: Samples, axis: int, where: np.ndarray, places: np.ndarray) -> Samples:
    """What lies at some of the places of a value."""
    if len(places) == len(where) or not value.axes:
        return value
    local = np.searchsorted(where, places)
    steps = {*np.diff(local).tolist()} or {1}
    run = range(local[0], local[-1] + 1, steps.pop()) if len(steps) == 1 else None
    after = [len(places) if k == axis else 2 for k in range(len(value.axes))]
    return moves.part(value, {axis: run or tuple(local.tolist())}, after)
