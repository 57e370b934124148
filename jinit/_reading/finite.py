"""Finds where a computation first makes a value that is infinite or NaN."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._graph import evaluate, Graph, LayerIndex, nearest, Op, Value
from .model import Model


def first_not_finite(model: Model, params: Any, inputs: Any) -> str | None:
    """The first layer or operation that makes inf or nan: "`exp`, after Dense_2".

    One that makes inf reads finite numbers, and one that makes nan reads none: what
    lets an infinite mask through makes nothing, nor does what reads constants alone.
    A `while` or a `cond` is one operation. None where nothing makes any.
    """
    graph, known = model.graph, model.facts.data | model.facts.leaves.keys()
    order = {op: place for place, op in enumerate(_visible(graph.ops))}
    values = {i for op in order for i in (*op.inputs, *op.outputs)} | {*graph.inputs}
    faults = _faults(graph, jax.tree.leaves((params, inputs)), values)
    for place, value in enumerate(graph.inputs):
        if faults.get(value):
            return _name_of_input(model, place)
    makers = {
        (*_moment(graph, order, op, iteration), order[op]): op
        for op in order
        if not op.scans and not known.isdisjoint(op.outputs)
        for iteration in np.argwhere(
            _worst(faults, op.outputs) > _worst(faults, op.inputs)
        )
    }
    return _place(model, makers[min(makers)]) if makers else None


def _visible(ops: Iterable[Op]) -> Iterator[Op]:
    for op in ops:
        yield op
        if op.scans and op.body:
            yield from _visible(op.body.ops)


def _faults(
    graph: Graph, arrays: Sequence[Any], values: Iterable[Value]
) -> Mapping[Value, np.ndarray]:
    """Of every value in every iteration: 0 if it is finite, 1 with inf, 2 with nan."""

    def look(value: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        fault = jnp.where(jnp.isnan(value), 2, jnp.where(jnp.isinf(value), 1, 0))
        return value, fault.max(initial=0)

    inexact = lambda i: jnp.issubdtype(graph.types[i].dtype, jnp.inexact)
    looks = dict.fromkeys(filter(inexact, values), look)
    run = jax.jit(lambda *arrays: evaluate(graph, arrays, looks)[1])
    return jax.device_get(run(*arrays))


def _worst(faults: Mapping[Value, np.ndarray], values: Iterable[Value]) -> np.ndarray:
    seen = (faults.get(i, np.array(0)) for i in values)
    return functools.reduce(np.maximum, seen, np.array(0))


def _moment(
    graph: Graph, order: Mapping[Op, int], op: Op, iteration: Iterable[int]
) -> Iterator[int]:
    """The place of each loop around an operation, and how far the loop has come."""
    for loop, i in zip(graph.loops.get(op.outputs[0], ()), iteration, strict=True):
        yield from (order[loop], -i if loop.params["reverse"] else i)


def _name_of_input(model: Model, place: int) -> str:
    if place >= len(model.paths):
        return "the batch"
    return f"parameter {model.paths[place]}" if model.paths[place] else "the parameter"


def _place(model: Model, op: Op) -> str:
    names = [layer.name or "the first layer" for layer in model.layers]
    for layer, name in zip(model.layers, names, strict=True):
        if op is layer.op or layer.output in op.outputs:
            return name
    ends = {layer.output: LayerIndex(i) for i, layer in enumerate(model.layers)}
    near = nearest(model.graph, ends)
    after = frozenset().union(*(near.get(i, frozenset()) for i in op.outputs))
    where = f", after {' and '.join(names[i] for i in sorted(after))}" if after else ""
    return f"`{op.name}`{where}"
