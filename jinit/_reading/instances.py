"""Layers as they run: one instance for each iteration that has weights of its own."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .._graph import Graph, Link, Op, upstream, Value
from .following import Feed
from .layers import Layer


@dataclasses.dataclass(frozen=True, eq=False)
class Instance:
    """A layer, or one iteration of a layer in a loop that changes its kernel.

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


def outer(graph: Graph, value: Value) -> Value:
    """The number of a value outside of the loops that do not change it."""
    while value in graph.makers and graph.makers[value].kind is Link.ENTER:
        (value,) = graph.makers[value].inputs
    return value


def varying(graph: Graph, value: Value) -> tuple[Op, ...]:
    """The loops around a value that change it as they go on, outermost first."""
    behind = upstream(graph, [value])
    loops = graph.loops.get(value, ())
    return tuple(op for op in loops if not behind.isdisjoint(_changing(op)))


def copies(graph: Graph, layer: Layer) -> tuple[int, ...]:
    """How often the loops run that change the kernel, outermost first."""
    loops = varying(graph, layer.kernel.value)
    return tuple(op.params["length"] for op in loops)


def measurable(graph: Graph, layer: Layer) -> bool:
    """Whether values at the layer can be seen: in a `scan`, but not in a `cond`."""
    return all(op.scans for op in graph.loops.get(layer.output, ()))


def unmeasured(graph: Graph, layers: Sequence[Layer]) -> tuple[str, ...]:
    """The names of the layers whose values can not be seen."""
    return tuple(layer.name for layer in layers if not measurable(graph, layer))


def unroll(graph: Graph, layers: Sequence[Layer]) -> tuple[Instance, ...]:
    """The instances of all measurable layers, those of one layer side by side."""
    runs, first = [], 0
    for layer in layers:
        steps = math.prod(copies(graph, layer)) if measurable(graph, layer) else 0
        step = -1 if _is_reversed(graph, layer) else 1
        runs.append(_Run(first, steps, step))
        first += steps
    return tuple(
        Instance(
            layer,
            f"{layer.name}[{t}]" if copies(graph, layer) else layer.name,
            frozenset(_before(feed, t, run, runs)),
            feed.chained,
        )
        for layer, run in zip(layers, runs, strict=True)
        for t in range(run.steps)
        for feed in [
            layer.reads.later if 0 <= t - run.step < run.steps else layer.reads.first
        ]
    )


def _feed(layer: Layer, later: bool) -> Feed:
    return layer.reads.later if later else layer.reads.first


class _Run(NamedTuple):
    """Where the instances of a layer begin, their number, and the step between."""

    first: int
    steps: int
    step: int

    @property
    def last(self) -> int:
        """The number of the instance that runs last."""
        return self.first + (self.steps - 1 if self.step > 0 else 0)


def _before(feed: Feed, t: int, own: _Run, runs: Sequence[_Run]) -> Iterator[int]:
    for i in feed.before:
        run = runs[i]
        if not run.steps:
            continue
        if i in feed.same and t < run.steps:
            yield run.first + t
        elif 0 <= t - own.step < run.steps:  # of the iteration before
            yield run.first + t - own.step
        else:  # of an earlier loop
            yield run.last


def _changing(loop: Op) -> set[Value]:
    # What is sliced, or carried and not handed on as it was.
    links = loop.body.enter if loop.body else ()
    changing = (link for link in links if link.kind in {Link.UNSTACK, Link.CARRY})
    return {link.outputs[0] for link in changing if link.inputs[1:] != link.outputs}


def _is_reversed(graph: Graph, layer: Layer) -> bool:
    loops = varying(graph, layer.kernel.value)
    return any(op.params.get("reverse") for op in loops)
