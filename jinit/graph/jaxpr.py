"""A computation as one flat list of operations, read from its jaxpr.

JAX nests: a jitted function is one equation that holds a jaxpr. Here such calls are
opened up, so that what follows a layer is the next operation, not the end of a list.
Loops and branches (`scan`, `while`, `cond`) stay whole.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import Jaxpr, JaxprEqn, Literal


# Calls whose value is that of the jaxpr inside them. The last two carry a derivative
# rule of their own, which opening them would lose.
CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"}
RULES = {"custom_jvp_call", "custom_vjp_call"}


@dataclasses.dataclass(frozen=True, eq=False)
class Op:
    """One operation on the numbered values of a graph: outputs = equation(inputs)."""

    equation: JaxprEqn
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """The primitive's name, such as `dot_general`."""
        return self.equation.primitive.name

    @property
    def params(self) -> Mapping[str, Any]:
        """The primitive's parameters."""
        return self.equation.params

    def bind(self, *operands: Any) -> Sequence[Any]:
        """Runs the operation on `operands`."""
        primitive = self.equation.primitive
        with self.equation.ctx.manager:
            result = primitive.bind(*operands, **primitive.get_bind_params(self.params))
        return result if primitive.multiple_results else (result,)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A flat computation over numbered values, each made by at most one operation."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    ops: tuple[Op, ...]
    constants: Mapping[int, Any]
    types: tuple[Any, ...]

    @functools.cached_property
    def readers(self) -> Mapping[int, tuple[Op, ...]]:
        """The operations that read each value."""
        readers: dict[int, tuple[Op, ...]] = {}
        for op in self.ops:
            for value in set(op.inputs):
                readers[value] = (*readers.get(value, ()), op)
        return readers

    def evaluate(
        self, inputs: Sequence[Any], add: Mapping[int, Any] | None = None
    ) -> dict[int, Any]:
        """Runs every operation and returns all values by number.

        Args:
            inputs: One array per graph input.
            add: Perturbations, by value number: each is added to that value before
                any later operation reads it. The gradient with respect to a zero
                perturbation is the gradient at that value.
        """
        values = dict(self.constants) | dict(zip(self.inputs, inputs, strict=True))
        return run(self.ops, values, add)


def run(
    ops: Iterable[Op],
    values: dict[int, Any],
    add: Mapping[int, Any] | None = None,
    bind: Callable[..., Sequence[Any]] = Op.bind,
) -> dict[int, Any]:
    """Runs `ops` in order, by `bind`, on the numbered `values`; returns all of them."""
    add = add or {}
    for op in ops:
        results = bind(op, *(values[i] for i in op.inputs))
        for i, result in zip(op.outputs, results, strict=True):
            values[i] = result + add[i] if i in add else result
    return values


def body(equation: JaxprEqn) -> Any | None:
    """The jaxpr that a call runs, or None where the equation is no call."""
    if equation.primitive.name not in CALLS | RULES:
        return None
    return equation.params.get("jaxpr") or equation.params.get("call_jaxpr")


def leaf_equations(equation: JaxprEqn) -> Iterator[JaxprEqn]:
    """The equation itself or, of a call, all the equations it runs."""
    inner = body(equation)
    if inner is None:
        yield equation
    else:
        for each in _opened(inner)[0].eqns:
            yield from leaf_equations(each)


def flatten(jaxpr: Any, opens: Callable[[JaxprEqn], bool] = lambda _: True) -> Graph:
    """Reads a jaxpr as a `Graph`, opening every call for which `opens` is true.

    Operations that no output depends on are left out.
    """
    types: list[Any] = []
    constants: dict[int, Any] = {}
    ops: list[Op] = []

    def number(aval: Any) -> int:
        types.append(aval)
        return len(types) - 1

    def constant(value: Any) -> int:
        i = number(jax.typeof(value))
        constants[i] = value
        return i

    def walk(jaxpr: Any, inputs: Sequence[int]) -> list[int]:
        jaxpr, consts = _opened(jaxpr)
        numbers = dict(zip(jaxpr.invars, inputs, strict=True))
        numbers |= dict(zip(jaxpr.constvars, map(constant, consts), strict=True))

        def read(atom: Any) -> int:
            return constant(atom.val) if isinstance(atom, Literal) else numbers[atom]

        for equation in jaxpr.eqns:
            operands, inner = [read(atom) for atom in equation.invars], body(equation)
            if inner is not None and opens(equation):
                results = walk(inner, operands)
            else:
                results = [number(var.aval) for var in equation.outvars]
                ops.append(Op(equation, tuple(operands), tuple(results)))
            numbers |= dict(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    inputs = [number(var.aval) for var in _opened(jaxpr)[0].invars]
    outputs = walk(jaxpr, inputs)
    live = _live(ops, outputs)
    return Graph(tuple(inputs), tuple(outputs), live, constants, tuple(types))


def _live(ops: Sequence[Op], outputs: Sequence[int]) -> tuple[Op, ...]:
    needed, live = set(outputs), []
    for op in reversed(ops):
        if needed.intersection(op.outputs):
            needed.update(op.inputs)
            live.append(op)
    return tuple(reversed(live))


def _opened(jaxpr: Any) -> tuple[Jaxpr, Sequence[Any]]:
    # A closed jaxpr holds an open one and its constants; a body may be either.
    return getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ())
