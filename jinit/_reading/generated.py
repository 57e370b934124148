"""Kernels and biases that layers make: those of a hypernetwork's main network."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from .._graph import Graph, Op, sweep, Value
from .axes import LeafAxes, moved
from .facts import Facts
from .kernels import Kernel, read_kernel
from .layers import Layer


@dataclasses.dataclass(frozen=True, eq=False)
class Generated:
    """A product whose kernel a layer has made.

    Attributes:
        op: The product.
        signal: What it multiplies.
        kernel: The kernel as it reads it.
        head: The layer that makes the kernel.
        bias: The layer that makes what is added to the product, if one does.
    """

    op: Op
    signal: Value
    kernel: Kernel
    head: Layer
    bias: Layer | None


def find_generated(facts: Facts, layers: Sequence[Layer]) -> tuple[Generated, ...]:
    """The products in which the units of a layer are the entries of a kernel.

    Queries and keys are none: positions, too, are axes of what their product reads.
    """
    graph, heads = facts.graph, {layer.op.outputs[0]: layer for layer in layers}
    made = _made(facts, heads)
    return tuple(_products(graph, heads, made))


def _products(
    graph: Graph, heads: Mapping[Value, Layer], made: Mapping[Value, LeafAxes]
) -> Iterator[Generated]:
    for op in graph.steps:
        for position, value in enumerate(op.data if op.traits.is_layer else ()):
            head = heads[made[value].leaf] if value in made else None
            kernel = read_kernel(graph, op, position, None) if head else None
            if head and kernel and _is_kernel(graph, kernel, made[value], head):
                bias = _bias(graph, op.outputs[0], heads, made)
                yield Generated(op, op.data[1 - position], kernel, head, bias)


def _made(facts: Facts, heads: Mapping[Value, Layer]) -> dict[Value, LeafAxes]:
    """What holds entries of one layer's product, moved, scaled, with its bias."""
    graph = facts.graph

    def rule(op: Op, known: dict[Value, LeafAxes]) -> LeafAxes | None:
        own = [i for i in op.inputs if i in known]
        keeps = op.traits.takes_part or op.traits.spreads
        affine = op.traits.scales or op.traits.sums
        if len(own) != 1 or not (keeps or (affine and _is_fixed(facts, op, own[0]))):
            return None
        return moved(graph, op, own[0], known[own[0]])

    def start(value: Value) -> LeafAxes:
        ndim = graph.types[value].ndim
        return LeafAxes(value, tuple((k,) for k in range(ndim)), (1,) * ndim)

    return sweep(graph, {value: start(value) for value in heads}, rule)


def _is_fixed(facts: Facts, op: Op, own: Value) -> bool:
    return facts.data.isdisjoint({*op.inputs} - {own})


def _is_kernel(graph: Graph, kernel: Kernel, axes: LeafAxes, head: Layer) -> bool:
    """Whether all axes but those of the batch are units, and none of the batch is."""
    units, sizes = _units(graph, head), graph.types[axes.leaf].shape
    own = {*kernel.in_axes, *kernel.out_axes, *kernel.window_axes}
    made_of = [{k for k in group if sizes[k] > 1} for group in axes.axes]
    are_units = all(made_of[k] <= units for k in own)
    return are_units and all(
        made_of[k].isdisjoint(units) for k in range(len(made_of)) if k not in own
    )


def _units(graph: Graph, head: Layer) -> frozenset[int]:
    """The axes of a layer's product that are its units."""
    op, kernel = head.op, head.kernel
    if op.name != "dot_general":
        return frozenset()
    _, batched = op.params["dimension_numbers"]
    count = len(kernel.out_axes)
    last = graph.types[op.outputs[0]].ndim - count
    start = last if op.inputs[1] == kernel.value else len(batched[0])
    return frozenset(range(start, start + count))


def _bias(
    graph: Graph,
    product: Value,
    heads: Mapping[Value, Layer],
    made: Mapping[Value, LeafAxes],
) -> Layer | None:
    """The layer whose output alone is added to a product."""
    value = product
    while len(readers := graph.readers.get(value, ())) == 1:
        (op,) = readers
        if op.traits.sums:
            others = [made[i].leaf for i in op.inputs if i != value and i in made]
            return heads[others[0]] if others else None
        if not op.traits.moves:
            return None
        value = op.outputs[0]
    return None
