"""The size of every signal, told from the computation before any weight is drawn."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from .._activations import gaussian_moments
from .._graph import (
    Activation,
    between,
    Graph,
    is_elementwise,
    Kind,
    Link,
    Op,
    recognize,
    Value,
)
from .facts import Facts
from .flow import Flow
from .layers import Layer
from .model import Model
from .residuals import Closing


class Size(NamedTuple):
    """E x and E x² of the entries of a value."""

    mean: float
    second: float

    @property
    def variance(self) -> float:
        """E x² − (E x)²."""
        return max(self.second - self.mean**2, 0.0)

    def times(self, factor: float) -> "Size":
        """Of a multiple."""
        return Size(factor * self.mean, factor**2 * self.second)

    def plus(self, other: "Size") -> "Size":
        """Of a sum with an independent value."""
        mean = self.mean + other.mean
        return Size(mean, mean**2 + self.variance + other.variance)


UNIT = Size(0.0, 1.0)
# Where the entries of a pool are between equal (0) and independent (1). Neighbors share
# much of what they see; the fraction is a compromise.
POOLED = 0.6
_Z = np.linspace(-8.0, 8.0, 2001)
_DENSITY = np.exp(-(_Z**2) / 2) / np.exp(-(_Z**2) / 2).sum()


@dataclasses.dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of values, if inputs have mean 0 and variance 1, and layers keep to theirs.

    Attributes:
        model: The model.
        parameter: The size of what is made of the parameters with these numbers.
        added: What all branches of a stream add, as a multiple of what it starts with.
    """

    model: Model
    parameter: Callable[[frozenset[Value]], Size]
    added: float = 1.0
    known: dict[Value, Size] = dataclasses.field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The computation."""
        return self.model.graph

    @property
    def facts(self) -> Facts:
        """What is known of its values."""
        return self.model.facts

    @property
    def flow(self) -> Flow:
        """What flows from layer to layer."""
        return self.model.flow

    @functools.cached_property
    def layers(self) -> Mapping[Value, Layer]:
        """The layers by the number of their output."""
        return {layer.output: layer for layer in self.model.layers}

    def of(self, value: Value) -> Size:
        """E x and E x² of a value; those of a unit signal where nothing is known."""
        if value not in self.known:
            self.known[value] = UNIT  # for a loop that leads back here
            self.known[value] = self._size(value)
        return self.known[value]

    def _size(self, value: Value) -> Size:
        if value in self.layers:
            closing = self.layers[value].place.closing
            return Size(0.0, self.branch(closing) if closing else 1.0)
        if value in self.facts.leaves:
            return self.parameter(self.facts.leaves[value])
        if value in self.facts.norms:
            return self._normalized(self.facts.norms[value])
        maker = self.graph.makers.get(value)
        if maker is None or value not in self.facts.data:
            return UNIT
        if value in self.flow.closings or (maker.traits.sums and self._is_sum(maker)):
            return self.of(maker.inputs[0]).plus(self.of(maker.inputs[1]))
        if self.flow.signals.averages(maker):
            return self.of(self._signal(maker))
        if maker.kind in _RULES:
            return _RULES[maker.kind](self, maker)
        if is_elementwise(maker):
            return self._elementwise(maker, value)
        if maker.traits.selects:
            return self.of(self._signal(maker))
        return UNIT

    def _signal(self, op: Op) -> Value:
        return next(i for i in op.inputs if i in self.facts.data)

    def _is_sum(self, op: Op) -> bool:
        stops = self.flow.signals.stops
        return op.outputs[0] in stops or any(i in self.facts.leaves for i in op.inputs)

    def _normalized(self, op: Op) -> Size:
        """Of a signal over the root of its mean square: 1; over its norm: 1 / count."""
        (signal,) = (
            i for i in op.inputs if i in self.facts.data - self.facts.averages.keys()
        )
        (root,) = (i for i in op.inputs if i != signal)
        factor = self._statistic(root) ** (-2 if op.traits.kind is Kind.QUOTIENT else 2)
        second = float(factor) * self.of(signal).second
        return Size(0.0, second) if np.isfinite(second) else UNIT

    def _statistic(self, value: Value) -> np.ndarray:
        """A function of a mean square, as if that did not vary; NaN of all else."""
        maker = self.graph.makers.get(value)
        if maker is None:
            return np.array(np.nan)
        if maker.traits.spreads:
            return self._statistic(maker.inputs[0])
        if maker.traits.kind is Kind.TOTAL:
            (square,) = maker.inputs
            return np.array(self._shrinkage(maker) * self._mean_square(square))
        function = between(self.graph, value, set(), self.facts.uniform)
        if function is None or function.sources[1:] or function.sources[0] == value:
            return np.array(np.nan)
        return np.asarray(function(self._statistic(function.sources[0])))

    def _mean_square(self, value: Value) -> float:
        maker = self.graph.makers.get(value)
        squares = maker and (
            (maker.traits.kind is Kind.POWER and maker.params.get("y", 2) == 2)
            or (maker.traits.kind is Kind.PRODUCT and len(set(maker.inputs)) == 1)
        )
        return self.of(maker.inputs[0]).second if maker and squares else math.nan

    def _elementwise(self, op: Op, value: Value) -> Size:
        others = [i for i in op.inputs if i not in self.facts.uniform]
        fixed = [i for i in others if i not in self.facts.data]
        if fixed:  # a mask, a learned scale, a gate that starts at 1
            return self.of(self._signal(op))
        activation = between(
            self.graph, value, self.flow.signals.stops, self.facts.uniform
        )
        if activation is not None and len(activation.sources) == 1:
            return self._activated(activation)
        if op.traits.kind is Kind.PRODUCT and len(others) == 2:
            one, other = map(self.of, others)
            return Size(one.mean * other.mean, one.second * other.second)
        return self.of(self._signal(op))

    def _activated(self, activation: Activation) -> Size:
        before = self.of(activation.sources[0])
        known = recognize(activation)
        if known and known.name == "identity":
            return before.times(known.scale)
        if before.second <= 0:
            return Size(*[float(activation(np.zeros(1))[0])] * 2)
        if before.mean:  # a stream that was rectified keeps what a branch adds to it
            z = before.mean + math.sqrt(before.variance) * _Z
            phi = np.asarray(activation(z))
            return Size(*(float(_DENSITY @ phi**k) for k in (1, 2)))
        phi, scale = (known.name, known.scale) if known else (activation, 1.0)
        try:
            moments = gaussian_moments(phi, before.second)
        except (TypeError, ValueError):  # a function without Gaussian moments
            return before
        return Size(scale * moments.mean, scale**2 * moments.second)

    def _concatenate(self, op: Op) -> Size:
        counts = np.array([self.graph.types[i].size for i in op.inputs], float)
        sizes = np.array([self.of(i) for i in op.inputs])
        return Size(*map(float, counts @ sizes / counts.sum()))

    def _gather(self, op: Op) -> Size:
        return self.of(op.inputs[0])

    def _select_n(self, op: Op) -> Size:
        # The mean of what is chosen from, constants such as the 0 of a mask left out.
        if op.inputs[0] in self.facts.data:
            return self._elementwise(op, op.outputs[0])
        return self.of(next(i for i in op.inputs[1:] if i in self.facts.data))

    def _reduce_sum(self, op: Op) -> Size:
        return self._summed(op, self._shrinkage(op))

    def _reduce_window_sum(self, op: Op) -> Size:
        return self._summed(op, math.prod(op.params["window_dimensions"]))

    def _summed(self, op: Op, count: int) -> Size:
        """The variance of a sum is count² of equal terms, count of independent ones."""
        size = self.of(op.inputs[0])
        mean = count * size.mean
        return Size(mean, mean**2 + count ** (2 - POOLED) * size.variance)

    def _reduce_window_max(self, op: Op) -> Size:
        return self._largest(op, math.prod(op.params["window_dimensions"]))

    def _reduce_max(self, op: Op) -> Size:
        return self._largest(op, self._shrinkage(op))

    def _largest(self, op: Op, count: int) -> Size:
        """Of the largest of `count` values φ(z), φ rising: φ of the largest z.

        The largest of k standard normal numbers has the density k Φ(z)ᵏ⁻¹ times theirs.
        """
        value = op.inputs[0]
        activation = self.flow.signals.activation(value)
        if activation is None or len(activation.sources) != 1:
            return self.of(value)
        density = np.asarray(jax.scipy.special.ndtr(_Z) ** (count - 1)) * _DENSITY
        density /= density.sum()
        phi = activation(_Z * math.sqrt(self.of(activation.sources[0]).second))
        largest = Size(*(float(density @ np.asarray(phi) ** k) for k in (1, 2)))
        return Size(largest.mean, _pooled(self.of(value).second, largest.second))

    def _shrinkage(self, op: Op) -> int:
        types = self.graph.types
        return types[op.inputs[0]].size // max(types[op.outputs[0]].size, 1)

    def _dot_general(self, op: Op) -> Size:
        # Two signals, over independent entries. But what an attention averages may be
        # alike, and under a causal mask the first position averages nothing: weights
        # that sum to 1 are counted on as leaving the size of what they weigh.
        (contracted, _), _ = op.params["dimension_numbers"]
        shape = self.graph.types[op.inputs[0]].shape
        count = math.prod(shape[axis] for axis in contracted)
        one, other = (self.of(i) for i in op.inputs)
        for weights, values in ((one, other), (other, one)):
            if math.isclose(count * weights.mean, 1.0):
                return values
        mean = count * one.mean * other.mean
        noise = one.second * other.second - (one.mean * other.mean) ** 2
        return Size(mean, mean**2 + count * max(noise, 0.0))

    def _div(self, op: Op) -> Size:
        above, below = op.inputs
        makers, below_maker = self.graph.makers, None
        while below in makers and makers[below].traits.selects:
            below_maker = makers[below]
            (below, *_) = below_maker.inputs
        if below == above and below_maker and below_maker.traits.kind is Kind.TOTAL:
            # A softmax over unit logits: Σ p² = e / count, for many.
            count = self._shrinkage(below_maker)
            return Size(1 / count, min(math.e / count, 1.0) / count)
        return self._elementwise(op, op.outputs[0])

    def _carry(self, op: Op) -> Size:
        # Half of what a loop adds to a stream is there on average. What is no stream is
        # made anew in each iteration.
        first, last = op.inputs
        if last in self.flow.closings:
            return self.of(first).plus(Size(0.0, self._added(last) / 2))
        self.known[op.outputs[0]] = self.of(first)
        return self.of(last)

    def _leave(self, op: Op) -> Size:
        (value,) = op.inputs
        carries = [s for s in self.graph.steps if s.kind is Link.CARRY]
        for carry in carries if value in self.flow.closings else ():
            if carry.inputs[1] == value:
                return self.of(carry.inputs[0]).plus(Size(0.0, self._added(value)))
        return self.of(value)

    def _added(self, value: Value) -> float:
        """The second moment that a loop adds to the stream that it carries."""
        closing = self.flow.closings.get(value)
        if closing is None:
            return 0.0
        return (closing.last - closing.first + closing.turns) * self.branch(closing)

    def branch(self, closing: Closing) -> float:
        """The second moment of one of the branches that share what is `added`.

        A stream counts as one that starts with 1 if every layer reads it normalized.
        """
        reads = (layer.reads.stream for layer in self.model.layers)
        raw = any(each and each.start == closing.start for each in reads)
        start = self.of(closing.start).second if raw else 1.0
        return self.added * start / closing.branches


def _pooled(equal: float, independent: float) -> float:
    return equal ** (1 - POOLED) * independent**POOLED


_RULES: Mapping[str | Link, Callable[[Sizes, Op], Size]] = {
    Link.CARRY: Sizes._carry,
    "concatenate": Sizes._concatenate,
    "div": Sizes._div,
    "dot_general": Sizes._dot_general,
    "dynamic_slice": Sizes._gather,
    "gather": Sizes._gather,
    Link.LEAVE: Sizes._leave,
    "reduce_max": Sizes._reduce_max,
    "reduce_sum": Sizes._reduce_sum,
    "reduce_window_max": Sizes._reduce_window_max,
    "reduce_window_sum": Sizes._reduce_window_sum,
    "select_n": Sizes._select_n,
}
