"""The signal that a layer reads: what made it, back to the layer or sum before."""

import dataclasses
from collections.abc import Set

from .elementwise import Activation, between, is_elementwise, MOVES
from .flow import sweep
from .graph import Graph, Op


SUMS = frozenset({"add", "add_any", "sub"})
# Operations that select or average entries of a signal, and no more.
POOLS = MOVES | frozenset(
    {
        "broadcast_in_dim", "concatenate", "cumsum", "dynamic_slice", "gather", "pad",
        "reduce_max", "reduce_sum", "reduce_window_max", "reduce_window_sum", "rev",
        "select_n", "slice", "unstack",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Signals:
    """The values that come from data, and those at which a signal starts anew.

    Noise is what comes neither from data nor from parameters, and is not one number.
    """

    graph: Graph
    data: Set[int]
    noise: Set[int]
    uniform: Set[int]
    stops: Set[int]

    def activation(self, value: int) -> Activation | None:
        """The element-wise function that makes a signal, up to pools and scalings.

        The identity where none does; None where it is no function of one signal or of
        two, or where a concatenation joins several.
        """
        graph, met = self.graph, set[int]()
        while True:
            maker = graph.makers.get(value)
            if maker is None or value in self.stops or value in met:
                return self._identity(value)
            met.add(value)
            if maker.name == "carry":
                value = maker.inputs[1]
            elif maker.name == "either" or self._masks(maker):
                value = next(i for i in maker.inputs if i in self.data)
            elif maker.name in POOLS and not self._chooses(maker):
                signals = [i for i in _pooled(maker) if i in self.data]
                if not signals:
                    return self._identity(value)
                if len(signals) > 1:
                    return None
                (value,) = signals
            elif is_elementwise(maker):
                found = between(graph, value, self.stops, self.uniform)
                if found is None or not self._scales(found):
                    return found
                (value,) = found.sources
            else:
                return self._identity(value)

    def factors(self, activation: Activation) -> tuple[Activation | None, ...]:
        """The two activations whose product a function of two signals is, if any."""
        maker = self.graph.makers.get(activation.result)
        if len(activation.sources) != 2 or maker is None or maker.name != "mul":
            return ()
        return tuple(
            between(self.graph, i, self.stops, self.uniform) for i in maker.inputs
        )

    def _identity(self, value: int) -> Activation:
        return Activation((value,), value, (), {}, self.graph.types[value])

    def _masks(self, op: Op) -> bool:
        # A product with what is neither data nor parameter, as in dropout.
        return op.name in {"mul", "div"} and any(i in self.noise for i in op.inputs)

    def _chooses(self, op: Op) -> bool:
        # max(x, 0) written as a selection is an activation; a mask is not.
        return op.name == "select_n" and op.inputs[0] in self.data

    def _scales(self, activation: Activation) -> bool:
        # A multiple of its one source.
        return len(activation.sources) == 1 and all(
            op.name in MOVES | {"neg"}
            or (
                op.name in {"mul", "div"}
                and sum(i not in self.uniform for i in op.inputs) == 1
            )
            for op in activation.ops
        )


def _pooled(op: Op) -> tuple[int, ...]:
    # What an index chooses from, not the index.
    return op.inputs[:1] if op.name in {"gather", "dynamic_slice"} else op.inputs


def read_signals(
    graph: Graph,
    data: Set[int],
    leaves: Set[int],
    uniform: Set[int],
    stops: Set[int],
) -> Signals:
    """Finds the sums of signals that start at different values of `stops`."""

    def parts(op: Op, origins: dict[int, frozenset[int]]) -> list[frozenset[int]]:
        return [origins[i] for i in op.inputs if i in origins]

    def joins(op: Op, origins: dict[int, frozenset[int]]) -> bool:
        each = parts(op, origins)
        return op.name in SUMS and len(each) == 2 and each[0].isdisjoint(each[1])

    def rule(op: Op, origins: dict[int, frozenset[int]]) -> frozenset[int] | None:
        each = parts(op, origins)
        if each and not joins(op, origins) and (op.name in MOVES or is_elementwise(op)):
            return frozenset().union(*each)
        return frozenset(op.outputs[:1]) if each else None

    inputs = [i for i in graph.inputs if i in data]
    start = {i: frozenset({i}) for i in (*inputs, *stops)}
    origins = sweep(graph, start, rule)
    sums = {op.outputs[0] for op in graph.steps if joins(op, origins)} - stops
    every = range(len(graph.types))
    noise = {i for i in every if i not in data | leaves | uniform}
    return Signals(graph, data, noise, uniform, stops | sums)
