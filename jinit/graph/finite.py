"""Finds where a computation first makes a value that is infinite or NaN."""

from typing import Any

import jax
import jax.numpy as jnp

from .flow import nearest
from .graph import Graph
from .run import evaluate
from .taps import Model


def first_not_finite(model: Model, params: Any, inputs: Any) -> str | None:
    """The first layer or operation that makes inf or nan: "`exp`, after Dense_2".

    None where every value is finite. Inside `while` and `cond` nothing is looked at.
    """
    graph = model.graph
    values = [*graph.inputs, *(i for op in graph.steps for i in op.outputs)]
    visible = {
        i
        for i in values
        if jnp.issubdtype(graph.types[i].dtype, jnp.inexact)
        and all(op.name == "scan" for op in graph.loops.get(i, ()))
    }
    seen = jax.jit(lambda *arrays: evaluate(graph, arrays, _looks(visible))[1])
    finite = jax.device_get(seen(*jax.tree.leaves((params, inputs))))
    for value in values:
        if value in finite and not finite[value].all():
            return _place(model, graph, value)
    return None


def _looks(values: set[int]) -> dict[int, Any]:
    look = lambda value, _: (value, jnp.isfinite(value).all())
    return dict.fromkeys(values, look)


def _place(model: Model, graph: Graph, value: int) -> str:
    if value in graph.inputs:
        place = graph.inputs.index(value)
        is_input = place >= len(model.paths)
        return "the batch" if is_input else f"parameter {model.paths[place]}"
    for layer in model.layers:
        if value in (*layer.op.outputs, layer.output):
            return layer.name
    near = nearest(graph, {layer.output: i for i, layer in enumerate(model.layers)})
    after = [model.layers[i].name for i in sorted(near.get(value, ()))]
    where = f", after {' and '.join(after)}" if after else ""
    return f"`{graph.makers[value].name}`{where}"
