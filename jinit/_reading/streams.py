"""What carries a signal linearly: the streams that residual branches are added to."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping

from .._graph import ancestors, depths, Graph, Kind, LayerIndex, Link, Op, sweep, Value
from .facts import Facts


@dataclasses.dataclass(frozen=True, eq=False)
class Streams:
    """Which values are linear in which, of a graph whose layers are known.

    Attributes:
        facts: What is known of the values.
        outputs: The number of the layer that makes each output of one.
    """

    facts: Facts
    outputs: Mapping[Value, LayerIndex]

    @property
    def graph(self) -> Graph:
        """The computation."""
        return self.facts.graph

    @functools.cached_property
    def behind(self) -> Mapping[Value, int]:
        """Of every value: those it depends on in one iteration, and itself, as bits."""
        return ancestors(self.graph)

    @functools.cached_property
    def depth(self) -> Mapping[Value, int]:
        """Of every value: the layers on the longest way to it."""
        return depths(self.graph, self.outputs)

    @functools.cached_property
    def ends(self) -> Mapping[Value, frozenset[Value]]:
        """Of every value: the layers and norms, by their output, that it is linear in.

        Of two that are multiplied, only the deeper one counts: a gate of a branch is
        none of its ends, and two factors that both start at 0 would stay there. What is
        compared, as queries are with keys, is no sum of either.
        """
        start = {v: frozenset({op.outputs[0]}) for v, op in self.facts.norms.items()}
        start |= {value: frozenset({value}) for value in self.outputs}

        def rule(
            op: Op, ends: dict[Value, frozenset[Value]]
        ) -> frozenset[Value] | None:
            linear = (i for i in op.linear if i in self.facts.data)
            sides = {i: ends[i] for i in linear if ends.get(i)}
            if not sides or op.kind == "stop_gradient":
                return None
            if len(sides) > 1 and op.traits.is_layer:
                return None
            if len(sides) > 1 and op.traits.kind is Kind.PRODUCT:
                return sides[max(sides, key=lambda i: self.depth.get(i, 0))]
            return frozenset().union(*sides.values())

        return sweep(self.graph, start, rule)

    def back(self, value: Value) -> dict[Value, bool]:
        """The values that a value is linear in; True for those it is linear in plainly.

        That is by moves, sums, scales, norms and pools alone. Otherwise there is a
        layer on the way, or entries are repeated.
        """
        found: dict[Value, bool] = {}
        waiting = [(value, True)]
        while waiting:
            value, plain = waiting.pop()
            op = self.graph.makers.get(value)
            if op and op.traits.kind is Kind.SPREAD:
                plain = plain and not self._repeats(op, op.inputs[0])
            if value in found and found[value] >= plain:
                continue
            found[value] = plain
            for i in self._signals(op) if op else ():
                turns = op and (self._is_layer(op) or self._repeats(op, i))
                waiting.append((i, plain and not turns))
        return found

    def roots(self, value: Value) -> Iterator[Value]:
        """Where the signals start that a value is a sum of, but for layers."""
        found, waiting = {value}, [value]
        while waiting:
            value = waiting.pop()
            op = self.graph.makers.get(value)
            if value in self.outputs or (op and op.kind is Link.CARRY):
                continue
            signals = self._signals(op) if op else ()
            if not signals:
                yield value
            waiting += {*signals} - found
            found.update(signals)

    def dominates(self, meeting: Value, value: Value) -> bool:
        """Whether a value depends on data through another alone.

        Conditions, which are the same for many entries, are left out.
        """
        found, waiting = {value, meeting}, [value]
        while waiting:
            value = waiting.pop()
            op = self.graph.makers.get(value)
            if op is None and value != meeting:
                return False
            if op is None or value == meeting:
                continue
            signals = (self.facts.data & {*op.inputs}) - found
            signals = {i for i in signals if not self._repeats(op, i)}
            waiting += signals
            found |= signals
        return True

    def leads_only_to(self, end: Value, value: Value) -> bool:
        """Whether all that depends on a value does so through `end`, in its loops."""
        around = self.graph.loops.get(end, ())
        if self.graph.loops.get(value, ())[: len(around)] != around:
            return False
        found, waiting = {value, end}, [value]
        while waiting:
            value = waiting.pop()
            if value in self.graph.outputs:
                return False
            readers = self.graph.readers.get(value, ())
            made = {v for reader in readers for v in reader.outputs} - found
            waiting += made
            found |= made
        return True

    def _signals(self, op: Op) -> list[Value]:
        """The operands that an operation hands on linearly."""
        data, averages = self.facts.data, self.facts.averages
        if op.kind is Link.CARRY or op.kind == "stop_gradient":
            return []
        own = op.data if op.traits.pools else op.linear
        signals = [i for i in own if i in data]
        if op.traits.scales:
            scaled = [i for i in op.inputs if i in data and not averages.get(i)]
            scaled = [i for i in scaled if i not in averages] or scaled
            return _one(scaled, signals)
        if op.traits.is_layer:
            return _one(signals, signals)
        # A signal less its average.
        return [i for i in signals if i not in averages] or signals

    def _is_layer(self, op: Op) -> bool:
        return op.traits.is_layer and any(map(self.facts.fixed, op.data))

    def _repeats(self, op: Op, operand: Value) -> bool:
        """Whether it has the entries of an operand several times each."""
        if op.traits.kind is not Kind.SPREAD and not op.traits.elementwise:
            return False
        types = self.graph.types
        return types[op.outputs[0]].size > types[operand].size


def _one(found: list[Value], linear: list[Value]) -> list[Value]:
    return [i for i in found if i in linear] if len(found) == 1 else []
