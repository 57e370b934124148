"""The size of every signal, told from the computation before any weight is drawn.

Inputs count as unit signals: of mean 0 and variance 1, independent of each other.
Numbers that are not real, such as tokens and masks, count as they are where they are
given. Of a shape, a mask lets all through, and tokens are any of those that there are.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._graph import Forward, Op, Scope, Value
from .._graph.samples import EQUAL, opaque, places, Samples, Size, Source
from .integers import choices
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

    def given(value: Value) -> Samples:
        i = numbers[value]
        if i < len(model.paths):
            return parameter(value, source)
        stored = stored_paths.get(i)
        argument, kind = model.arguments[i], model.graph.types[value]
        if stored is None and _is_any_number(argument, kind):
            return _numbers(choices(model.graph, value), len(kind.shape), source)
        return _argument(argument, kind, stored, source)

    norms = {*model.facts.norms.values()}

    def settled(op: Op, scope: Scope, made: Samples) -> Samples:
        if op in norms:
            made = _normalized(op, made, [scope.get(i) for i in op.inputs])
        return after(op, scope, made)

    lazy = model.facts.leaves.keys()
    forward = Forward(model.graph, given, lazy, before, settled, source)
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


def _is_any_number(argument: Any, kind: Any) -> bool:
    is_shape = isinstance(argument, jax.ShapeDtypeStruct | Tracer)
    return is_shape and jnp.issubdtype(kind.dtype, jnp.integer)


def _numbers(count: int | None, ndim: int, source: Source) -> Samples:
    """Any of `count` whole numbers; 1, as in a mask, where nothing tells."""
    if count is None:
        return source.array(np.ones((1,) * ndim, int))
    return places(count, ndim, source)


def _argument(argument: Any, kind: Any, stored: str | None, source: Source) -> Samples:
    ndim = len(kind.shape)
    if jnp.issubdtype(kind.dtype, jax.dtypes.prng_key):
        return opaque(ndim, source)
    is_shape = isinstance(argument, jax.ShapeDtypeStruct)
    if jnp.issubdtype(kind.dtype, jnp.inexact) and stored is None:
        is_complex = jnp.issubdtype(kind.dtype, jnp.complexfloating)
        return source.gaussian(0.0, 1.0, [0.0] * ndim, is_complex)
    if not is_shape and not isinstance(argument, Tracer):
        array = np.asarray(argument)
        exact = array.dtype.kind in "biu"
        return source.array(array if exact else array.astype(float))
    if jnp.issubdtype(kind.dtype, jnp.inexact):  # an average that is still to be made
        is_variance = (stored or "").rpartition("/")[2] in {"var", "variance"}
        return source.array(np.broadcast_to(float(is_variance), kind.shape))
    if kind.dtype == bool:
        return source.array(np.broadcast_to(True, kind.shape))
    return opaque(ndim, source)
