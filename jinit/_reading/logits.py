"""The logits of an attention: where queries meet keys, and what they are scaled by."""

import dataclasses
import math
from collections.abc import Iterator, Set

import numpy as np

from .._graph import Graph, is_elementwise, is_softmax, Op, uniform_values, Value


@dataclasses.dataclass(frozen=True, eq=False)
class Logits:
    """The product of queries and keys that a softmax follows.

    Attributes:
        op: The product.
        size: The terms that it sums: d_head.
        scale: The product of the numbers that queries, keys and logits are multiplied
            with on their way, such as 1/√d_head.
    """

    op: Op
    size: int
    scale: float


def find_logits(graph: Graph, data: Set[Value]) -> tuple[Logits, ...]:
    """The logits of all attentions, in the order of computation.

    Args:
        graph: The computation.
        data: The values that depend on data: queries and keys do.
    """
    found: dict[Op, Logits] = {}
    uniform = uniform_values(graph)
    for op in (step for step in graph.steps if is_softmax(graph, step)):
        for product, behind in _products(graph, data, uniform, op):
            if product.kind == "dot_general" and data >= {*product.data}:
                scale = behind * _before(graph, data, uniform, product)
                found[product] = Logits(product, _summed(graph, product), scale)
    return tuple(sorted(found.values(), key=lambda each: graph.order[each.op]))


def _products(
    graph: Graph, data: Set[Value], uniform: Set[Value], softmax: Op
) -> Iterator[tuple[Op, float]]:
    """The products that a softmax is taken of, with the factor in between."""
    waiting = [(i, 1.0) for i in softmax.inputs if i in data]
    met = set(softmax.inputs)
    while waiting:
        value, scale = waiting.pop()
        maker = graph.makers.get(value)
        if maker is None:
            continue
        if maker.traits.is_layer:
            yield maker, scale
            continue
        for i, factor in _steps(graph, data, uniform, maker):
            if i not in met:
                met.add(i)
                waiting.append((i, scale * factor))


def _before(graph: Graph, data: Set[Value], uniform: Set[Value], product: Op) -> float:
    """The numbers that queries and keys were multiplied with."""
    scale = 1.0
    for value in product.data:
        maker = graph.makers.get(value)
        while maker and not maker.traits.is_layer and maker.linear:
            # Of several, as in a rotation by sine and cosine, all have the same.
            value, factor = next(_steps(graph, data, uniform, maker), (None, 1.0))
            scale *= factor
            maker = graph.makers.get(value) if value is not None else None
    return scale


def _steps(
    graph: Graph, data: Set[Value], uniform: Set[Value], op: Op
) -> Iterator[tuple[Value, float]]:
    """The data that an operation passes on, with the number it is multiplied with."""
    passed = op.linear or (op.data if is_elementwise(op) else ())
    factor = 1.0
    if op.traits.scales:
        factor = math.prod(_number(graph, i) for i in op.data if i in uniform)
        factor = 1 / factor if op.kind == "div" and factor else factor
    yield from ((i, factor) for i in passed if i in data)


def _number(graph: Graph, value: Value) -> float:
    """The number that all entries are; 1 where it is not known before it is run."""
    while graph.types[value].size > 1 and value in graph.makers:
        value = graph.makers[value].inputs[0]
    known = graph.constant(value)
    return 1.0 if known is None else float(np.ravel(known)[0])


def _summed(graph: Graph, product: Op) -> int:
    (axes, _), _ = product.params["dimension_numbers"]
    shape = graph.types[product.data[0]].shape
    return math.prod(shape[axis] for axis in axes)
