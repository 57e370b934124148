"""What is known of every value of a computation: of which inputs, and of what kind."""

import dataclasses
from collections.abc import Mapping, Sequence, Set

from .._graph import (
    data_values,
    Graph,
    normalized,
    Op,
    parameter_leaves,
    rooted,
    statistics,
    uniform_values,
    Value,
)
from .axes import LeafAxes, track
from .starts import find_starts


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """Each fact about all values of a graph whose first inputs are the parameters.

    Attributes:
        graph: The computation.
        paths: The paths of the parameters.
        data: The values that depend on data.
        leaves: Of every value made of parameters alone: of which.
        axes: Where the axes of its main parameter are in such a value, if known.
        averages: The values made of averages of data; True where a root was taken.
        roots: Of every value made of parameters: those that a root was taken of.
        norms: The signals that were normalized, with the operation that divided them.
        uniform: The values that hold one fixed number.
        starts: The parameters and constants that count as data, as signals of their
            own that layers read: learned queries, grids of positions.
    """

    graph: Graph
    paths: tuple[str, ...]
    data: Set[Value]
    leaves: Mapping[Value, frozenset[Value]]
    axes: Mapping[Value, LeafAxes]
    averages: Mapping[Value, bool]
    roots: Mapping[Value, frozenset[Value]]
    norms: Mapping[Value, Op]
    uniform: Set[Value]
    starts: frozenset[Value] = frozenset()

    def fixed(self, value: Value) -> bool:
        """Whether a value comes from parameters alone."""
        return value in self.leaves

    def main_leaf(self, value: Value) -> Value:
        """The largest parameter that a value comes from."""
        axes = self.axes.get(value)
        largest = lambda i: self.graph.types[i].size
        return axes.leaf if axes else max(self.leaves[value], key=largest)

    def path(self, leaf: Value) -> str:
        """The path of a parameter."""
        return self.paths[self.graph.inputs.index(leaf)]


def read_facts(graph: Graph, paths: Sequence[str], stored: int) -> Facts:
    """Sweeps over a graph whose first inputs are the parameters at `paths`.

    Then come as many inputs as are `stored`: the model's state, such as the averages of
    a batch norm, which is no data and no parameter.
    """
    first = len(paths) + stored
    data = data_values(graph, first)
    starts = find_starts(graph, parameter_leaves(graph, first, data), data)
    data = data_values(graph, first, starts)
    known = parameter_leaves(graph, first, data)
    own = frozenset(graph.inputs[: len(paths)]) - starts
    leaves = {i: each & own for i, each in known.items() if each & own}
    averages, roots = statistics(graph, data), rooted(graph, known)
    return Facts(
        graph,
        tuple(paths),
        data,
        leaves,
        track(graph, leaves),
        averages,
        roots,
        normalized(graph, data, {*leaves}, averages, {*roots}),
        uniform_values(graph),
        starts,
    )
