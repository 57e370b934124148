"""Whole numbers of which only the shape is given: how many there are to choose from."""

from collections.abc import Iterator, Set

import jax.numpy as jnp
import numpy as np

from .._graph import Graph, Op, Value


ORDERS = {"eq", "ne", "lt", "le", "gt", "ge"}
PIXELS = 256  # what an 8-bit number without a sign may be


def choices(graph: Graph, value: Value) -> int | None:
    """How many whole numbers, from 0 on, an input may be; None where nothing tells.

    As many as the table has rows that it looks up, as there are classes that it is
    compared with, or places where a slice may start.
    """
    if graph.types[value].dtype == jnp.uint8:
        return PIXELS
    return min(_told(graph, value), default=None)


def _told(graph: Graph, value: Value) -> Iterator[int]:
    found, waiting = {value}, [value]
    while waiting:
        for op in graph.readers.get(waiting.pop(), ()):
            if op.name == "dynamic_slice" and op.inputs[0] not in found:
                yield from _starts(graph, op, found)
            elif op.traits.looks_up and found.isdisjoint(op.data):
                yield from _rows(graph, op)
            elif op.kind in ORDERS:
                yield from _classes(graph, op)
            else:
                new = [i for i in op.outputs if i not in found and _whole(graph, i)]
                waiting += new
                found.update(new)


def _whole(graph: Graph, value: Value) -> bool:
    return jnp.issubdtype(graph.types[value].dtype, jnp.integer)


def _rows(graph: Graph, op: Op) -> Iterator[int]:
    numbers = op.params.get("dimension_numbers")
    if numbers is not None and len(numbers.start_index_map) == 1:
        yield graph.types[op.data[0]].shape[numbers.start_index_map[0]]


def _starts(graph: Graph, op: Op, found: Set[Value]) -> Iterator[int]:
    sliced, *indices = op.inputs
    sizes = zip(graph.types[sliced].shape, op.params["slice_sizes"], strict=True)
    for index, (size, taken) in zip(indices, sizes, strict=True):
        if index in found and taken < size:
            yield size - taken + 1


def _classes(graph: Graph, op: Op) -> Iterator[int]:
    constants = (graph.constant(i) for i in op.inputs)
    for known in (np.asarray(each) for each in constants if each is not None):
        if known.size > 1 and known.min() == 0 and known.max() > 0:
            yield int(known.max()) + 1
