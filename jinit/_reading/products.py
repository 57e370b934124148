"""The products of a kernel with a signal, and the pre-activations that they become."""

import dataclasses
import math
from collections.abc import Iterator

from .._graph import Graph, Kind, LayerIndex, Link, Op, permuted, Value
from .facts import Facts
from .kernels import Kernel, read_kernel
from .members import told_apart


@dataclasses.dataclass(frozen=True, eq=False)
class Product:
    """`output = factors · signal · kernel + bias`, each a value's number in the graph.

    Attributes:
        index: Its number, in the order of computation.
        op: The operation.
        signal: What it reads.
        kernel: The kernel, with its fans.
        output: The pre-activation: the product with its bias.
        bias: What is added to the product, if anything.
        factors: What the product is multiplied with or divided by before that, numbers
            and parameters: 16 in `x @ w / 16 + b`.
        leaf: The main parameter that the kernel comes from.
    """

    index: LayerIndex
    op: Op
    signal: Value
    kernel: Kernel
    output: Value
    bias: Value | None
    factors: tuple[Value, ...]
    leaf: Value


def find_products(facts: Facts) -> tuple[Product, ...]:
    """The products of what parameters make with what data make, in order."""
    found = [*_kernels(facts)]
    kernels = told_apart(facts, found)
    return tuple(
        _product(facts, LayerIndex(i), op, signal, kernel)
        for i, ((op, signal, _), kernel) in enumerate(zip(found, kernels, strict=True))
    )


def _kernels(facts: Facts) -> Iterator[tuple[Op, Value, Kernel]]:
    for op in facts.graph.steps:
        for position, value in enumerate(op.data if op.traits.is_layer else ()):
            signal = op.data[1 - position]
            if not facts.fixed(value) or signal not in facts.data:
                continue
            kernel = read_kernel(facts.graph, op, position, facts.axes.get(value))
            if kernel:
                yield op, signal, kernel


def _product(
    facts: Facts, index: LayerIndex, op: Op, signal: Value, kernel: Kernel
) -> Product:
    output, bias, factors = _preactivation(facts, op, kernel)
    leaf = facts.main_leaf(kernel.value)
    return Product(index, op, signal, kernel, output, bias, factors, leaf)


def _preactivation(
    facts: Facts, op: Op, kernel: Kernel
) -> tuple[Value, Value | None, tuple[Value, ...]]:
    # The bias belongs to the pre-activation: go on to where it is added, if it is. So
    # do the factors before a bias, and those that differ between entries.
    graph, factors = facts.graph, ()
    value = op.outputs[0]
    output, own = value, factors
    while value not in graph.outputs and len(graph.readers.get(value, ())) == 1:
        (reader,) = graph.readers[value]
        if reader.traits.sums:
            bias = _bias(facts, reader, kernel)
            if bias is None:
                break
            return reader.outputs[0], bias, factors
        factor = _factor(facts, reader, value)
        if factor is not None:
            factors = (*factors, factor)
        elif not reader.traits.moves or reader.kind in {Link.LEAVE, Link.STACK}:
            break
        value = reader.outputs[0]
        differs = factor is not None and factor not in facts.uniform
        if differs or reader.traits.places is permuted:
            output, own = value, factors
    return output, None, own


def _factor(facts: Facts, op: Op, value: Value) -> Value | None:
    """What an operation scales a product by: a constant, or made of parameters."""
    graph = facts.graph
    others = [i for i in op.inputs if i != value]
    divides = op.traits.kind is Kind.QUOTIENT and op.inputs[0] == value
    scales = divides or op.traits.kind is Kind.PRODUCT
    if not scales or len(others) != 1 or op.outputs[0] in facts.norms:
        return None
    (factor,) = others
    alike = graph.types[value].shape == graph.types[op.outputs[0]].shape
    is_known = facts.fixed(factor) or graph.constant(factor) is not None
    return factor if alike and is_known else None


def _bias(facts: Facts, op: Op, kernel: Kernel) -> Value | None:
    # What has more entries than a kernel has outputs is no bias, but a position.
    summed = kernel.in_axes + kernel.window_axes
    sizes = facts.graph.types[kernel.value].shape
    most = math.prod(n for k, n in enumerate(sizes) if k not in summed)
    added = (i for i in op.inputs if facts.fixed(i))
    return next((i for i in added if _entries(facts.graph, i) <= most), None)


def _entries(graph: Graph, value: Value) -> int:
    """How many entries a value has, those that are repeated counted once."""
    maker = graph.makers.get(value)
    while maker and maker.traits.spreads:
        value = maker.inputs[0]
        maker = graph.makers.get(value)
    return graph.types[value].size
