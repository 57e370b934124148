"""Tables that are looked up and are a head as well, and those summed with them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .._graph import Graph, Op, sweep, Value
from .layers import Layer
from .made import factor
from .model import Model
from .uses import KERNELS, Use


@dataclasses.dataclass(frozen=True)
class Head:
    """The head that a table is, or that one is with which its entries are summed.

    Attributes:
        path: The path of the table that is the head.
        width: The terms that are summed into one logit.
        times: The number that logits are multiplied by, as 1/√d.
        normalized: Whether the head reads a signal that was normalized.
        ratio: How many times as large as those of the head a table's entries are to be,
            so that both count alike in the sum.
    """

    path: str
    width: int
    times: float = 1.0
    normalized: bool = False
    ratio: float = 1.0


def heads(model: Model, uses: Mapping[Value, Sequence[Use]]) -> Mapping[Value, Head]:
    """The heads of all tables that are one, or are summed with one, by their leaf."""
    tables = [leaf for leaf, of in uses.items() if of[0].role == "embedding"]
    found: dict[Value, Head] = {}
    for leaf in tables:
        layers = [use.layer for use in uses[leaf] if use.layer and use.role in KERNELS]
        if layers:
            found[leaf] = _head(model, leaf, layers[0])
    start = {
        use.op.outputs[0]: {leaf: 1.0}
        for leaf in tables
        for use in uses[leaf]
        if use.role == "embedding"
    }
    rule = lambda op, terms: _terms(model, op, terms)
    beside: dict[Value, Head] = {}
    for terms in sweep(model.graph, start, rule).values() if found else ():
        for tied in [leaf for leaf in terms if leaf in found][:1]:
            for leaf in terms.keys() - found.keys():
                ratio = terms[tied] / terms[leaf]
                beside.setdefault(leaf, dataclasses.replace(found[tied], ratio=ratio))
    return {**beside, **found}


def _head(model: Model, leaf: Value, layer: Layer) -> Head:
    width = model.graph.types[leaf].shape[-1]
    path, times = model.facts.path(leaf), _logits_times(model, layer)
    return Head(path, width, times, layer.reads.normalization is not None)


def _terms(
    model: Model, op: Op, terms: Mapping[Value, Mapping[Value, float]]
) -> dict[Value, float] | None:
    """The tables that a value is a sum of, each with its factor."""
    signals = [i for i in op.data if i in terms]
    if op.traits.sums:
        return {leaf: c for i in signals for leaf, c in terms[i].items()} or None
    by = _times(model, op, signals[0]) if len(signals) == 1 else None
    return {i: c * by for i, c in terms[signals[0]].items()} if by else None


def _times(model: Model, op: Op, signal: Value) -> float | None:
    """The number that an operation multiplies a signal by, if it does no more.

    What it puts in the place of single entries, as dropout does, does not count.
    """
    by = factor(model.graph, op, signal)
    if by is not None:
        return float(np.sqrt(np.mean(np.abs(by) ** 2)))
    return 1.0 if op.traits.keeps or op.traits.joins else None


def _logits_times(model: Model, layer: Layer) -> float:
    """The number that a product is multiplied by on its way out of the model."""
    value, found = layer.output, 1.0
    while value not in model.graph.outputs:
        readers = model.graph.readers.get(value, ())
        by = _times(model, readers[0], value) if len(readers) == 1 else None
        if by is None:  # a cap, as in c · tanh(z / c), leaves what is small as it is
            capped = len(readers) == 1 and readers[0].traits.elementwise
            return 1.0 if capped else found
        value, found = readers[0].outputs[0], found * by
    return found


def group_biases(model: Model) -> Iterator[Op]:
    """The look-ups of what is added to rows that read the kernel of their group."""
    graph = model.graph
    for layer in model.layers:
        if layer.op.kind != "ragged_dot_general":
            continue
        (groups,) = graph.types[layer.op.inputs[2]].shape[-1:]
        for made in _casts(graph, layer.output):
            sums = (op for op in graph.readers.get(made, ()) if op.traits.sums)
            for maker in (_uncast(graph, i) for op in sums for i in op.inputs):
                if maker and maker.traits.looks_up:
                    table = graph.types[maker.inputs[0]]
                    if table.shape[0] == groups:
                        yield maker


def _casts(graph: Graph, value: Value) -> Iterator[Value]:
    """A value, and the same in other dtypes."""
    yield value
    for op in graph.readers.get(value, ()):
        if op.traits.casts:
            yield from _casts(graph, op.outputs[0])


def _uncast(graph: Graph, value: Value) -> Op | None:
    """What makes a value, in whatever dtype."""
    maker = graph.makers.get(value)
    while maker and maker.traits.casts:
        maker = graph.makers.get(maker.inputs[0])
    return maker
