"""What follows each layer: the activation between it and the next."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Set

import jax.numpy as jnp

from .._graph import Activation, follow, Graph, LayerIndex, Link, Op, Value


@dataclasses.dataclass(frozen=True)
class Feed:
    """What a layer reads.

    Attributes:
        before: The numbers of the layers whose output reaches the signal with no other
            layer between; none for a layer that reads the model's input.
        same: Those of them that are in the same iteration of a loop.
        chained: Whether the signal is exactly the activation of one layer before, so
            that theory can predict this layer from it.
    """

    before: frozenset[LayerIndex]
    same: frozenset[LayerIndex]
    chained: bool


def _goes_on(op: Op) -> bool:
    return op.traits.moves or op.kind is Link.CARRY


@dataclasses.dataclass(frozen=True)
class Following:
    """The function that follows each layer, as far as there is a single one.

    Attributes:
        graph: The computation.
        uniform: The values that are the same for all entries.
        outputs: The number of the layer that makes each pre-activation.
        first: Of every value, the layers that reach it with no other between.
    """

    graph: Graph
    uniform: Set[Value]
    outputs: Mapping[Value, LayerIndex]
    first: Mapping[Value, frozenset[LayerIndex]]

    @functools.cached_property
    def _behind(self) -> dict[LayerIndex, list[Value]]:
        # The values that one layer alone reaches, in order: at one of them, its output
        # or what a normalization made of it, its activation starts.
        behind = {i: [output] for output, i in self.outputs.items()}
        for step in self.graph.steps:
            for value in step.outputs:
                if len(self.first[value]) == 1 and value not in self.outputs:
                    (layer,) = self.first[value]
                    behind[layer].append(value)
        return behind

    @functools.cached_property
    def _found(self) -> list[Activation | None]:
        graph = self.graph
        found = []
        for output, i in self.outputs.items():
            starts = [v for v in self._behind[i] if _alike(graph, v, output)]
            found.append(next(filter(None, map(self._start, starts)), None))
            if found[-1] is None and self._goes_straight_on(output):
                found[-1] = Activation((output,), output, (), {}, graph.types[output])
        return found

    def activation(self, layer: LayerIndex) -> Activation | None:
        """The function that follows a layer."""
        return self._found[layer]

    def feed(
        self, signal: Value, before: frozenset[LayerIndex], same: frozenset[LayerIndex]
    ) -> Feed:
        """What a layer reads, of whose signal these layers come before."""
        return Feed(before, before & same, self._chained(signal, before))

    def _chained(
        self,
        signal: Value,
        before: frozenset[LayerIndex],
        moves: Callable[[Op], bool] = _goes_on,
    ) -> bool:
        if len(before) != 1:
            return False
        (layer,) = before
        found = self._found[layer]
        return (
            found is not None
            and self.outputs.get(found.sources[0]) == layer
            and signal in _moved(self.graph, found.result, moves)
        )

    def directly(
        self, signal: Value, before: frozenset[LayerIndex]
    ) -> LayerIndex | None:
        """The layer whose activation a signal is, axis for axis."""
        casts = lambda op: op.traits.casts
        return min(before) if self._chained(signal, before, casts) else None

    def _start(self, value: Value) -> Activation | None:
        found = follow(self.graph, value, self.uniform)
        changes = found and not all(op.traits.moves for op in found.ops)
        return found if changes else None

    def _goes_straight_on(self, value: Value) -> bool:
        graph = self.graph
        return all(
            reader.traits.is_layer or reader.traits.moves
            for each in _moved(graph, value, lambda op: op.traits.moves)
            for reader in graph.readers.get(each, ())
        )


def _alike(graph: Graph, value: Value, output: Value) -> bool:
    """Whether a value has an entry for each of an output's: a number, and not an id."""
    found, of = graph.types[value], graph.types[output]
    exact = [not jnp.issubdtype(each.dtype, jnp.inexact) for each in (found, of)]
    same_loops = graph.loops.get(value) == graph.loops.get(output)
    return found.shape == of.shape and same_loops and exact != [True, False]


def _moved(graph: Graph, value: Value, moves: Callable[[Op], bool]) -> Set[Value]:
    moved, waiting = {value}, [value]
    while waiting:
        for reader in graph.readers.get(waiting.pop(), ()):
            if moves(reader):
                waiting += set(reader.outputs) - moved
                moved.update(reader.outputs)
    return moved
