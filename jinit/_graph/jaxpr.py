"""Reads a jaxpr as a `Graph`."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from .operations import Body, Graph, live, Op


# Calls whose value is that of the jaxpr inside them. The last two carry a derivative
# rule of their own, which opening them would lose.
CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"}
RULES = {"custom_jvp_call", "custom_vjp_call"}


def body_jaxpr(equation: JaxprEqn) -> Any | None:
    """The jaxpr that a call runs, or None where the equation is no call."""
    if equation.primitive.name not in CALLS | RULES:
        return None
    return equation.params.get("jaxpr") or equation.params.get("call_jaxpr")


def leaf_equations(equation: JaxprEqn) -> Iterator[JaxprEqn]:
    """The equation itself or, of a call, all the equations it runs."""
    inner = body_jaxpr(equation)
    if inner is None:
        yield equation
    else:
        for each in _opened(inner)[0].eqns:
            yield from leaf_equations(each)


def flatten(jaxpr: Any, opens: Callable[[JaxprEqn], bool] = lambda _: True) -> Graph:
    """Reads a jaxpr as a `Graph`, opening every call for which `opens` is true.

    Operations that no output depends on are left out.
    """
    reader = _Reader(opens)
    inputs = [reader.number(var.aval) for var in _opened(jaxpr)[0].invars]
    ops: list[Op] = []
    outputs = reader.walk(jaxpr, inputs, ops)
    return Graph(
        tuple(inputs),
        tuple(outputs),
        live(ops, outputs),
        reader.constants,
        tuple(reader.types),
    )


@dataclasses.dataclass
class _Reader:
    """Numbers the values of a jaxpr and of all jaxprs inside it."""

    opens: Callable[[JaxprEqn], bool]
    types: list[Any] = dataclasses.field(default_factory=list)
    constants: dict[int, Any] = dataclasses.field(default_factory=dict)

    def number(self, aval: Any) -> int:
        self.types.append(aval)
        return len(self.types) - 1

    def constant(self, value: Any) -> int:
        i = self.number(jax.typeof(value))
        self.constants[i] = value
        return i

    def walk(self, jaxpr: Any, inputs: Sequence[int], ops: list[Op]) -> list[int]:
        """Appends the operations of a jaxpr to `ops`; returns its outputs."""
        jaxpr, consts = _opened(jaxpr)
        numbers = dict(zip(jaxpr.invars, inputs, strict=True))
        numbers |= dict(zip(jaxpr.constvars, map(self.constant, consts), strict=True))

        def read(atom: Any) -> int:
            is_literal = isinstance(atom, Literal)
            return self.constant(atom.val) if is_literal else numbers[atom]

        for equation in jaxpr.eqns:
            operands, inner = [read(a) for a in equation.invars], body_jaxpr(equation)
            if equation.primitive.name == "pvary":  # changes a type, not the value
                results = operands
            elif inner is not None and self.opens(equation):
                results = self.walk(inner, operands, ops)
            else:
                results = [self.number(var.aval) for var in equation.outvars]
                ops.append(self.op(equation, tuple(operands), tuple(results)))
            numbers |= dict(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def op(
        self, equation: JaxprEqn, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> Op:
        """The operation of one equation, with its body where it has one."""
        name = equation.primitive.name
        op = Op(name, inputs, outputs, equation)
        body = _BODIES[name](self, op) if name in _BODIES else None
        return dataclasses.replace(op, body=body)

    def inside(self, jaxpr: Any) -> tuple[list[int], tuple[Op, ...], list[int]]:
        """The inputs, the operations and the outputs of a body."""
        ops: list[Op] = []
        inputs = [self.number(var.aval) for var in _opened(jaxpr)[0].invars]
        outputs = self.walk(jaxpr, inputs, ops)
        return inputs, live(ops, outputs), outputs


def _scan(reader: _Reader, op: Op) -> Body:
    constants, carries = _scan_counts(op.params)
    first = constants + carries
    inner, ops, results = reader.inside(op.params["jaxpr"])
    enter = (
        *_links("enter", op.inputs[:constants], inner[:constants]),
        *_carries(op.inputs, inner, results, constants, carries),
        *_links("unstack", op.inputs[first:], inner[first:]),
    )
    leave = (
        *_links("leave", results[:carries], op.outputs[:carries]),
        *_links("stack", results[carries:], op.outputs[carries:]),
    )
    return Body(enter, ops, leave, carries)


def _while(reader: _Reader, op: Op) -> Body:
    skipped, constants = op.params["cond_nconsts"], op.params["body_nconsts"]
    inputs, carries = op.inputs[skipped:], len(op.outputs)
    inner, ops, results = reader.inside(op.params["body_jaxpr"])
    enter = (
        *_links("enter", inputs[:constants], inner[:constants]),
        *_carries(inputs, inner, results, constants, carries),
    )
    return Body(enter, ops, _links("leave", results, op.outputs), carries)


def _cond(reader: _Reader, op: Op) -> Body:
    enter, ops, every = [], [], []
    for branch in op.params["branches"]:
        inner, more, results = reader.inside(branch)
        enter += _links("enter", op.inputs[1:], inner)
        ops += more
        every.append(results)
    leave = [
        Op("either", tuple(results), (output,))
        for *results, output in zip(*every, op.outputs, strict=True)
    ]
    return Body(tuple(enter), tuple(ops), tuple(leave))


def _shard_map(reader: _Reader, op: Op) -> Body:
    inner, ops, results = reader.inside(op.params["jaxpr"])
    enter, leave = (_links("shard", op.inputs, inner), "leave")
    return Body(enter, ops, _links(leave, results, op.outputs))


_BODIES = {"scan": _scan, "while": _while, "cond": _cond, "shard_map": _shard_map}


def _scan_counts(params: Mapping[str, Any]) -> tuple[int, int]:
    # How many operands of a scan are constants, and how many are carried.
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    constants, carries, _ = params["ft_in"].unpack()  # from jax 0.11 on
    return len(constants), len(carries)


def _links(name: str, outer: Sequence[int], inner: Sequence[int]) -> tuple[Op, ...]:
    return tuple(Op(name, (i,), (j,)) for i, j in zip(outer, inner, strict=True))


def _carries(
    inputs: Sequence[int],
    inner: Sequence[int],
    results: Sequence[int],
    start: int,
    count: int,
) -> Iterator[Op]:
    # A value of one iteration is the initial one or what the last iteration left.
    for i in range(count):
        yield Op("carry", (inputs[start + i], results[i]), (inner[start + i],))


def _opened(jaxpr: Any) -> tuple[Jaxpr, Sequence[Any]]:
    # A closed jaxpr holds an open one and its constants; a body may be either.
    return getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ())
