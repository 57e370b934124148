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


Step = tuple[Op, Value]


class Variance(NamedTuple):
    """A difference L x² − c (L x)² that is L (x − m)², of linear operations L.

    Attributes:
        of: The value x.
        shape: Its shape.
        mean: A multiple of L x.
        scale: What that has to be multiplied by to be m.
        total: What L makes of 1, if it is one.
        square: The value x².
        steps: The operations that L consists of, each with what it makes; the first one
            reads x².
        spread: By axis of x, the axis of the mean; None where it is taken over that.
    """

    of: Value
    shape: tuple[int, ...]
    mean: Value
    scale: float
    total: float
    square: Value
    steps: tuple[Step, ...]
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
        for op, value in variance.steps:
            operands = [known[i] if i in known else get(i) for i in op.inputs]
            known[value] = square = run(op, operands)[op.outputs.index(value)]
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
    one, other, steps = of_squares, mean, list[Step]()
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
        found = _alike(graph, one, other) or _beside(graph, one, other)
        if found is None:
            return None
        (one, other), factor, linear = found
        a, b, steps = a * factor, b * factor, [*steps, *linear]
    steps = tuple(reversed(steps))
    spread = _spread(graph, one, steps)
    if spread is None or not a * b * c:
        return None
    scale = c * b / a
    return Variance(
        x, tuple(graph.types[x].shape), mean, scale, a / (scale * b), one, steps, spread
    )


def _unscaled(graph: Graph, value: Value) -> tuple[Value, float, list[Step]]:
    """The value that this is a multiple of; the factor, and the operations between."""
    factor, steps = 1.0, list[Step]()
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
        steps, value = [*steps, (op, value)], own
    return value, factor, steps


def _squared(graph: Graph, value: Value) -> Value | None:
    """The value that this is the square of."""
    op = graph.makers.get(value)
    if op is None:
        return None
    is_product = op.name == "mul" and len({origin(graph, i) for i in op.inputs}) == 1
    is_power = op.name == "integer_pow" and op.params["y"] == 2
    return op.inputs[0] if is_product or is_power or op.name == "square" else None


_MOVES = {Kind.MOVE, Kind.SPREAD, Kind.DEVICES, Kind.TOTAL}
Back = tuple[tuple[Value, Value], float, list[Step]]  # two values, a factor, the steps


def _alike(graph: Graph, one: Value, other: Value) -> Back | None:
    """What two values were before the same linear operation."""
    left, right = graph.makers.get(one), graph.makers.get(other)
    if not left or not right or left.traits.kind is Kind.PART:
        return None
    if (left.name, left.params) != (right.name, right.params):
        return None
    pairs = list(zip(left.inputs, right.inputs, strict=True))
    differ = [k for k, pair in enumerate(pairs) if not _is_same(graph, *pair)]
    if len(differ) != 1:
        return None
    kind, (data,) = left.traits.kind, differ
    masks = kind is Kind.CHOICE and data > 0 and _is_zero_but(graph, left, data)
    divides = kind is Kind.QUOTIENT and data == 0
    is_linear = kind in _MOVES | {Kind.PRODUCT} or masks or divides
    return (pairs[data], 1.0, [(left, one)]) if is_linear else None


def _beside(graph: Graph, one: Value, other: Value) -> Back | None:
    """What two parts of a value were before they were put together."""
    left, right = graph.makers.get(one), graph.makers.get(other)
    if not left or not right or left.inputs != right.inputs:
        return None
    shape = lambda value: tuple(graph.types[value].shape)
    cuts = [_cut(op, shape(op.inputs[0]), v) for op, v in ((left, one), (right, other))]
    if cuts[0] is None or cuts[1] is None or cuts[0][0] != cuts[1][0]:
        return None
    axis, value, factor, steps = cuts[0][0], left.inputs[0], 1.0, [(left, one)]
    while True:
        value, own, scaled = _unscaled(graph, value)
        factor, steps, op = factor * own, [*steps, *scaled], graph.makers.get(value)
        if op is not None and op.traits.kind is Kind.JOIN:
            starts = _starts(op, axis, [shape(i) for i in op.inputs])
            parts = [starts.get(cut[1]) for cut in cuts if cut]
            if None in parts:
                return None
            one, other = (op.inputs[k] for k in parts if k is not None)
            return (one, other), factor, [*steps, (op, value)]
        moves = op is not None and op.traits.kind in _MOVES
        lies = _lies(op, shape(op.inputs[0]), shape(value)) if op and moves else None
        before = [k for k, i in (lies or {}).items() if i == (axis,)]
        if op is None or len(before) != 1:
            return None
        (axis,), steps, value = before, [*steps, (op, value)], op.inputs[0]


def _cut(
    op: Op, before: tuple[int, ...], value: Value
) -> tuple[int, tuple[int, int]] | None:
    """The axis along which a part is cut out, and from where to where."""
    place = op.outputs.index(value)
    if op.name == "unstack":
        return op.params["axis"], (place, place + 1)
    if op.name == "split":
        ends = np.cumsum([0, *op.params["sizes"]]).tolist()
        return op.params["axis"], (ends[place], ends[place + 1])
    if op.name != "slice" or {*(op.params["strides"] or ())} - {1}:
        return None
    cuts = zip(op.params["start_indices"], op.params["limit_indices"], strict=True)
    cut = [(k, each) for k, each in enumerate(cuts) if each != (0, before[k])]
    return cut[0] if len(cut) == 1 else None


def _starts(
    op: Op, axis: int, shapes: Sequence[tuple[int, ...]]
) -> Mapping[tuple[int, int], int]:
    """Which operand lies from where to where, if they are joined along this axis."""
    is_stack = op.name == "stack"
    if axis != op.params["axis" if is_stack else "dimension"]:
        return {}
    sizes = [1 if is_stack else shape[axis] for shape in shapes]
    ends = np.cumsum([0, *sizes]).tolist()
    return {(ends[k], ends[k + 1]): k for k in range(len(shapes))}


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
    graph: Graph, start: Value, steps: Sequence[Step]
) -> tuple[int | None, ...] | None:
    """Where linear operations put the axes of what they start with.

    None if one is taken apart and not summed whole, or two become one.
    """
    shape = lambda value: tuple(graph.types[value].shape)
    places = [(k,) for k in range(len(shape(start)))]
    value, split = start, set[int]()
    for op, made in steps:
        lies = _lies(op, shape(value), shape(made))
        if lies is None:
            return None
        value = made
        places = [sum((lies.get(k, ()) for k in each), ()) for each in places]
        split |= {k for k, each in enumerate(places) if len(each) > 1}
    kept = [each[0] for k, each in enumerate(places) if each and shape(start)[k] > 1]
    if len({*kept}) < len(kept) or any(places[k] for k in split):
        return None
    return tuple(each[0] if each else None for each in places)


def _lies(
    op: Op, before: tuple[int, ...], after: tuple[int, ...]
) -> Mapping[int, tuple[int, ...]] | None:
    """Where each axis of an operand is in the result, if that is known."""
    if op.traits.kind in {Kind.TOTAL, Kind.DEVICES}:
        kept = [k for k in range(len(before)) if k not in op.params["axes"]]
        return {k: (i,) for i, k in enumerate(kept)}
    placed = op.traits.places and op.traits.places(op.params, before, after)
    if not placed:
        return None
    moving = [(i, each) for i, each in enumerate(placed.axes) if after[i] > 1]
    every = {k for _, each in moving for k in each if before[k] > 1}
    return {k: tuple(i for i, each in moving if k in each) for k in every}
