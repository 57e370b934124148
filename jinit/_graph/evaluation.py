"""Runs a graph, with visits: values looked at, or changed, on their way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax

from .operations import Body, Graph, Op, Value


Visit = Callable[[Any, Any], tuple[Any, Any]]
Values = dict[Value, Any]


def evaluate(
    graph: Graph,
    inputs: Sequence[Any],
    visits: Mapping[Value, Visit] | None = None,
    given: Mapping[Value, Any] | None = None,
) -> tuple[list[Any], Values]:
    """The outputs of a graph, and what the visits have seen.

    Args:
        graph: The computation.
        inputs: One array per graph input.
        visits: By value number, `visit(value, given)`, which returns what later
            operations read in its place, and anything it has seen.
        given: What is given to each visit.

    Returns:
        The outputs; and by value number what was seen. What is given to or seen at a
        value inside a `scan` has the iterations along its first axis.
    """
    values = dict(graph.constants) | dict(zip(graph.inputs, inputs, strict=True))
    values, seen = run(graph.ops, values, visits or {}, given or {})
    return [values[i] for i in graph.outputs], seen


def run(
    ops: Iterable[Op],
    values: Values,
    visits: Mapping[Value, Visit],
    given: Mapping[Value, Any],
) -> tuple[Values, Values]:
    """Runs `ops` in order on the numbered `values`; returns them and what was seen."""
    seen: Values = {}

    def enter(i: Value, value: Any) -> None:
        values[i] = value
        if i in visits:
            values[i], seen[i] = visits[i](value, given.get(i))

    for i in visits.keys() & values.keys():
        enter(i, values[i])
    for op in ops:
        operands = [values[i] for i in op.inputs]
        if op.scans and op.body and not op.body.values.isdisjoint(visits):
            results, inside = _scan(op, op.body, values, operands, visits, given)
            seen |= inside
        else:
            results = op.bind(*operands)
        for i, result in zip(op.outputs, results, strict=True):
            enter(i, result)
    return values, seen


def _scan(
    op: Op,
    body: Body,
    outer: Values,
    operands: Sequence[Any],
    visits: Mapping[Value, Visit],
    given: Mapping[Value, Any],
) -> tuple[list[Any], Values]:
    inputs = [link.outputs[0] for link in body.enter]
    results = [link.inputs[0] for link in body.leave]
    visits = {i: visit for i, visit in visits.items() if i in body.values}
    given = {i: value for i, value in given.items() if i in visits}
    constants, first, slices = body.split(operands)

    def step(carry: list[Any], each: Any) -> Any:
        slices, given = each
        values = outer | dict(zip(inputs, [*constants, *carry, *slices], strict=True))
        values, seen = run(body.ops, values, visits, given)
        last = [values[i] for i in results]
        return last[: body.carries], (last[body.carries :], seen)

    settings = {name: op.params[name] for name in ("length", "reverse", "unroll")}
    carry, (stacked, seen) = jax.lax.scan(step, first, (slices, given), **settings)
    return [*carry, *stacked], seen
