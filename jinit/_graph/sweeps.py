"""What flows where: each fact about all values, in one sweep over the graph."""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Set
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from .bodies import Link
from .elementwise import is_elementwise
from .jaxpr import leaf_equations
from .operations import Graph, LayerIndex, Op, Value
from .primitives import traits
from .traits import Kind


T = TypeVar("T")
N = TypeVar("N")


def sweep(
    graph: Graph,
    start: Mapping[Value, T],
    rule: Callable[[Op, dict[Value, T]], T | None],
) -> dict[Value, T]:
    """The least facts by value that contain `start` and agree with `rule` everywhere.

    `rule(op, facts)` gives the fact about the outputs of one operation, None for none.
    Loops feed back, so the sweep is repeated until nothing changes.
    """
    facts, changed = dict(start), True
    while changed:
        changed = False
        for op in graph.steps:
            fact = rule(op, facts)
            if fact is None:
                continue
            for value in op.outputs:
                if value not in start and facts.get(value) != fact:
                    facts[value], changed = fact, True
    return facts


def data_values(
    graph: Graph, n_leaves: int, starts: Iterable[Value] = ()
) -> set[Value]:
    """The values that depend on an input that is no parameter and no random key.

    What depends on one of `starts` counts as well.
    """
    is_key = lambda i: jnp.issubdtype(graph.types[i].dtype, jax.dtypes.prng_key)
    start = {i: True for i in graph.inputs[n_leaves:] if not is_key(i)}
    start |= dict.fromkeys(starts, True)
    rule = lambda op, data: any(i in data for i in op.inputs) or None
    return set(sweep(graph, start, rule))


def parameter_leaves(
    graph: Graph, n_leaves: int, data: Set[Value]
) -> dict[Value, frozenset[Value]]:
    """Of every value that comes from parameters alone: from which of them."""

    def rule(op: Op, leaves: dict[Value, frozenset[Value]]) -> frozenset[Value] | None:
        if not data.isdisjoint(op.outputs):
            return None
        return frozenset().union(*(leaves.get(i, ()) for i in op.inputs)) or None

    return sweep(graph, {i: frozenset({i}) for i in graph.inputs[:n_leaves]}, rule)


def upstream(graph: Graph, values: Iterable[Value]) -> set[Value]:
    """The values that `values` depend on, and themselves."""
    found = set(values)
    waiting = list(found)
    while waiting:
        maker = graph.makers.get(waiting.pop())
        if maker:
            waiting += set(maker.inputs) - found
            found.update(maker.inputs)
    return found


def ancestors(graph: Graph) -> dict[Value, int]:
    """Of every value: those it depends on in one iteration, and itself, as bits."""
    behind = {i: 1 << i for i in (*graph.inputs, *graph.constants)}
    for op in graph.steps:
        known = () if op.kind is Link.CARRY else op.inputs
        bits = functools.reduce(operator.or_, (behind[i] for i in known), 0)
        behind |= {value: bits | 1 << value for value in op.outputs}
    return behind


def nearest(
    graph: Graph, makers: Mapping[Value, N], around: int | None = 0
) -> dict[Value, frozenset[N]]:
    """Of every value: the layers that reach it with no other layer between.

    Args:
        graph: The computation.
        makers: The number of the layer that makes each output of one.
        around: Where an iteration of a loop takes what it carries from: 0, what was
            before the loop; 1, the last iteration; None, from nowhere.
    """
    start = dict.fromkeys((*graph.inputs, *graph.constants), frozenset[N]())
    start |= {value: frozenset({layer}) for value, layer in makers.items()}

    def rule(op: Op, near: dict[Value, frozenset[N]]) -> frozenset[N]:
        inputs = op.inputs
        if op.kind is Link.CARRY:
            inputs = () if around is None else (op.inputs[around],)
        return frozenset().union(*(near.get(i, frozenset()) for i in inputs))

    return sweep(graph, start, rule)


def compared(
    graph: Graph,
    makers: Mapping[Value, LayerIndex],
    near: Mapping[Value, frozenset[LayerIndex]],
) -> frozenset[LayerIndex]:
    """The layers whose outputs meet in a product that a softmax follows."""

    def rule(
        op: Op, met: dict[Value, frozenset[LayerIndex]]
    ) -> frozenset[LayerIndex] | None:
        sides = [near.get(i, frozenset()) for i in op.data]
        if op.traits.is_layer and all(sides):
            return frozenset().union(*sides)
        if not op.linear and not is_elementwise(op):
            return None
        return frozenset().union(*(met.get(i, ()) for i in op.inputs)) or None

    met = sweep(graph, dict.fromkeys(makers, frozenset[LayerIndex]()), rule)
    soft = (op for op in graph.steps if _exponentiates(op))
    return frozenset().union(*(met.get(i, ()) for op in soft for i in op.inputs))


def softened(graph: Graph, layers: Set[Value]) -> set[Value]:
    """The values that a softmax is taken of, back to the outputs of layers."""
    found = {i for op in graph.steps if is_softmax(graph, op) for i in op.inputs}
    waiting = list(found)
    while waiting:
        value = waiting.pop()
        maker = graph.makers.get(value)
        if maker and value not in layers and not maker.traits.is_layer:
            waiting += {*maker.linear} - found
            found.update(maker.linear)
    return found


def is_softmax(graph: Graph, op: Op) -> bool:
    """Whether it takes exponentials that are summed."""
    if op.kind != "exp":
        kinds = {traits(e.primitive.name).kind for e in _equations(op)}
        return {Kind.EXPONENTIAL, Kind.TOTAL} <= kinds
    readers = graph.readers.get(op.outputs[0], ())
    return any(reader.traits.kind is Kind.TOTAL for reader in readers)


def _equations(op: Op) -> Iterable[JaxprEqn]:
    return leaf_equations(op.equation) if op.equation else ()


def _exponentiates(op: Op) -> bool:
    kinds = (traits(each.primitive.name).kind for each in _equations(op))
    return Kind.EXPONENTIAL in kinds


def depths(graph: Graph, makers: Mapping[Value, LayerIndex]) -> dict[Value, int]:
    """Of every value: the layers on the longest way to it, once around each loop."""

    def rule(op: Op, depth: dict[Value, int]) -> int:
        inputs = op.inputs[:1] if op.kind is Link.CARRY else op.inputs
        above = max((depth.get(i, 0) for i in inputs), default=0)
        return above + (not makers.keys().isdisjoint(op.outputs))

    return sweep(graph, {}, rule)


def statistics(graph: Graph, data: Set[Value]) -> dict[Value, bool]:
    """The values made of averages of data alone; True where a root was taken."""

    def rule(op: Op, found: dict[Value, bool]) -> bool | None:
        inputs = [i for i in op.inputs if i in data]
        if op.traits.reduces:
            return any(found.get(i, False) for i in inputs)
        known = [found[i] for i in inputs if i in found]
        if not known or len(known) < len(inputs):
            return None
        places = op.traits.spreads or op.traits.takes_part or op.traits.joins
        if places or is_elementwise(op):
            return any(known) or op.traits.kind is Kind.ROOT
        return None

    return sweep(graph, {}, rule)


def rooted(
    graph: Graph, leaves: Mapping[Value, frozenset[Value]]
) -> dict[Value, frozenset[Value]]:
    """Of every value made of parameters: those of them that a root was taken of."""

    def rule(op: Op, roots: dict[Value, frozenset[Value]]) -> frozenset[Value] | None:
        if op.outputs[0] not in leaves:
            return None
        if op.traits.kind is Kind.ROOT:
            return leaves.get(op.inputs[0])
        return frozenset().union(*(roots.get(i, ()) for i in op.inputs)) or None

    return sweep(graph, {}, rule)


def normalized(
    graph: Graph,
    data: Set[Value],
    leaves: Set[Value],
    average: Mapping[Value, bool],
    stored: Set[Value],
) -> dict[Value, Op]:
    """The signals divided by a standard deviation, with the dividing operation.

    That is a root of their own average or, as in a batch norm after training, of a
    stored parameter. What a learned scale and offset make of one counts as well.
    """

    def rule(op: Op, norms: dict[Value, Op]) -> Op | None:
        signals = [i for i in op.inputs if i in data and i not in average]
        if len(signals) != 1:
            return None
        (signal,) = signals
        others = [i for i in op.inputs if i != signal]
        by_root = any(average.get(i) or i in stored for i in others)
        if op.traits.scales and by_root:
            return op
        if signal not in norms:
            return None
        affine = op.traits.sums or op.traits.kind is Kind.PRODUCT
        if op.traits.moves or (affine and any(i in leaves for i in others)):
            return norms[signal]
        if op.traits.sums and average.keys() >= {*others}:  # less its average
            return norms[signal]
        return None

    return sweep(graph, {}, rule)
