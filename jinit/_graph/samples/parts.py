"""Values that are put together along an axis, on samples, and taken apart again.

What is concatenated, stacked or interleaved remembers its parts and where they lie: a
slice of it is what lies there, and not a mixture of all.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import elementwise, moves
from .source import Source
from .value import EQUAL, Parts, Samples


MANY = 32  # parts that are no longer told apart, entry by entry


def in_turn(axis: int, values: Sequence[Samples], sizes: Sequence[int]) -> Parts:
    """Values one after another along an axis, so many entries of each."""
    ends = np.cumsum(sizes)
    where = tuple(np.arange(n) + end - n for n, end in zip(sizes, ends, strict=True))
    return Parts(axis, tuple(values), where)


def joined(parts: Parts, source: Source) -> Samples:
    """The value that has these parts."""
    counts = [len(where) for where in parts.where]
    made = moves.mixed(parts.values, counts, parts.axis, source)
    return dataclasses.replace(made, parts=parts)


def concatenated(
    values: Sequence[Samples], sizes: Sequence[int], axis: int, source: Source
) -> Samples:
    """Values one after another along an axis, or the parts of which they are made."""
    whole = in_turn(axis, values, sizes)
    flat = Parts(axis, (), ())
    for value, where in zip(*whole[1:], strict=True):
        for piece, own in _pieces(value, axis, len(where)):
            flat = _with(flat, piece, where[own])
    made = moves.mixed(values, sizes, axis, source)
    return dataclasses.replace(made, parts=flat if flat.values else whole)


def padded(
    x: Samples, value: Samples, before: Sequence[int], config: Any, source: Source
) -> Samples | None:
    """With a number around or between its entries, along one axis; None otherwise."""
    grown = [k for k, each in enumerate(config) if any(each)]
    if len(grown) != 1 or min(config[grown[0]]) < 0 or not before[grown[0]]:
        return None
    axis, (low, high, between) = grown[0], config[grown[0]]
    places = low + np.arange(before[axis]) * (between + 1)
    around = Samples(
        np.broadcast_to(value.rows[0], x.rows.shape),
        (EQUAL,) * len(x.axes),
        value.sources,
        value.array,
    )
    rest = np.setdiff1d(np.arange(places[-1] + 1 + high), places)
    made = Parts(axis, (), ())
    for piece, own in _pieces(x, axis, before[axis]):
        made = _with(made, piece, places[own])
    return joined(_with(made, around, rest), source)


def sliced(x: Samples, places: np.ndarray, source: Source) -> Samples:
    """What lies at these places along the axis of the parts, in this order."""
    assert x.parts
    taken = Parts(x.parts.axis, (), ())
    for i, where in enumerate(x.parts.where):
        chosen = where[np.isin(where, places)]
        if len(chosen):
            value = _piece(x.parts, i, chosen)
            taken = _with(taken, value, np.searchsorted(places, chosen))
    return taken.values[0] if len(taken.values) == 1 else joined(taken, source)


def each_with_each(
    name: str, params: Any, operands: Sequence[Samples], ndim: int, source: Source
) -> Samples | None:
    """A function entry by entry of values with parts along one axis, part by part.

    None where fewer than two have parts, or others run along that axis.
    """
    found = [x for x in operands if x.parts]
    axes = {x.parts.axis for x in found if x.parts}
    if len(found) < 2 or len(axes) != 1:
        return None
    (axis,) = axes
    rest = [x for x in operands if not x.parts]
    if any(len(x.axes) == ndim and x.axes[axis] is not EQUAL for x in rest):
        return None
    size = sum(len(where) for where in found[0].parts.where) if found[0].parts else 0
    owners = np.stack([_owners(x.parts, size) for x in found if x.parts])
    kinds, of = np.unique(owners, axis=1, return_inverse=True)
    if kinds.shape[1] > MANY:
        return None
    function = elementwise.function_of(name, params)
    assert function is not None
    made = Parts(axis, (), ())
    for i, kind in enumerate(kinds.T):
        places, chosen = np.flatnonzero(of.ravel() == i), iter(kind)
        values = [
            _piece(x.parts, int(next(chosen)), places) if x.parts else x
            for x in operands
        ]
        made = _with(made, elementwise.apply(function, values, ndim, name), places)
    return joined(made, source)


def _piece(parts: Parts, i: int, places: np.ndarray) -> Samples:
    """What lies at some of the places of one part."""
    value, where = parts.values[i], parts.where[i]
    if len(places) == len(where):
        return value
    shapes = np.full((2, len(value.axes)), 2)  # no other axis is cut
    shapes[:, parts.axis] = len(where), len(places)
    before, after = shapes.tolist()
    return moves.part(value, before, after, tuple(np.searchsorted(where, places)))


def _owners(parts: Parts, size: int) -> np.ndarray:
    """Which of the parts lies at each place."""
    owners = np.zeros(size, int)
    for i, where in enumerate(parts.where):
        owners[where] = i
    return owners


def _pieces(x: Samples, axis: int, size: int) -> list[tuple[Samples, np.ndarray]]:
    """What a value consists of along an axis, and where: at least of itself."""
    if x.parts and x.parts.axis == axis:
        return list(zip(*x.parts[1:], strict=True))
    return [(x, np.arange(size))]


def _with(parts: Parts, value: Samples, where: np.ndarray) -> Parts:
    if not len(where):
        return parts
    return Parts(parts.axis, (*parts.values, value), (*parts.where, where))
