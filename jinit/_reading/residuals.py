"""Residual connections: x + f(x), and how many of them share a stream."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence, Set

from .._graph import (
    ancestors,
    carried,
    depths,
    Graph,
    LayerIndex,
    Link,
    nearest,
    Op,
    Value,
)


@dataclasses.dataclass(frozen=True)
class Closing:
    """A place where a residual branch is added to its stream.

    Attributes:
        branches: How many the stream sums, each iteration of a loop for itself.
        first: How many are summed there, this one included, in the first iteration.
        last: The same in the last iteration.
        turns: How many the loop around it adds in one iteration.
        start: The value that the stream starts from.
        adds: The value that the branch adds.
        layers: The numbers of the layers in the branch, in the order of computation.
    """

    branches: int
    first: int
    last: int
    turns: int
    start: Value
    adds: Value
    layers: tuple[LayerIndex, ...]

    def seen_from(self, graph: Graph, value: Value, op: Op) -> "Closing":
        """What an operation sees that reads this sum's value."""
        loop, own = (graph.loops.get(i, ()) for i in (value, op.outputs[0]))
        if len(loop) > len(own):  # after the loop
            return dataclasses.replace(self, first=self.last)
        if graph.order[graph.makers[value]] > graph.order[op]:  # one iteration later
            first, last = self.first - self.turns, self.last - self.turns
            return dataclasses.replace(self, first=first, last=last)
        return self


def find_closings(
    graph: Graph,
    outputs: Mapping[Value, LayerIndex],
    sums: Set[Value],
    data: Set[Value],
    excluded: Set[LayerIndex],
) -> tuple[dict[LayerIndex, Closing], dict[Value, Closing]]:
    """The layers that end a residual branch, and the sums that close one.

    A sum of two signals that come from a common one closes a branch if one of them is
    linear in what layers put out, and more layers lie behind it: that is the branch,
    the other the stream.

    Args:
        graph: The computation.
        outputs: The number of the layer that makes each output of one.
        sums: The values that are sums of two signals.
        data: The values that depend on data.
        excluded: Layers that close nothing: recurrent ones.

    Returns:
        By layer number, and by the number of the sum's value.
    """
    linear, depth = carried(graph, outputs, data), depths(graph, outputs)
    behind, signals = ancestors(graph), sum(1 << i for i in data)
    ends: dict[Value, frozenset[LayerIndex]] = {}
    streams: dict[Value, Value] = {}
    parts: dict[Value, tuple[Value, tuple[LayerIndex, ...]]] = {}
    for step in graph.steps:
        value = step.outputs[0]
        if value in sums:
            # Of two equally deep, what is a sum already is the stream.
            rank = lambda i: (depth.get(i, 0), i not in ends)
            stream, branch = sorted(step.inputs, key=rank)
            layers = linear.get(branch, frozenset()) - linear.get(stream, frozenset())
            before, above = behind[stream], behind[branch]
            meet = before & above & signals
            parted = rank(branch) > rank(stream) and meet
            if parted and layers and not layers & excluded:
                ends[value], streams[value] = layers, stream
                inside = above & ~before
                members = (layer for i, layer in outputs.items() if inside >> i & 1)
                parts[value] = branch, tuple(sorted(members))
    closings = {
        value: Closing(*place, *parts[value])
        for value, place in _count(graph, streams).items()
    }
    return {
        layer: closings[value] for value, layers in ends.items() for layer in layers
    }, closings


def _count(
    graph: Graph, streams: Mapping[Value, Value]
) -> dict[Value, tuple[int, int, int, int, Value]]:
    # Sums are of one stream where one is the next that the other's stream comes from.
    group = {value: value for value in streams}

    def root(value: Value) -> Value:
        while group[value] != value:
            value = group[value]
        return value

    for around in (0, 1):
        near = nearest(graph, {value: value for value in streams}, around)
        for value, stream in streams.items():
            for earlier in near.get(stream, ()):
                group[root(value)] = root(earlier)
    members: dict[Value, list[Value]] = {}
    for value in streams:
        members.setdefault(root(value), []).append(value)
    return {
        value: place
        for values in members.values()
        for value, place in _places(graph, values, streams[values[0]])
    }


def _places(
    graph: Graph, values: Sequence[Value], start: Value
) -> Iterator[tuple[Value, tuple[int, int, int, int, Value]]]:
    # The sums inside one loop take turns; those of earlier loops are all done.
    while start in graph.makers and graph.makers[start].kind is Link.CARRY:
        start = graph.makers[start].inputs[0]
    loops = [graph.loops.get(value, ()) for value in values]
    times = [math.prod(op.params.get("length", 1) for op in loop) for loop in loops]
    for i, value in enumerate(values):
        turns = [j for j, loop in enumerate(loops) if loop == loops[i]]
        first = sum(times[: turns[0]]) + turns.index(i) + 1
        last = first + (times[i] - 1) * len(turns)
        yield value, (sum(times), first, last, len(turns), start)
