"""Residual connections: x + f(x), and how many of them share a stream."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence, Set

from .._graph import Graph, LayerIndex, Link, nearest, Op, softened, Value
from .facts import Facts
from .streams import Streams


_Near = Mapping[Value, frozenset[Value]]


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

    @property
    def places(self) -> tuple[int, ...]:
        """Its place among the branches of the stream in every iteration, from 0."""
        return tuple(range(self.first - 1, self.last, self.turns))

    def seen_from(self, graph: Graph, value: Value, op: Op) -> "Closing":
        """What an operation sees that reads this sum's value."""
        loop, own = (graph.loops.get(i, ()) for i in (value, op.outputs[0]))
        if len(loop) > len(own):  # after the loop
            return dataclasses.replace(self, first=self.last)
        if graph.order[graph.makers[value]] > graph.order[op]:  # one iteration later
            first, last = self.first - self.turns, self.last - self.turns
            return dataclasses.replace(self, first=first, last=last)
        return self


@dataclasses.dataclass(frozen=True)
class _Sum:
    """A stream and a branch that leaves it at `meeting`, as they are added.

    The branch is linear in its `ends`, the outputs of layers and norms. The stream is
    linear in the meeting `plainly` if it passes no layer since.
    """

    stream: Value
    branch: Value
    meeting: Value
    plainly: bool
    ends: frozenset[Value]


def find_closings(
    facts: Facts,
    outputs: Mapping[Value, LayerIndex],
    sums: Set[Value],
    excluded: Set[LayerIndex],
) -> tuple[dict[LayerIndex, Closing], dict[Value, Closing]]:
    """The layers that end a residual branch, and the sums that close one.

    A sum of two signals closes a branch if one of them, the stream, carries linearly
    what both come from, and the other, the branch, is linear in what layers put out.

    Args:
        facts: What is known of the values.
        outputs: The number of the layer that makes each output of one.
        sums: The values that are sums of two signals.
        excluded: Layers that close nothing: recurrent ones.

    Returns:
        By layer number, and by the number of the sum's value. A layer whose output is
        normalized before the sum ends no branch: the norm undoes its scale.
    """
    graph, streams = facts.graph, Streams(facts, outputs)
    found = _found(streams, sums - softened(graph, outputs.keys()), excluded)
    near = [nearest(graph, {v: v for v in (*outputs, *found)}, k) for k in (0, 1)]
    found = _moving(streams, found, near)
    parts = {value: _inside(streams, value, each) for value, each in found.items()}
    closings = {
        value: Closing(*place, found[value].branch, parts[value])
        for value, place in _count(graph, found, near).items()
    }
    return {
        outputs[end]: closings[value]
        for value, each in found.items()
        for end in each.ends & outputs.keys()
    }, closings


def _found(
    streams: Streams, sums: Set[Value], excluded: Set[LayerIndex]
) -> dict[Value, _Sum]:
    """The sums that close a branch whose end has closed none before."""
    found: dict[Value, _Sum] = {}
    closed = frozenset(value for value, i in streams.outputs.items() if i in excluded)
    for step in streams.graph.steps:
        value = step.outputs[0]
        readers = streams.graph.readers.get(value, ())
        stopped = readers and all(r.kind == "stop_gradient" for r in readers)
        if value not in sums or stopped:
            continue
        # Of two equally deep, what is a sum already is the stream.
        rank = lambda i: (streams.depth.get(i, 0), i not in found)
        one, other = sorted(step.inputs, key=rank)
        place = _parted(streams, one, other) or _parted(streams, other, one)
        if place and place.ends - closed:
            ends = place.ends - closed
            found[value] = dataclasses.replace(place, ends=ends)
            closed |= ends
    return found


def _parted(streams: Streams, stream: Value, branch: Value) -> _Sum | None:
    """The two as a stream and a branch of it, if they are."""
    graph, above = streams.graph, streams.behind[branch]
    ways = {v: plain for v, plain in streams.back(stream).items() if above >> v & 1}
    ends = streams.ends.get(branch, frozenset()) - streams.ends.get(stream, frozenset())
    if not ways or not ends:
        return None
    order = {v: graph.order[graph.makers[v]] for v in ways if v in graph.makers}
    meeting = max(ways, key=lambda v: (ways[v], order.get(v, -1)))
    comes_from = lambda v: streams.behind[v] >> meeting & 1
    if not any(map(comes_from, ends)):
        return None
    if ways[meeting]:
        # What carries another signal as well is a stream of its own.
        own = streams.behind[stream]
        alone = all(comes_from(r) or own >> r & 1 for r in streams.roots(branch))
    else:
        # A projection of the stream, but not of a condition.
        deeper = streams.depth.get(branch, 0) > streams.depth.get(stream, 0)
        alone = deeper and streams.dominates(meeting, branch)
    return _Sum(stream, branch, meeting, ways[meeting], ends) if alone else None


def _moving(
    streams: Streams, found: Mapping[Value, _Sum], near: Sequence[_Near]
) -> dict[Value, _Sum]:
    """The sums without those of a condition, which is added again and again.

    A stream moves on: what is added next is added to the sum.
    """
    read = {v for each in found.values() for by in near for v in by[each.meeting]}
    again = {
        value
        for later, each in found.items()
        for value, earlier in found.items()
        if each.meeting == earlier.meeting
        and streams.behind[each.branch] >> value & 1
        and not streams.dominates(each.meeting, each.branch)
        for value in {later, value} - read
    }
    return {value: each for value, each in found.items() if value not in again}


def _inside(streams: Streams, value: Value, each: _Sum) -> tuple[LayerIndex, ...]:
    """The layers of a branch, but for those of a condition that others are told."""
    inside = streams.behind[each.branch] & ~streams.behind[each.stream]
    parted = lambda v: streams.behind[v] >> each.meeting & 1
    return tuple(
        sorted(
            i
            for v, i in streams.outputs.items()
            if inside >> v & 1 and (parted(v) or streams.leads_only_to(value, v))
        )
    )


def _count(
    graph: Graph, found: Mapping[Value, _Sum], near: Sequence[_Near]
) -> dict[Value, tuple[int, int, int, int, Value]]:
    # Sums are of one stream where one is the next that the other's stream comes from,
    # with no layer between but a projection of the stream.
    group = {value: value for value in found}

    def root(value: Value) -> Value:
        while group[value] != value:
            value = group[value]
        return value

    for value, each in found.items():
        for by, start in itertools.product(near, (each.stream, each.meeting)):
            for earlier in by[start] & found.keys():
                group[root(value)] = root(earlier)
    members: dict[Value, list[Value]] = {}
    for value in found:
        members.setdefault(root(value), []).append(value)
    return {
        value: place
        for values in members.values()
        for value, place in _places(graph, values, found[values[0]].stream)
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
