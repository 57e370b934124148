"""Reads a jaxpr as a `Graph`."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from .bodies import Call, Inside, Link, Loop
from .operations import Body, Graph, live, Op, Value
from .primitives import traits
from .traits import Kind, Traits


def body_jaxpr(equation: JaxprEqn) -> Any | None:
    """The jaxpr that a call runs, or None where the equation is no call."""
    call = _traits(equation).unrolls
    if not isinstance(call, Call):
        return None
    # The versions of JAX differ in what they call it.
    names = (call.jaxpr, "jaxpr", "call_jaxpr")
    return next(equation.params[name] for name in names if name in equation.params)


def has_rule(equation: JaxprEqn) -> bool:
    """Whether it is a call with a derivative rule of its own."""
    call = _traits(equation).unrolls
    return isinstance(call, Call) and call.rule


def leaf_equations(equation: JaxprEqn) -> Iterator[JaxprEqn]:
    """The equation itself or, of a call, all the equations it runs."""
    inner = body_jaxpr(equation)
    if inner is None:
        yield equation
    else:
        for each in _opened(inner)[0].eqns:
            yield from leaf_equations(each)


def holds_layer(equation: JaxprEqn) -> bool:
    """Whether it runs what may be a layer."""
    return any(_traits(each).is_layer for each in leaf_equations(equation))


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


def with_traced_as_inputs(closed: ClosedJaxpr) -> tuple[ClosedJaxpr, list[Tracer]]:
    """The computation, and its last inputs: what it closes over and is not known yet.

    A model made inside a function that is traced may hold some of that.
    """
    jaxpr, pairs = closed.jaxpr, zip(closed.jaxpr.constvars, closed.consts, strict=True)
    traced = {var: const for var, const in pairs if isinstance(const, Tracer)}
    if not traced:
        return closed, []
    known = [var for var in jaxpr.constvars if var not in traced]
    consts = [const for const in closed.consts if not isinstance(const, Tracer)]
    inputs = [*jaxpr.invars, *traced]
    unnamed = jaxpr.debug_info._replace(arg_names=None)
    changed = {"constvars": known, "invars": inputs, "debug_info": unnamed}
    return ClosedJaxpr(jaxpr.replace(**changed), consts), [*traced.values()]


@dataclasses.dataclass
class _Reader:
    """Numbers the values of a jaxpr and of all jaxprs inside it."""

    opens: Callable[[JaxprEqn], bool]
    types: list[Any] = dataclasses.field(default_factory=list)
    constants: dict[Value, Any] = dataclasses.field(default_factory=dict)

    def number(self, aval: Any) -> Value:
        self.types.append(aval)
        return Value(len(self.types) - 1)

    def constant(self, value: Any) -> Value:
        i = self.number(jax.typeof(value))
        self.constants[i] = value
        return i

    def walk(self, jaxpr: Any, inputs: Sequence[Value], ops: list[Op]) -> list[Value]:
        """Appends the operations of a jaxpr to `ops`; returns its outputs."""
        jaxpr, consts = _opened(jaxpr)
        numbers = dict(zip(jaxpr.invars, inputs, strict=True))
        numbers |= dict(zip(jaxpr.constvars, map(self.constant, consts), strict=True))

        def read(atom: Any) -> Value:
            is_literal = isinstance(atom, Literal)
            return self.constant(atom.val) if is_literal else numbers[atom]

        for equation in jaxpr.eqns:
            operands, inner = [read(a) for a in equation.invars], body_jaxpr(equation)
            if _traits(equation).kind is Kind.ALIAS:
                results = operands
            elif inner is not None and self.opens(equation):
                results = self.walk(inner, operands, ops)
            else:
                results = [self.number(var.aval) for var in equation.outvars]
                ops.append(self.op(equation, tuple(operands), tuple(results)))
            numbers |= dict(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def op(
        self, equation: JaxprEqn, inputs: tuple[Value, ...], outputs: tuple[Value, ...]
    ) -> Op:
        """The operation of one equation, with its body where it has one."""
        op = Op(equation.primitive.name, inputs, outputs, equation)
        if not isinstance(op.traits.unrolls, Loop):
            return op
        runs = op.traits.unrolls.inside(equation)
        return dataclasses.replace(op, body=self.body(op, runs))

    def body(self, op: Op, runs: Sequence[Inside]) -> Body:
        """What a loop runs; of several branches, all of them."""
        enter, ops, every = [], [], []
        for run in runs:
            inner, more, results = self.inside(run.jaxpr)
            enter += _entering(run, op.inputs[run.skipped :], inner, results)
            ops += more
            every.append(results)
        leave = tuple(
            Op(link, tuple(each), (output,))
            for link, output, *each in zip(
                runs[0].leave, op.outputs, *every, strict=True
            )
        )
        return Body(tuple(enter), tuple(ops), leave, runs[0].enter.count(Link.CARRY))

    def inside(self, jaxpr: Any) -> tuple[list[Value], tuple[Op, ...], list[Value]]:
        """The inputs, the operations and the outputs of a body."""
        ops: list[Op] = []
        inputs = [self.number(var.aval) for var in _opened(jaxpr)[0].invars]
        outputs = self.walk(jaxpr, inputs, ops)
        return inputs, live(ops, outputs), outputs


def _entering(
    run: Inside,
    outer: Sequence[Value],
    inner: Sequence[Value],
    results: Sequence[Value],
) -> Iterator[Op]:
    # A value of one iteration is the initial one or what the last iteration left.
    left = iter(results)
    for link, i, j in zip(run.enter, outer, inner, strict=True):
        yield Op(link, (i, next(left)) if link is Link.CARRY else (i,), (j,))


def _traits(equation: JaxprEqn) -> Traits:
    return traits(equation.primitive.name)


def _opened(jaxpr: Any) -> tuple[Jaxpr, Sequence[Any]]:
    # A closed jaxpr holds an open one and its constants; a body may be either.
    return getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ())
