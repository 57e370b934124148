"""The size of every signal, told from the computation before any weight is drawn.

Inputs count as unit signals: of mean 0 and variance 1, independent of each other. So
does what a model makes of them by constants first, which is to standardize them.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from .._graph import Forward, Op, Scope, Value
from .._graph.samples import EQUAL, Samples, Size, Source
from .inputs import given, standardized
from .model import Model


BY_CHANCE = 0.15  # what samples of a norm over few entries are off by
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
    numbers = {value: i for i, value in enumerate(model.graph.inputs)}
    source = Source()
    stored_paths = dict(enumerate(model.stored, len(model.paths)))

    def input_of(value: Value) -> Samples:
        i = numbers[value]
        if i < len(model.paths):
            return parameter(value, source)
        return given(
            model.graph, value, model.arguments[i], stored_paths.get(i), source
        )

    norms = {*model.facts.norms.values()}
    first = len(model.paths) + len(model.stored)
    units = standardized(model.graph, model.graph.inputs[first:])

    def settled(op: Op, scope: Scope, made: Samples) -> Samples:
        if not units.isdisjoint(op.outputs):
            made = source.gaussian(0.0, 1.0, [0.0] * len(made.axes))
        if op in norms:
            made = _normalized(op, made, [scope.get(i) for i in op.inputs])
        return after(op, scope, made)

    lazy = model.facts.leaves.keys()
    forward = Forward(model.graph, input_of, lazy, before, settled, source)
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
    usual = np.median(np.abs(statistic.rows))
    typical = signal.rows / usual if op.name == "div" else signal.rows * usual
    if made.second > (1 + BY_CHANCE) * np.mean(np.abs(typical) ** 2):
        return dataclasses.replace(made, rows=typical)
    if abs(made.second - 1) > BY_CHANCE:
        return made
    return dataclasses.replace(made, rows=made.rows / made.second**0.5)


def predicted(forward: Forward, signal: Value, output: Value) -> Prediction:
    """The sizes at a layer, over all iterations of the loops around it."""
    reads, makes = (_mean(forward.sizes.get(i, [])) for i in (signal, output))
    doubt = forward.doubts.get(output, "")
    if not (np.isfinite(reads) and np.isfinite(makes)):
        doubt = doubt or "its size is not finite"
    return Prediction(reads, makes, doubt)


def _mean(sizes: list[Size]) -> float:
    return float(np.mean([size.second for size in sizes])) if sizes else float("nan")
