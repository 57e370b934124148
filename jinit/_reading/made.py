"""What is made of a parameter before it is used as a kernel: multiples, masks, sums."""

import dataclasses
from collections.abc import Mapping, Set

import numpy as np

from .._graph import Graph, Kind, Link, Op, Value


@dataclasses.dataclass(frozen=True)
class Made:
    """A kernel as a sum in which a parameter is a multiple of one of the terms.

    If something else is made of the parameter on the way, only that is said.

    Attributes:
        multiple: The number that the parameter is multiplied by; the root mean square
            where that differs between its entries.
        kept: The share of its entries that a constant mask leaves.
        terms: How many kernels are summed.
        through: The operation that makes anything else of the parameter, if one does.
    """

    multiple: float = 1.0
    kept: float = 1
    terms: int = 1
    through: str = ""


UNCHANGED = Made()


def made_of(
    graph: Graph, leaves: Mapping[Value, Set[Value]], value: Value, leaf: Value
) -> Made:
    """What `value` is of a parameter; `leaves` tells which of them a value is of."""
    made = UNCHANGED
    while value != leaf:
        op = graph.makers[value]
        own, *again = dict.fromkeys(i for i in op.inputs if leaf in leaves.get(i, ()))
        others = {i for i in op.inputs if i in leaves} - {own, *again}
        by = None if again or others else factor(graph, op, own)
        if by is not None:
            made = _times(made, by)
        elif adds(op) and others and not again:
            size = graph.types[op.outputs[0]].size
            each = {i for other in others for i in leaves[other]}
            alike = sum(graph.types[i].size >= size for i in each)
            made = dataclasses.replace(made, terms=made.terms + alike)
        elif not _keeps(op, value):
            return Made(through=op.name)
        value = own
    return made


def shift_of(graph: Graph, value: Value, leaf: Value) -> float:
    """The number that is added to a parameter to make `value`, if no more is done."""
    shift = 0.0
    while value != leaf:
        op = graph.makers.get(value)
        if op is None:
            return 0.0
        own, *others = op.inputs
        numbers = [graph.constant(i) for i in others]
        if op.name == "add" and numbers[0] is None:
            (own,), numbers = others, [graph.constant(own)]
        if op.name == "add" and numbers[0] is not None and np.size(numbers[0]) == 1:
            shift += float(np.ravel(numbers[0])[0])
        elif not op.traits.moves and not op.traits.spreads:
            return 0.0
        value = own
    return shift


def adds(op: Op) -> bool:
    """Whether it adds its operands, or real and imaginary parts."""
    return op.traits.kind in {Kind.SUM, Kind.COMPLEX}


def _keeps(op: Op, value: Value) -> bool:
    if op.kind is Link.CARRY:
        return op.inputs[1] == value
    return op.traits.keeps or op.kind is Link.EITHER


def _times(made: Made, factor: np.ndarray) -> Made:
    squares = np.abs(factor) ** 2
    kept = float(np.mean(squares > 0))
    return dataclasses.replace(
        made,
        multiple=made.multiple * float(np.sqrt(np.mean(squares) / (kept or 1))),
        kept=made.kept * kept if kept < 1 else made.kept,
    )


def factor(graph: Graph, op: Op, own: Value) -> np.ndarray | None:
    """The constant that an operation multiplies one operand by, if it does no more."""
    if not (op.traits.scales or op.traits.kind is Kind.CHOICE):
        return None
    constants = [graph.constant(i) for i in op.inputs if i != own]
    if any(constant is None for constant in constants):
        return None
    match op.traits.kind, list(map(np.asarray, constants)):
        case Kind.PRODUCT, [factor]:
            return factor
        case Kind.QUOTIENT, [divisor] if own == op.inputs[0]:
            return 1 / divisor
        case Kind.CHOICE, [chosen, other] if own in op.data and not other.any():
            return chosen == op.data.index(own)
    return None
