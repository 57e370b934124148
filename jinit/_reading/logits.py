"""The logits of an attention: where queries meet keys, and what they are scaled by."""

import dataclasses
import math
from collections.abc import Iterator, Set

from .._graph import Graph, is_elementwise, is_softmax, Op, Value
from .numbers import Numbers


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
    numbers = Numbers(graph, data)
    found: dict[Op, Logits] = {}
    for op in (step for step in graph.steps if is_softmax(graph, step)):
        for product, behind in _products(numbers, op):
            if product.kind == "dot_general" and data >= {*product.data}:
                scale = behind * _before(numbers, product)
                found[product] = Logits(product, _summed(graph, product), scale)
    return tuple(sorted(found.values(), key=lambda each: graph.order[each.op]))


def _products(numbers: Numbers, softmax: Op) -> Iterator[tuple[Op, float]]:
    """The products that a softmax is taken of, with the factor in between."""
    waiting = [(i, 1.0) for i in softmax.inputs if i in numbers.data]
    met = set(softmax.inputs)
    while waiting:
        value, scale = waiting.pop()
        maker = numbers.graph.makers.get(value)
        if maker is None:
            continue
        if maker.traits.is_layer:
            yield maker, scale
            continue
        for i in _passed(numbers, maker):
            if i not in met:
                met.add(i)
                waiting.append((i, scale * numbers.factor(maker)))


def _before(numbers: Numbers, product: Op) -> float:
    """The numbers that queries and keys were multiplied with."""
    scale = 1.0
    for value in product.data:
        maker = numbers.graph.makers.get(value)
        while maker and not maker.traits.is_layer and maker.linear:
            scale *= numbers.factor(maker)
            # Of several, as in a rotation by sine and cosine, all have the same.
            first = next(_passed(numbers, maker), None)
            maker = None if first is None else numbers.graph.makers.get(first)
    return scale


def _passed(numbers: Numbers, op: Op) -> Iterator[Value]:
    """The data that an operation is linear in, or a function of entry by entry."""
    values = op.linear or (op.data if is_elementwise(op) else ())
    return (i for i in values if i in numbers.data)


def _summed(graph: Graph, product: Op) -> int:
    (axes, _), _ = product.params["dimension_numbers"]
    shape = graph.types[product.data[0]].shape
    return math.prod(shape[axis] for axis in axes)
