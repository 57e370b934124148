"""The size of every signal, told from the computation before any weight is drawn.

Inputs count as unit signals, of mean 0 and variance 1, independent of each other, but
for classes of which one is 1. So does what a model makes of them by constants first,
which is to standardize them.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from .._graph import Forward, Op, Scope, Value
from .._graph.samples import EQUAL, Samples, Size, Source
from .batch import classes, is_real, real, told
from .inputs import given, standardized
from .model import Model


# What samples of a norm over few entries are off by; where they differ by place, more.
BY_CHANCE, UNEVENLY = 0.15, 0.5
BLANK = 0.02  # the share of zeros that chance, and no mask, may make
Parameter = Callable[[Value, Source], Samples]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What is told of a layer.

    Attributes:
        reads: E x² of what it reads.
        makes: E z² of what it makes, its bias included.
        doubt: Why these are not sure; nothing where they are.
    """

    reads: float
    makes: float
    doubt: str = ""


def run(
    model: Model,
    parameter: Parameter,
    before: Callable[[Op, Scope], None] = lambda op, scope: None,
    after: Callable[[Op, Scope, Samples], Samples] = lambda op, scope, x: x,
) -> Forward:
    """All values of a model on samples, with parameters as `parameter` has them."""
    graph, first = model.graph, len(model.paths) + len(model.stored)
    arguments = dict(zip(graph.inputs, model.arguments, strict=True))
    stored = dict(
        zip(graph.inputs[len(model.paths) : first], model.stored, strict=True)
    )
    source, weights = Source(), {*graph.inputs[: len(model.paths)]}
    inputs = [i for i in graph.inputs[first:] if is_real(graph, i)]
    batch = {i: told(arguments[i]) for i in inputs}
    holding = classes(graph, [i for i in inputs if batch[i] is None])
    units = standardized(graph, holding)

    def input_of(value: Value) -> Samples:
        if value in weights:
            return parameter(value, source)
        if value in batch:
            kind, may_hold = graph.types[value], holding.get(value, {})
            return real(kind, batch[value], may_hold, source)
        return given(graph, value, arguments[value], stored.get(value), source)

    norms = {*model.facts.norms.values()}

    def settled(op: Op, scope: Scope, made: Samples) -> Samples:
        if not units.isdisjoint(op.outputs):
            made = source.gaussian(0.0, 1.0, [0.0] * len(made.axes))
        if op in norms:
            made = _normalized(op, made, [scope.get(i) for i in op.inputs])
        return after(op, scope, made)

    lazy = model.facts.leaves.keys()
    forward = Forward(graph, input_of, lazy, before, settled, source)
    forward.run()
    return forward


def tell(model: Model, parameter: Parameter) -> Mapping[str, Prediction]:
    """What every layer reads and makes, by its name."""
    forward = run(model, parameter)
    return {
        layer.name: predicted(forward, layer.signal, layer.output)
        for layer in model.layers
    }


def _normalized(op: Op, made: Samples, operands: list[Samples]) -> Samples:
    """What a norm makes, which has E x² = 1 where samples say nearly that.

    A statistic that samples do not tell well comes near 0 in some of them. Where that
    makes results larger than the usual statistic does, this stands for it.
    """
    signal, statistic = sorted(operands, key=lambda x: x.axes.count(EQUAL))
    is_whole = statistic.variance > 0 and np.mean(signal.rows == 0) < BLANK
    if abs(made.second - 1) < (UNEVENLY if is_whole else BY_CHANCE):
        return dataclasses.replace(made, rows=made.rows / made.second**0.5)
    usual = np.median(np.abs(statistic.rows))
    typical = signal.rows / usual if op.name == "div" else signal.rows * usual
    if made.second > (1 + BY_CHANCE) * np.mean(np.abs(typical) ** 2):
        return dataclasses.replace(made, rows=typical)
    return made


def predicted(forward: Forward, signal: Value, output: Value) -> Prediction:
    """The sizes at a layer, over all iterations of the loops around it."""
    reads, makes = (_mean(forward.sizes.get(i, [])) for i in (signal, output))
    doubt = forward.doubts.get(output, "")
    if not (np.isfinite(reads) and np.isfinite(makes)):
        doubt = doubt or "its size is not finite"
    return Prediction(reads, makes, doubt)


def _mean(sizes: list[Size]) -> float:
    return float(np.mean([size.second for size in sizes])) if sizes else float("nan")
