"""Where the axes of a parameter go: through transposes, reshapes, slices and loops."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from .._graph import Graph, Link, Op, Placed, sweep, Value


@dataclasses.dataclass(frozen=True)
class LeafAxes:
    """A value made of one parameter leaf: which leaf axes make up each of its own.

    `parts` says, of each axis, how many of its like lie on other devices as well. A
    value is `sliced` if it holds only a part of the leaf, such as one layer of a stack.
    """

    leaf: Value
    axes: tuple[tuple[int, ...], ...]
    parts: tuple[int, ...]
    sliced: bool = False

    def placed(self, placed: Placed) -> "LeafAxes":
        """The same where an operation has put the axes in other places."""
        groups = placed.axes
        return LeafAxes(
            self.leaf,
            tuple(tuple(k for i in group for k in self.axes[i]) for group in groups),
            # Of axes that a reshape has mixed, the first counts the devices.
            tuple(
                math.prod(self.parts[i] for i in group if group not in groups[:place])
                for place, group in enumerate(groups)
            ),
            self.sliced or placed.sliced,
        )


def track(
    graph: Graph, leaves: Mapping[Value, frozenset[Value]]
) -> dict[Value, LeafAxes]:
    """The axes of every value made of one leaf, or mainly of one: of its largest."""
    types = graph.types
    start = {
        i: LeafAxes(i, tuple((k,) for k in range(types[i].ndim)), (1,) * types[i].ndim)
        for i in graph.inputs
        if leaves.get(i) == {i}
    }

    def rule(op: Op, known: dict[Value, LeafAxes]) -> LeafAxes | None:
        found = [known[i] for i in op.inputs if i in known]
        if not found or leaves.get(op.outputs[0]) is None:
            return None
        main = max(found, key=lambda axes: types[axes.leaf].size)
        source = next(i for i in op.inputs if known.get(i) is main)
        return moved(graph, op, source, main)

    return sweep(graph, start, rule)


Marks = tuple[frozenset[Any], ...]


def followed(graph: Graph, start: Mapping[Value, Marks]) -> dict[Value, Marks]:
    """The marks on each axis of a value, handed on from those at the start."""

    def rule(op: Op, known: dict[Value, Marks]) -> Marks | None:
        ndim = graph.types[op.outputs[0]].ndim
        found = [_handed_on(graph, op, i, known[i]) for i in op.inputs if i in known]
        found = [marks for marks in found if marks and len(marks) == ndim]
        columns = zip(*found, strict=True)
        return tuple(frozenset().union(*column) for column in columns) or None

    return sweep(graph, start, rule)


def _handed_on(graph: Graph, op: Op, source: Value, marks: Marks) -> Marks | None:
    before, after = (graph.types[i].shape for i in (source, op.outputs[0]))
    if op.kind == "dot_general":
        return _multiplied(graph, op, source, marks)
    if op.traits.reduces and "axes" in op.params:
        return tuple(m for k, m in enumerate(marks) if k not in op.params["axes"])
    if op.traits.places is None:
        return marks if before == after else None
    placed = op.traits.places(op.params, before, after)
    if placed is None:
        return None
    return tuple(frozenset().union(*(marks[i] for i in own)) for own in placed.axes)


def _multiplied(graph: Graph, op: Op, source: Value, marks: Marks) -> Marks:
    # The axes that are shared, those of the first operand, those of the second.
    contracted, batched = op.params["dimension_numbers"]
    found: list[frozenset[Any]] = []
    for position, value in enumerate(op.inputs):
        own = marks if value == source else (frozenset(),) * graph.types[value].ndim
        shared = [own[k] for k in batched[position]]
        gone = {*contracted[position], *batched[position]}
        found = found if position else shared
        if position:
            pairs = zip(found, shared, strict=False)
            found[: len(shared)] = [a | b for a, b in pairs]
        found += [m for k, m in enumerate(own) if k not in gone]
    return tuple(found)


def moved(graph: Graph, op: Op, source: Value, axes: LeafAxes) -> LeafAxes | None:
    """The axes of what an operation makes of its operand `source`, which has `axes`."""
    before, after = (graph.types[i].shape for i in (source, op.outputs[0]))
    places = op.traits.places
    placed = places(op.params, before, after) if places else None
    if placed is None:
        return None
    found = axes.placed(placed)
    return _sharded(graph, found, after) if op.kind is Link.SHARD else found


def _sharded(graph: Graph, axes: LeafAxes, shape: tuple[int, ...]) -> LeafAxes:
    whole = graph.types[axes.leaf].shape
    parts = tuple(
        whole[own[0]] // size if own else 1
        for own, size in zip(axes.axes, shape, strict=True)
    )
    return dataclasses.replace(axes, parts=parts)
