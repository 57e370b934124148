"""Values whose entries sum to 0: those that their own mean is subtracted from."""

import math
from collections.abc import Mapping

import jax
import numpy as np

from .operations import Graph, Op, Value


def centered(graph: Graph) -> Mapping[Value, frozenset[int]]:
    """The axes along which, taken together, the entries of a value sum to 0.

    Such is a standardized kernel: what all that it reads has in common cancels.
    """
    found: dict[Value, frozenset[int]] = {}
    for op in graph.steps:
        axes = _axes(graph, op, found)
        if axes:
            found[op.outputs[0]] = axes
    return found


KEEPS = frozenset({"convert_element_type", "copy", "stop_gradient"})
_PASSES = frozenset({*KEEPS, "broadcast_in_dim", "reshape"})


def _axes(
    graph: Graph, op: Op, found: Mapping[Value, frozenset[int]]
) -> frozenset[int]:
    if op.name in KEEPS | {"neg"}:
        return found.get(op.inputs[0], frozenset())
    if op.name == "sub":
        return _averaged(graph, *op.inputs) or _averaged_after(graph, *op.inputs)
    if op.name in {"mul", "div"}:
        for value, factor in _both_ways(op)[: 2 if op.name == "mul" else 1]:
            axes = found.get(value, frozenset())
            if axes and _is_even(graph, factor, axes):
                return axes
    return frozenset()


def _averaged(graph: Graph, x: Value, mean: Value) -> frozenset[int]:
    """The axes of `x` over which its mean is subtracted; none where it is none."""
    axes = _averaged_of(graph, x, mean)
    return axes if _is_even(graph, mean, axes) else frozenset()


def _averaged_of(graph: Graph, x: Value, mean: Value) -> frozenset[int]:
    """The axes that `mean` is the mean of `x` over, whatever it is combined with."""
    at, factor = mean, 1.0
    while (op := graph.makers.get(at)) is not None:
        if op.name == "reduce_sum":
            axes = frozenset(op.params["axes"])
            count = math.prod(graph.types[op.inputs[0]].shape[k] for k in axes)
            same = origin(graph, op.inputs[0], KEEPS) == origin(graph, x, KEEPS)
            is_mean = same and math.isclose(factor * count, 1, rel_tol=1e-3)
            return axes if is_mean else frozenset()
        if op.name in {"mul", "div"}:
            known = number(graph, op.inputs[1])
            factor *= known if op.name == "mul" else 1 / (known or math.inf)
        elif op.name not in _PASSES:
            break
        at = op.inputs[0]
    return frozenset()


def number(graph: Graph, value: Value) -> float:
    """A constant number; 0 where it is none."""
    found = graph.constants.get(value)
    if found is None or isinstance(found, jax.Array) or np.ndim(found):
        return 0.0
    return float(found)


def _averaged_after(graph: Graph, x: Value, mean: Value) -> frozenset[int]:
    """The same of x · s − (mean of x) · s."""
    scaled, shift = (graph.makers.get(origin(graph, value)) for value in (x, mean))
    if scaled is None or shift is None or {scaled.name, shift.name} != {"mul"}:
        return frozenset()
    for value, factor in _both_ways(scaled):
        for average, other in _both_ways(shift):
            axes = _averaged_of(graph, value, average)
            same = origin(graph, factor) == origin(graph, other)
            if same and axes and _is_even(graph, factor, axes):
                return axes if _is_even(graph, mean, axes) else frozenset()
    return frozenset()


def _both_ways(op: Op) -> tuple[tuple[Value, Value], tuple[Value, Value]]:
    one, other = op.inputs
    return (one, other), (other, one)


def origin(graph: Graph, value: Value, passes: frozenset[str] = _PASSES) -> Value:
    """The value, before it was repeated along axes or its dtype was changed."""
    while (op := graph.makers.get(value)) is not None and op.name in passes:
        value = op.inputs[0]
    return value


def _is_even(graph: Graph, value: Value, axes: frozenset[int]) -> bool:
    """Whether a value is the same everywhere along axes of what it is combined with."""
    shape = graph.types[value].shape
    differ = {k for k in axes if shape and shape[k] != 1}  # numbers have no shape
    op = graph.makers.get(value)
    if not differ or op is None:
        return not differ
    if op.name in KEEPS:
        return _is_even(graph, op.inputs[0], frozenset(differ))
    if op.name != "broadcast_in_dim":
        return False
    places = {there: k for k, there in enumerate(op.params["broadcast_dimensions"])}
    inner = frozenset(places[k] for k in differ if k in places)
    return _is_even(graph, op.inputs[0], inner)
