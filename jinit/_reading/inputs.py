"""What a model is given, as samples: inputs and state that are arrays or shapes."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._graph import Graph, Kind, Op, Value
from .._graph.samples import opaque, places, Samples, Source
from .batch import is_blank
from .integers import choices


RAW = 1 / 16  # a factor below it is one of numbers in another unit, such as pixels


def given(
    graph: Graph, value: Value, argument: Any, stored: str | None, source: Source
) -> Samples:
    """Samples of an input of the graph, or of the state `stored` at a path.

    Numbers that are not real, such as tokens and masks, count as they are where they
    are given. Of a shape, and of an array all of whose numbers are the same, a mask
    lets all through, and tokens are any of those that there are.
    """
    kind = graph.types[value]
    if stored is None and _is_any_number(argument, kind):
        return _numbers(choices(graph, value), kind.shape, source)
    return _argument(argument, kind, stored, source)


def standardized(graph: Graph, inputs: Iterable[Value]) -> frozenset[Value]:
    """What a model makes of real inputs by constants before it does anything else.

    It is what it takes for standardized: (x − mean) / std, or pixels over 255.
    """
    return frozenset(_standardized(graph, value) for value in inputs) - {*inputs}


def _standardized(graph: Graph, start: Value) -> Value:
    value, is_raw = start, False
    found = start
    while len(readers := graph.readers.get(value, ())) == 1:
        (op,) = readers
        if not (op.traits.moves or _is_affine(graph, op, value)):
            break
        is_raw |= op.traits.sums or _factor(graph, op, value) < RAW
        value = op.outputs[0]
        found = value if is_raw else found
    return found


def _is_affine(graph: Graph, op: Op, value: Value) -> bool:
    """Whether it scales or shifts by one number, or one for each channel."""
    others = [graph.constant(i) for i in op.inputs if i != value]
    is_divided = op.traits.kind is Kind.QUOTIENT and op.inputs[0] != value
    affine = op.traits.sums or op.traits.scales
    if not affine or is_divided or len(others) != 1 or others[0] is None:
        return False
    by = np.asarray(others[0], float)
    varies = [bool(np.ptp(by, axis=k).any()) for k in range(by.ndim)]
    return sum(varies) <= 1  # a table of positions is no standard deviation


def _factor(graph: Graph, op: Op, value: Value) -> float:
    """What an operation multiplies a value by, as a root mean square."""
    if not op.traits.scales:
        return 1.0
    (by,) = (graph.constant(i) for i in op.inputs if i != value)
    rms = float(np.sqrt(np.mean(np.square(np.asarray(by, float)))))
    return 1 / rms if op.traits.kind is Kind.QUOTIENT and rms else rms


def _is_any_number(argument: Any, kind: Any) -> bool:
    if not jnp.issubdtype(kind.dtype, jnp.integer):
        return False
    return isinstance(argument, jax.ShapeDtypeStruct | Tracer) or is_blank(argument)


def _numbers(count: int | None, shape: tuple[int, ...], source: Source) -> Samples:
    """Any of `count` whole numbers; 1, as in a mask, where nothing tells."""
    if count is None:
        return source.array(np.broadcast_to(1, shape))
    return places(count, len(shape), source)


def _argument(argument: Any, kind: Any, stored: str | None, source: Source) -> Samples:
    ndim = len(kind.shape)
    if jnp.issubdtype(kind.dtype, jax.dtypes.prng_key):
        return opaque(ndim, source)
    is_shape = isinstance(argument, jax.ShapeDtypeStruct)
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
