"""What a coordinate check looks at in a model: layers by kind, sums, norms, logits."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from ..._core import bare
from ..._graph import Op, upstream, Value
from ..._reading import Model, Trace, trace_model


Kind: TypeAlias = Literal[
    "input",
    "hidden",
    "query/key",
    "attention logits",
    "norm",
    "closing",
    "stream",
    "head",
    "outputs",
]


@dataclasses.dataclass(frozen=True)
class Watched:
    """A value that is looked at while a model trains.

    Attributes:
        name: The layer's name, the table's path, or what it is.
        kind: "input" reads the data, or looks a table up; "query/key" are compared in
            attention, to "attention logits"; a "norm" is what a normalization makes,
            with its scale and offset; "closing" are layers that end a residual branch,
            the "stream" what is after each of them; no layer follows a "head"; "hidden"
            are all others.
        value: Its number in the graph.
        times: How often it is computed: the iterations of the loops around it.
        tied: Whether it is a head whose kernel is a table that is looked up as well.
    """

    name: str
    kind: Kind
    value: Value
    times: int = 1
    tied: bool = False


def watched(model: Model) -> tuple[Watched, ...]:
    """What can be seen of a model, in the order of computation."""
    trace = trace_model(model)
    found = [
        *_tables(model, trace),
        *_layers(model, trace),
        *(Watched("norms", "norm", value) for value in _norms(model)),
        *(Watched("logits", "attention logits", value) for value in _logits(model)),
        *(Watched("stream", "stream", value) for value in model.flow.closings),
    ]
    loops = lambda each: model.graph.loops.get(each.value, ())
    seen = (each for each in found if all(op.scans for op in loops(each)))
    times = lambda each: math.prod(model.times(each.value))
    counted = (dataclasses.replace(each, times=times(each)) for each in seen)
    return tuple(sorted(counted, key=lambda each: each.value))


def _tables(model: Model, trace: Trace) -> Iterator[Watched]:
    """What is looked up in embeddings."""
    for leaf, uses in trace.source.uses.items():
        name = f"{bare(model.facts.path(leaf))} look-up"
        looks = [use.op for use in uses if use.role == "embedding"]
        for op in looks[:1]:
            yield Watched(name, "input", op.outputs[0])


def _layers(model: Model, trace: Trace) -> Iterator[Watched]:
    looked_up = {each.value for each in _tables(model, trace)}
    tables = {row.path for row in trace if row.role == "embedding"}
    for layer in model.layers:
        place, reads = layer.place, layer.reads
        fed = bool(reads.first.before or reads.later.before)
        kind: Kind = "hidden"
        if place.last:
            kind = "head"
        elif place.scores:
            kind = "query/key"
        elif place.closing:
            kind = "closing"
        elif not fed and looked_up.isdisjoint(upstream(model.graph, [layer.signal])):
            kind = "input"
        tied = place.last and layer.path in tables
        yield Watched(layer.name, kind, layer.output, tied=tied)


def _norms(model: Model) -> Iterator[Value]:
    """What normalizations make, after their scale and offset."""
    for value in model.facts.norms:
        yield _after(model, value, lambda op: op.traits.affine)


def _logits(model: Model) -> Iterator[Value]:
    """Products of queries with keys, after their factor."""
    near, scoring = model.flow.near, model.flow.scoring
    for op in model.graph.steps:
        sides = [near(i) for i in op.data] if op.traits.is_layer else []
        if len(sides) == 2 and all(side and side <= scoring for side in sides):
            yield _after(model, op.outputs[0], lambda op: op.traits.scales)


def _after(model: Model, value: Value, goes_on: Callable[[Op], bool]) -> Value:
    """What a value is once it has met the parameters and numbers behind it."""
    data = model.facts.data
    while len(readers := model.graph.readers.get(value, ())) == 1:
        (reader,) = readers
        own = not any(i in data for i in reader.inputs if i != value)
        if not own or not goes_on(reader) or len(reader.outputs) != 1:
            break
        (value,) = reader.outputs
    return value
