"""Residual connections: x + f(x), and how many of them share a stream."""

import dataclasses
import math
from collections.abc import Mapping, Sequence, Set

from .flow import carried, depths, nearest
from .graph import Graph


@dataclasses.dataclass(frozen=True)
class Closing:
    """A layer's place at the end of a residual branch.

    `branches` counts those that the stream sums, each iteration of a loop for itself;
    `place` those before this one, up to the first iteration.
    """

    branches: int
    place: int


def find_closings(
    graph: Graph,
    outputs: Mapping[int, int],
    sums: Set[int],
    data: Set[int],
    excluded: Set[int],
) -> tuple[dict[int, Closing], dict[int, Closing]]:
    """The layers that end a residual branch, and the sums that close one.

    A sum of two signals closes a branch if both are linear in what layers put out, and
    more layers lie behind one of them: that is the branch, the other the stream.

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
    ends: dict[int, frozenset[int]] = {}
    streams: dict[int, int] = {}
    for step in graph.steps:
        value = step.outputs[0]
        if value in sums:
            stream, branch = sorted(step.inputs, key=lambda i: depth.get(i, 0))
            layers = linear.get(branch, frozenset()) - linear.get(stream, frozenset())
            deeper = depth.get(branch, 0) > depth.get(stream, 0)
            if deeper and layers and not layers & excluded:
                ends[value], streams[value] = layers, stream
    closings = _count(graph, streams)
    return {
        layer: closings[value] for value, layers in ends.items() for layer in layers
    }, closings


def _count(graph: Graph, streams: Mapping[int, int]) -> dict[int, Closing]:
    # Sums are of one stream where one is the next that the other's stream comes from.
    group = {value: value for value in streams}

    def root(value: int) -> int:
        while group[value] != value:
            value = group[value]
        return value

    for around in (0, 1):
        near = nearest(graph, {value: value for value in streams}, around)
        for value, stream in streams.items():
            for earlier in near.get(stream, ()):
                group[root(value)] = root(earlier)
    members: dict[int, list[int]] = {}
    for value in streams:
        members.setdefault(root(value), []).append(value)
    return {
        value: Closing(sum(times), sum(times[:i]))
        for values in members.values()
        for times in [[_times(graph, each) for each in values]]
        for i, value in enumerate(values)
    }


def _times(graph: Graph, value: int) -> int:
    loops: Sequence = graph.loops.get(value, ())
    return math.prod(loop.params.get("length", 1) for loop in loops)
