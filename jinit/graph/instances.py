"""Layers as they run: one instance for each iteration that has weights of its own."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

from .graph import Graph
from .layers import Layer


@dataclasses.dataclass(frozen=True, eq=False)
class Instance:
    """A layer, or one iteration of a layer in a loop that slices its kernel.

    Attributes:
        layer: The layer.
        name: The layer's name, with the iteration: `blocks/up[3]`.
        before: The numbers of the instances that feed it.
        chained: Whether it reads exactly the activation of one of them.
    """

    layer: Layer
    name: str
    before: frozenset[int]
    chained: bool


def outer(graph: Graph, value: int) -> int:
    """The number of a value outside of the loops that do not change it."""
    while value in graph.makers and graph.makers[value].name == "enter":
        (value,) = graph.makers[value].inputs
    return value


def copies(graph: Graph, layer: Layer) -> tuple[int, ...]:
    """How often the loops run that slice the kernel, outermost first."""
    loops = graph.loops.get(outer(graph, layer.kernel.value), ())
    return tuple(op.params["length"] for op in loops)


def measurable(graph: Graph, layer: Layer) -> bool:
    """Whether values at the layer can be seen: in a `scan`, but not in a `cond`."""
    return all(op.name == "scan" for op in graph.loops.get(layer.output, ()))


def unroll(graph: Graph, layers: Sequence[Layer]) -> tuple[Instance, ...]:
    """The instances of all measurable layers, those of one layer side by side."""
    counts = [
        math.prod(copies(graph, layer)) if measurable(graph, layer) else 0
        for layer in layers
    ]
    first = [0, *itertools.accumulate(counts)]
    return tuple(
        Instance(
            layer,
            f"{layer.name}[{t}]" if copies(graph, layer) else layer.name,
            frozenset(_before(layer, t, counts, first)),
            (layer.later if t else layer.first).chained,
        )
        for layer, count in zip(layers, counts, strict=True)
        for t in range(count)
    )


def _before(
    layer: Layer, t: int, counts: Sequence[int], first: Sequence[int]
) -> Iterator[int]:
    feed = layer.later if t else layer.first
    for i in feed.before:
        if i in feed.same and t < counts[i]:
            yield first[i] + t
        elif counts[i]:
            # Of the iteration before; of an earlier loop, the last one.
            yield first[i] + ((t if t < counts[i] else 0) or counts[i]) - 1
