"""The signal that a layer reads: what made it, back to the layer or sum before."""

import dataclasses
from collections.abc import Set

import numpy as np

from .._graph import (
    Activation,
    between,
    Graph,
    is_elementwise,
    Kind,
    Link,
    Op,
    recognize,
    sweep,
    Value,
)
from .kernels import read_kernel


_SEVERAL = "reads no function of one signal"


@dataclasses.dataclass(frozen=True)
class Signals:
    """The values that come from data, and those at which a signal starts anew.

    Noise is what comes neither from data nor from parameters, and is not one number.
    """

    graph: Graph
    data: Set[Value]
    noise: Set[Value]
    uniform: Set[Value]
    stops: Set[Value]

    def activation(self, value: Value) -> Activation | None:
        """The element-wise function that makes a signal, up to pools and scalings.

        The identity where none does; None where it is no function of one signal or of
        two, or where a concatenation joins several.
        """
        found = self._found(value)
        return found if isinstance(found, Activation) else None

    def unclear(self, value: Value) -> str:
        """Why there is no such function; nothing where there is one."""
        found = self._found(value)
        return found if isinstance(found, str) else ""

    def _found(self, value: Value) -> Activation | str:
        graph, met = self.graph, set[Value]()
        while True:
            maker = graph.makers.get(value)
            if maker is None or value in self.stops or value in met:
                return self._identity(value)
            met.add(value)
            signals = [i for i in maker.data if i in self.data]
            if maker.kind is Link.CARRY:
                value = maker.inputs[1]
            elif maker.kind is Link.EITHER:
                return self._agreed(signals)
            elif signals and (self._masks(maker) or self.averages(maker)):
                (value,) = signals
            elif maker.traits.selects and not self._chooses(maker):
                if not signals:
                    return self._identity(value)
                whole = {self._whole(i) for i in signals}
                if len(whole) > 1:
                    return _SEVERAL
                value = whole.pop() if len(signals) > 1 else signals[0]
            elif is_elementwise(maker):
                found = between(graph, value, self.stops, self.uniform)
                if maker.traits.scales and self._hides(found) and len(signals) == 1:
                    (value,) = signals
                    continue
                if found is None or (found.sources[1:] and not self.factors(found)):
                    return _SEVERAL
                if not self._scales(found):
                    return found
                (value,) = found.sources
            elif maker.traits.is_layer:
                return self._identity(value)
            else:
                return f"reads what `{maker.name}` makes of a signal"

    def _agreed(self, branches: list[Value]) -> Activation | str:
        found = [self._found(i) for i in branches]
        known = [
            recognize(each)
            for each in found
            if isinstance(each, Activation) and len(each.sources) == 1
        ]
        alike = len(known) == len(found) and len(set(known)) == 1 and known[0]
        return found[0] if alike else "reads different functions by branch"

    def averages(self, op: Op) -> bool:
        """Whether a product with a constant only selects or averages entries."""
        fixed = [i for i in op.inputs if i not in self.data]
        if not op.traits.is_layer or len(fixed) != 1:
            return False
        kernel = read_kernel(self.graph, op, op.inputs.index(fixed[0]), None)
        weights = self.graph.constant(fixed[0])
        if kernel is None or weights is None or np.min(weights) < 0:
            return False
        totals = np.sum(weights, kernel.in_axes + kernel.window_axes)
        return np.allclose(totals, 1, rtol=1e-3)

    def _whole(self, value: Value) -> Value:
        # The signal of which a value is a part.
        maker = self.graph.makers.get(value)
        while maker and value not in self.stops and maker.traits.takes_part:
            value = maker.inputs[0]
            maker = self.graph.makers.get(value)
        return value

    def factors(self, activation: Activation) -> tuple[Activation | None, ...]:
        """The two activations whose product a function of two signals is, if any."""
        maker = self.graph.makers.get(activation.result)
        if (
            len(activation.sources) != 2
            or maker is None
            or maker.traits.kind is not Kind.PRODUCT
        ):
            return ()
        return tuple(
            between(self.graph, i, self.stops, self.uniform) for i in maker.inputs
        )

    def _identity(self, value: Value) -> Activation:
        return Activation((value,), value, (), {}, self.graph.types[value])

    def _masks(self, op: Op) -> bool:
        # A product with what is neither data nor parameter, as in dropout.
        return op.traits.scales and any(i in self.noise for i in op.inputs)

    def _hides(self, activation: Activation | None) -> bool:
        # A mask is among what it is made of, as in `kept * x / rate`.
        sources = activation.sources if activation else ()
        return not self.noise.isdisjoint(sources)

    def _chooses(self, op: Op) -> bool:
        # max(x, 0) written as a selection is an activation; a mask is not.
        return op.traits.elementwise and not self.data.isdisjoint(
            {*op.inputs} - {*op.data}
        )

    def _scales(self, activation: Activation) -> bool:
        # A multiple of its one source.
        return len(activation.sources) == 1 and all(
            op.traits.moves
            or op.traits.kind is Kind.KEEP
            or (op.traits.scales and sum(i not in self.uniform for i in op.inputs) == 1)
            for op in activation.ops
        )


def read_signals(
    graph: Graph,
    data: Set[Value],
    leaves: Set[Value],
    uniform: Set[Value],
    stops: Set[Value],
) -> Signals:
    """Finds the sums of signals that start at different values of `stops`."""

    def parts(op: Op, origins: dict[Value, frozenset[Value]]) -> list[frozenset[Value]]:
        return [origins[i] for i in op.inputs if i in origins]

    def joins(op: Op, origins: dict[Value, frozenset[Value]]) -> bool:
        each = parts(op, origins)
        return op.traits.sums and len(each) == 2 and each[0].isdisjoint(each[1])

    def rule(op: Op, origins: dict[Value, frozenset[Value]]) -> frozenset[Value] | None:
        each = parts(op, origins)
        if each and not joins(op, origins) and (op.traits.moves or is_elementwise(op)):
            return frozenset().union(*each)
        return frozenset(op.outputs[:1]) if each else None

    inputs = [i for i in graph.inputs if i in data]
    start = {i: frozenset({i}) for i in (*inputs, *stops)}
    origins = sweep(graph, start, rule)
    sums = {op.outputs[0] for op in graph.steps if joins(op, origins)} - stops
    every = map(Value, range(len(graph.types)))
    noise = {i for i in every if i not in data | leaves | uniform}
    return Signals(graph, data, noise, uniform, stops | sums)
