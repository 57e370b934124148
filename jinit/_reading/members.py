"""Copies of a layer that share what they read: the members of an ensemble."""

import dataclasses
import math
from collections.abc import Sequence

from .._graph import Op, Value
from .axes import followed, LeafAxes
from .facts import Facts
from .kernels import Kernel


def told_apart(
    facts: Facts, products: Sequence[tuple[Op, Value, Kernel]]
) -> list[Kernel]:
    """The kernels of products, an axis of members no longer among their outputs.

    Where members read the same signal, theirs is an axis of outputs in the first
    product. But the next one has a kernel for each of them. An axis that a later layer
    sums is none of members: the heads of an attention.

    Args:
        facts: What is known of the values.
        products: The operations with the signals and kernels, in order.
    """
    kernels = [kernel for _, _, kernel in products]
    dense = [op.kind == "dot_general" for op, _, _ in products]
    if not any(op.kind == "dot_general" and _has_copies(op) for op, _, _ in products):
        return kernels
    start = {
        op.outputs[0]: _marks(facts, i, op, kernel)
        for i, (op, _, kernel) in enumerate(products)
        if dense[i] and len(kernel.out_axes) > 1
    }
    carried = followed(facts.graph, start)
    apart, summed = set[tuple[int, int]](), set[tuple[int, int]]()
    for i, (op, signal, _) in enumerate(products):
        if dense[i] and signal in carried:
            contracted, batched = op.params["dimension_numbers"]
            position = op.inputs.index(signal)
            apart |= {m for k in batched[position] for m in carried[signal][k]}
            summed |= {m for k in contracted[position] for m in carried[signal][k]}
    return [
        _without(facts, kernel, {axis for j, axis in apart - summed if j == i})
        for i, kernel in enumerate(kernels)
    ]


def _has_copies(op: Op) -> bool:
    return bool(op.params["dimension_numbers"][1][0])


def _marks(
    facts: Facts, index: int, op: Op, kernel: Kernel
) -> tuple[frozenset[tuple[int, int]], ...]:
    """On each axis of a product, the axis of outputs that it is, with its layer."""
    nothing = frozenset[tuple[int, int]]()
    own = tuple(frozenset({(index, axis)}) for axis in kernel.out_axes)
    rest = facts.graph.types[op.outputs[0]].ndim - len(own)
    if op.inputs[0] == kernel.value:
        shared = len(op.params["dimension_numbers"][1][0])
        return (nothing,) * shared + own + (nothing,) * (rest - shared)
    return (nothing,) * rest + own


def _without(facts: Facts, kernel: Kernel, members: set[int]) -> Kernel:
    if not members:
        return kernel
    axes: LeafAxes | None = facts.axes.get(kernel.value)
    sizes = facts.graph.types[kernel.value].shape
    parts = axes.parts if axes else (1,) * len(sizes)
    copies = math.prod(sizes[k] * parts[k] for k in members)
    return dataclasses.replace(
        kernel,
        out_axes=tuple(k for k in kernel.out_axes if k not in members),
        fan_out=kernel.fan_out // copies,
    )
