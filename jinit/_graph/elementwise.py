"""Activations found in a graph: the element-wise function between two values."""

import dataclasses
import functools
import heapq
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from .jaxpr import body_jaxpr, flatten, leaf_equations
from .operations import Graph, Op, Value
from .primitives import traits


@dataclasses.dataclass(frozen=True, eq=False)
class Activation:
    """The element-wise function φ that a graph applies from `sources` to `result`.

    Called on an array of the shape and dtype it was traced with, it runs the traced
    operations, derivative rules included. On any other it runs the same formulas in
    that shape and precision, so it can be integrated as a function of one number.
    A product of two signals, such as SwiGLU, has two sources.
    """

    sources: tuple[Value, ...]
    result: Value
    ops: tuple[Op, ...]
    constants: Mapping[Value, Any]
    traced: Any

    @property
    def precision(self) -> float:
        """The rounding error of the coarsest dtype on the way."""
        equations = [op.equation for op in self.ops if op.equation]
        every = [self.traced, *(var.aval for e in equations for var in e.outvars)]
        dtypes = [kind.dtype for kind in every if not _exact(kind.dtype)]
        return max((float(jnp.finfo(dtype).eps) for dtype in dtypes), default=0.0)

    def __call__(self, *z: Any) -> jax.Array:
        """φ(z), entry by entry."""
        z = tuple(map(jnp.asarray, z))
        as_traced = (z[0].shape, z[0].dtype) == (self.traced.shape, self.traced.dtype)
        bind = Op.bind if as_traced else functools.partial(_bind_like, z[0])
        values = dict(self.constants) | dict(zip(self.sources, z, strict=True))
        return _run(self.ops, values, bind)[self.result]


def is_elementwise(op: Op) -> bool:
    """Whether an operation works entry by entry, spreading scalars at most."""
    return op.equation is not None and all(
        traits(each.primitive.name).elementwise or _spreads_scalar(each)
        for each in leaf_equations(op.equation)
    )


def uniform_values(graph: Graph) -> set[Value]:
    """The values that hold one fixed number: scalar constants and what they make."""
    uniform = {i for i, c in graph.constants.items() if math.prod(jnp.shape(c)) == 1}
    for op in graph.steps:
        if uniform.issuperset(op.inputs) and op.inputs and is_elementwise(op):
            uniform.update(op.outputs)
    return uniform


def follow(graph: Graph, source: Value, uniform: Set[Value]) -> Activation | None:
    """The element-wise function that starts at `source`, as far as it reaches.

    None where there is none, or where more than one of its values is read by something
    else, so that no single function carries the signal on.
    """
    inside, shape = {source}, graph.types[source].shape
    waiting = [graph.order[op] for op in graph.readers.get(source, ())]
    while waiting:
        op = graph.steps[heapq.heappop(waiting)]
        if (
            inside.isdisjoint(op.outputs)
            and all(i in inside or i in uniform for i in op.inputs)
            and graph.types[op.outputs[0]].shape == shape
            and is_elementwise(op)
        ):
            inside.update(op.outputs)
            for reader in (r for i in op.outputs for r in graph.readers.get(i, ())):
                heapq.heappush(waiting, graph.order[reader])
    exits = [i for i in inside if i in graph.outputs or _leaves(graph, i, inside)]
    if len(exits) != 1 or exits == [source]:
        return None
    return between(graph, exits[0], {source}, uniform)


def between(
    graph: Graph, result: Value, stops: Set[Value], uniform: Set[Value]
) -> Activation | None:
    """The element-wise function that makes `result` of values at which nothing stops.

    It goes back from `result` to the values in `stops` and to all that is not made
    element by element, its sources. None where there are none or more than two, or one
    is not of the shape of the result.
    """
    ops, sources, met = [], [], set()

    def back(value: Value) -> None:
        if value in met:
            return
        met.add(value)
        if value in uniform and value in graph.constants:
            return
        maker = graph.makers.get(value)
        if value in stops or maker is None or not is_elementwise(maker):
            sources.append(value)
            return
        for operand in maker.inputs:
            back(operand)
        ops.append(maker)

    back(result)
    shape = graph.types[result].shape
    if len(sources) not in {1, 2} or any(
        graph.types[i].shape != shape for i in sources
    ):
        return None
    constants = {i: graph.constants[i] for i in met & graph.constants.keys()}
    return Activation(
        tuple(sources), result, tuple(ops), constants, graph.types[sources[0]]
    )


def _leaves(graph: Graph, value: Value, inside: Set[Value]) -> bool:
    return any(
        inside.isdisjoint(reader.outputs) for reader in graph.readers.get(value, ())
    )


def _spreads_scalar(equation: JaxprEqn) -> bool:
    aval: Any = equation.invars[0].aval if equation.invars else None
    spreads = traits(equation.primitive.name).spreads
    return spreads and math.prod(aval.shape) == 1


def _run(ops: Iterable[Op], values: dict[Value, Any], bind: Any) -> dict[Value, Any]:
    for op in ops:
        results = bind(op, *(values[i] for i in op.inputs))
        values.update(zip(op.outputs, results, strict=True))
    return values


def _bind_like(z: jax.Array, op: Op, *operands: Any) -> Sequence[Any]:
    # The traced operation on operands of the shape and precision of `z`.
    inner = body_jaxpr(op.equation) if op.equation else None
    if inner is not None:
        graph = flatten(inner)
        values = dict(graph.constants) | dict(zip(graph.inputs, operands, strict=True))
        values = _run(graph.ops, values, functools.partial(_bind_like, z))
        return [values[i] for i in graph.outputs]
    operands = tuple(_like(z, operand) for operand in operands)
    if op.traits.spreads and not op.traits.elementwise:
        return operands
    if "new_dtype" in op.params:
        dtype = op.params["new_dtype"]
        return [_like(z, operands[0].astype(dtype if _exact(dtype) else z.dtype))]
    return op.bind(*operands)


def _like(z: jax.Array, operand: Any) -> jax.Array:
    operand = jnp.asarray(operand)
    operand = operand if operand.shape == z.shape else operand.reshape(())
    return jnp.broadcast_to(
        operand if _exact(operand.dtype) else operand.astype(z.dtype), z.shape
    )


def _exact(dtype: Any) -> bool:
    return not jnp.issubdtype(dtype, jnp.inexact)
