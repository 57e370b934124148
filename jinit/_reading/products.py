"""The products of a kernel with a signal, and the pre-activations that they become."""

import dataclasses
import math
from collections.abc import Iterator

from .._graph import LayerIndex, Link, Op, permuted, Value
from .facts import Facts
from .kernels import Kernel, read_kernel


@dataclasses.dataclass(frozen=True, eq=False)
class Product:
    """`output = signal · kernel + bias`, each a value's number in the graph.

    Attributes:
        index: Its number, in the order of computation.
        op: The operation.
        signal: What it reads.
        kernel: The kernel, with its fans.
        output: The pre-activation: the product with its bias.
        bias: What is added to the product, if anything.
        leaf: The main parameter that the kernel comes from.
    """

    index: LayerIndex
    op: Op
    signal: Value
    kernel: Kernel
    output: Value
    bias: Value | None
    leaf: Value


def find_products(facts: Facts) -> tuple[Product, ...]:
    """The products of what parameters make with what data make, in order."""
    kernels = enumerate(_kernels(facts))
    return tuple(_product(facts, LayerIndex(i), *each) for i, each in kernels)


def _kernels(facts: Facts) -> Iterator[tuple[Op, Value, Kernel]]:
    for op in facts.graph.steps:
        for position, value in enumerate(op.inputs if op.traits.is_layer else ()):
            signal = op.inputs[1 - position]
            if not facts.fixed(value) or signal not in facts.data:
                continue
            kernel = read_kernel(facts.graph, op, position, facts.axes.get(value))
            if kernel:
                yield op, signal, kernel


def _product(
    facts: Facts, index: LayerIndex, op: Op, signal: Value, kernel: Kernel
) -> Product:
    output, bias = _preactivation(facts, op, kernel)
    leaf = facts.main_leaf(kernel.value)
    return Product(index, op, signal, kernel, output, bias, leaf)


def _preactivation(facts: Facts, op: Op, kernel: Kernel) -> tuple[Value, Value | None]:
    # The bias belongs to the pre-activation: go on to where it is added, if it is.
    graph = facts.graph
    value = output = op.outputs[0]
    while value not in graph.outputs and len(graph.readers.get(value, ())) == 1:
        (reader,) = graph.readers[value]
        if reader.traits.sums:
            bias = _bias(facts, reader, kernel)
            return (output, None) if bias is None else (reader.outputs[0], bias)
        if not reader.traits.moves or reader.kind in {Link.LEAVE, Link.STACK}:
            break
        value = reader.outputs[0]
        output = value if reader.traits.places is permuted else output
    return output, None


def _bias(facts: Facts, op: Op, kernel: Kernel) -> Value | None:
    # What has more entries than a kernel has outputs is no bias, but a position.
    types = facts.graph.types
    summed = kernel.in_axes + kernel.window_axes
    sizes = types[kernel.value].shape
    most = math.prod(n for k, n in enumerate(sizes) if k not in summed)
    found = (i for i in op.inputs if facts.fixed(i) and types[i].size <= most)
    return next(found, None)
