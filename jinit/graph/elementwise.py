"""Activations found in a graph: the element-wise function that starts at a value."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from .jaxpr import body, flatten, Graph, leaf_equations, Op, run


# Primitives that compute each entry of the result from the same entry of the operands.
# fmt: off
ELEMENTWISE = frozenset({
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2",
    "atanh", "cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos",
    "cosh", "digamma", "div", "eq", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1",
    "floor", "ge", "gt", "integer_pow", "is_finite", "le", "lgamma", "log", "log1p",
    "log2", "logistic", "lt", "max", "min", "mul", "name", "ne", "neg", "nextafter",
    "not", "one_minus_square", "or", "polynomial", "pow", "reduce_precision", "rem",
    "round", "rsqrt", "select_n", "sign", "sin", "sinh", "sqrt", "square",
    "stop_gradient", "sub", "tan", "tanh", "xor",
})
# fmt: on


@dataclasses.dataclass(frozen=True, eq=False)
class Activation:
    """The element-wise function φ that a graph applies from one value to another.

    Called on an array of the shape and dtype it was traced with, it runs the traced
    operations, derivative rules included. On any other it runs the same formulas in
    that shape and precision, so it can be integrated as a function of one number.
    """

    source: int
    result: int
    ops: tuple[Op, ...]
    constants: Mapping[int, Any]
    traced: Any

    def __call__(self, z: Any) -> jax.Array:
        """φ(z), entry by entry."""
        z = jnp.asarray(z)
        as_traced = (z.shape, z.dtype) == (self.traced.shape, self.traced.dtype)
        bind = Op.bind if as_traced else functools.partial(_bind_like, z)
        return run(self.ops, {**self.constants, self.source: z}, bind=bind)[self.result]


def is_elementwise(equation: JaxprEqn) -> bool:
    """Whether an equation works entry by entry, spreading scalars at most."""
    return all(
        each.primitive.name in ELEMENTWISE or _spreads_scalar(each)
        for each in leaf_equations(equation)
    )


def uniform_values(graph: Graph) -> set[int]:
    """The values that hold one fixed number: scalar constants and what they make."""
    uniform = {i for i, c in graph.constants.items() if math.prod(jnp.shape(c)) == 1}
    for op in graph.ops:
        if uniform.issuperset(op.inputs) and op.inputs and is_elementwise(op.equation):
            uniform.update(op.outputs)
    return uniform


def follow(graph: Graph, source: int, uniform: Set[int]) -> Activation | None:
    """The element-wise function that starts at `source`, as far as it reaches.

    None where there is none, or where more than one of its values is read by something
    else, so that no single function carries the signal on.
    """
    inside, shape = {source}, graph.types[source].shape
    for op in graph.ops:
        operands = set(op.inputs)
        if (
            operands & inside
            and operands <= inside | uniform
            and graph.types[op.outputs[0]].shape == shape
            and is_elementwise(op.equation)
        ):
            inside.update(op.outputs)
    exits = [i for i in inside if i in graph.outputs or _leaves(graph, i, inside)]
    if len(exits) != 1 or exits == [source]:
        return None
    return _between(graph, source, exits[0])


def identity(graph: Graph, value: int) -> Activation:
    """The activation of a linear layer: none."""
    return _between(graph, value, value)


def _between(graph: Graph, source: int, result: int) -> Activation:
    needed, ops = {result}, []
    for op in reversed(graph.ops):
        if source not in op.outputs and needed.intersection(op.outputs):
            needed.update(op.inputs)
            ops.append(op)
    ops = ops if result != source else []
    constants = {i: graph.constants[i] for i in needed & graph.constants.keys()}
    return Activation(
        source, result, tuple(reversed(ops)), constants, graph.types[source]
    )


def _leaves(graph: Graph, value: int, inside: Set[int]) -> bool:
    return any(
        inside.isdisjoint(reader.outputs) for reader in graph.readers.get(value, ())
    )


def _spreads_scalar(equation: JaxprEqn) -> bool:
    aval: Any = equation.invars[0].aval if equation.invars else None
    spreads = equation.primitive.name in {"broadcast_in_dim", "reshape"}
    return spreads and math.prod(aval.shape) == 1


def _bind_like(z: jax.Array, op: Op, *operands: Any) -> Sequence[Any]:
    # The traced operation on operands of the shape and precision of `z`.
    inner = body(op.equation)
    if inner is not None:
        graph = flatten(inner)
        values = dict(graph.constants) | dict(zip(graph.inputs, operands, strict=True))
        values = run(graph.ops, values, bind=functools.partial(_bind_like, z))
        return [values[i] for i in graph.outputs]
    operands = tuple(_like(z, operand) for operand in operands)
    if op.name in {"broadcast_in_dim", "reshape"}:
        return operands
    if op.name == "convert_element_type":
        dtype = op.params["new_dtype"]
        return [_like(z, operands[0].astype(dtype) if _exact(dtype) else operands[0])]
    return op.bind(*operands)


def _like(z: jax.Array, operand: Any) -> jax.Array:
    operand = jnp.asarray(operand)
    operand = operand if operand.shape == z.shape else operand.reshape(())
    return jnp.broadcast_to(
        operand if _exact(operand.dtype) else operand.astype(z.dtype), z.shape
    )


def _exact(dtype: Any) -> bool:
    return not jnp.issubdtype(dtype, jnp.inexact)
