"""Variances that are written as E x² − (E x)²: found, to be told as E (x − E x)².

Both are the same of numbers, and not of samples: the difference of two statistics that
are each told to a few percent may be of any sign where the mean is large.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .centered import KEEPS, number, origin
from .folding import LARGEST
from .operations import Graph, Op, Value
from .samples import elementwise, EQUAL, N, Samples
from .traits import Kind


class Variance(NamedTuple):
    """A difference L x² − c (L x)² that is L (x − m)², of linear operations L.

    Attributes:
        of: The value x.
        shape: Its shape.
        mean: A multiple of L x.
        scale: What that has to be multiplied by to be m.
        total: What L makes of 1, if it is one.
        square: The value x².
        steps: The operations that L consists of; the first one reads x².
        spread: By axis of x, the axis of the mean; None where it is taken over that.
    """

    of: Value
    shape: tuple[int, ...]
    mean: Value
    scale: float
    total: float
    square: Value
    steps: tuple[Op, ...]
    spread: tuple[int | None, ...]


def variances(graph: Graph) -> Mapping[Op, Variance]:
    """The differences that are variances."""
    found = {op: _variance(graph, *op.inputs) for op in graph.steps if op.name == "sub"}
    return {op: variance for op, variance in found.items() if variance}


def told(
    variance: Variance,
    get: Callable[[Value], Samples],
    run: Callable[[Op, list[Samples]], Sequence[Samples]],
) -> Samples | None:
    """L (x − m)² of the samples of x; None where L x² − c (L x)² is another number."""

    def linear(square: Samples) -> Samples:
        known = {variance.square: square}
        for op in variance.steps:
            operands = [known[i] if i in known else get(i) for i in op.inputs]
            (known[op.outputs[0]],) = run(op, operands)
            square = known[op.outputs[0]]
        return square

    x, mean = get(variance.of), get(variance.mean)
    if abs(linear(_ones(variance.shape)).mean / variance.total - 1) > NEAR:
        return None
    spread = mean.picked(variance.spread)
    center = dataclasses.replace(spread, rows=variance.scale * spread.rows, parts=None)
    off = elementwise.apply(np.subtract, [x, center], len(x.axes), "sub")
    return linear(elementwise.apply(np.square, [off], len(x.axes), "square"))


NEAR = 1e-3  # of 1, what weights sum to


def _ones(shape: tuple[int, ...]) -> Samples:
    """Ones of a shape, themselves known where they are not too many."""
    array = np.broadcast_to(1.0, shape) if math.prod(shape) <= LARGEST else None
    rows = np.ones((1 + len(shape), N))
    return Samples(rows, (EQUAL,) * len(shape), array=array)


def _variance(graph: Graph, of_squares: Value, square: Value) -> Variance | None:
    """Walks from both sides back to x² and to x, by the same linear operations."""
    start, c, _ = _unscaled(graph, square)
    mean = _squared(graph, start)
    if mean is None:
        return None
    one, other, steps = of_squares, mean, list[Op]()
    a = b = 1.0
    while True:
        (one, factor, scaled), (other, theirs, _) = (
            _unscaled(graph, each) for each in (one, other)
        )
        a, b, steps = a * factor, b * theirs, [*steps, *scaled]
        x = _squared(graph, one)
        start, own, _ = _unscaled(graph, one if x is None else x)
        if x is not None and start == other:
            b /= own
            break
        left, right = graph.makers.get(one), graph.makers.get(other)
        data = _compared(graph, left, right) if left and right else None
        if data is None or left is None or right is None:
            return None
        one, other, steps = left.inputs[data], right.inputs[data], [*steps, left]
    steps = tuple(reversed(steps))
    spread = _spread(graph, one, steps)
    if spread is None or not a * b * c:
        return None
    scale = c * b / a
    return Variance(
        x, tuple(graph.types[x].shape), mean, scale, a / (scale * b), one, steps, spread
    )


def _unscaled(graph: Graph, value: Value) -> tuple[Value, float, list[Op]]:
    """The value that this is a multiple of; the factor, and the operations between."""
    factor, steps = 1.0, list[Op]()
    while (op := graph.makers.get(value)) is not None:
        if op.name in {"mul", "div"}:
            own, by = op.inputs
            if op.name == "mul" and number(graph, own):
                own, by = by, own
            known = number(graph, by)
            if not known:
                break
            factor *= known if op.name == "mul" else 1 / known
        elif op.name in KEEPS:
            own = op.inputs[0]
        else:
            break
        steps, value = [*steps, op], own
    return value, factor, steps


def _squared(graph: Graph, value: Value) -> Value | None:
    """The value that this is the square of."""
    op = graph.makers.get(value)
    if op is None:
        return None
    is_product = op.name == "mul" and len({origin(graph, i) for i in op.inputs}) == 1
    is_power = op.name == "integer_pow" and op.params["y"] == 2
    return op.inputs[0] if is_product or is_power or op.name == "square" else None


_LINEAR = {Kind.MOVE, Kind.SPREAD, Kind.DEVICES, Kind.TOTAL, Kind.PRODUCT}


def _compared(graph: Graph, one: Op, other: Op) -> int | None:
    """The operand in which two operations differ, if they are linear in it."""
    if (one.name, one.params) != (other.name, other.params):
        return None
    pairs = list(zip(one.inputs, other.inputs, strict=True))
    differ = [k for k, pair in enumerate(pairs) if not _is_same(graph, *pair)]
    if len(differ) != 1:
        return None
    kind, (data,) = one.traits.kind, differ
    masks = kind is Kind.CHOICE and data > 0 and _is_zero_but(graph, one, data)
    divides = kind is Kind.QUOTIENT and data == 0
    return data if kind in _LINEAR or masks or divides else None


def _is_zero_but(graph: Graph, op: Op, data: int) -> bool:
    """Whether all that a selection selects is 0, but for one operand."""
    others = (i for k, i in enumerate(op.inputs[1:], 1) if k != data)
    constants = [graph.constants.get(origin(graph, i)) for i in others]
    return all(each is not None and not np.any(each) for each in constants)


def _is_same(graph: Graph, one: Value, other: Value, depth: int = 8) -> bool:
    """Whether two values are computed alike, of the same values and numbers."""
    if one == other:
        return True
    if one in graph.constants and other in graph.constants:
        numbers = number(graph, one), number(graph, other)
        return numbers[0] == numbers[1] != 0 or all(
            np.size(graph.constants[i]) == 1 and not graph.constants[i]
            for i in (one, other)
        )
    left, right = graph.makers.get(one), graph.makers.get(other)
    if left is None or right is None or not depth:
        return False
    alike = (left.name, left.params) == (right.name, right.params)
    pairs = zip(left.inputs, right.inputs, strict=False)
    return alike and all(_is_same(graph, *pair, depth - 1) for pair in pairs)


def _spread(
    graph: Graph, start: Value, steps: Sequence[Op]
) -> tuple[int | None, ...] | None:
    """Where linear operations put the axes of what they start with, if known."""
    shape = lambda value: tuple(graph.types[value].shape)
    first = shape(start)
    places: list[int | None] = list(range(len(first)))
    value = start
    for op in steps:
        lies = _lies(op, shape(value), shape(op.outputs[0]))
        if lies is None:
            return None
        (value,) = op.outputs
        places = [None if k is None else lies.get(k) for k in places]
    kept = [k for k, n in zip(places, first, strict=True) if k is not None and n > 1]
    return tuple(places) if len({*kept}) == len(kept) else None


def _lies(
    op: Op, before: tuple[int, ...], after: tuple[int, ...]
) -> Mapping[int, int] | None:
    """Where each axis of an operand is in the result; None if one is split."""
    if op.traits.kind in {Kind.TOTAL, Kind.DEVICES}:
        kept = [k for k in range(len(before)) if k not in op.params["axes"]]
        return {k: i for i, k in enumerate(kept)}
    placed = op.traits.places and op.traits.places(op.params, before, after)
    if not placed:
        return None
    every = [(k, i) for i, each in enumerate(placed.axes) if after[i] > 1 for k in each]
    moving = [k for k, _ in every if before[k] > 1]
    return dict(every) if len({*moving}) == len(moving) else None
