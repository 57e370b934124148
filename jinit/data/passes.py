"""One pass over a model as a pure function: kernels scaled, biases set, on the way."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from .._core import widened
from .._graph import evaluate, Value, Visit
from .._reading import Layer, Model
from .directions import as_kernel, as_parameter, can_choose, Choose, samples
from .moments import joined, moments_of, UnitMoments
from .units import Handle, unit_axes


@dataclasses.dataclass(frozen=True)
class Goal:
    """What every layer's outputs, or every single unit's, are to be like.

    Attributes:
        per: Whether a layer is scaled as a whole or unit by unit.
        std: The standard deviation; None to leave what there is.
        mean: The mean that biases give to every unit, in standard deviations; None to
            leave biases alone.
    """

    per: Literal["layer", "unit"]
    std: float | None = 1.0
    mean: float | None = None

    def stds(self, handle: Handle, moments: UnitMoments) -> jax.Array:
        """The standard deviation that counts for each unit: its own, or the layer's."""
        whole = self.per == "layer" or handle.units is None
        pooled = moments.pooled(-1).variance if whole else moments.variance
        return jnp.broadcast_to(jnp.sqrt(pooled), moments.variance.shape)

    def factor(self, handle: Handle, moments: UnitMoments) -> jax.Array:
        """What each unit's weights are multiplied by."""
        std = self.stds(handle, moments)
        to = std if self.std is None else self.std
        return jnp.where(std > 0, to / std, 1.0)

    def bias(self, handle: Handle, moments: UnitMoments) -> jax.Array:
        """The bias of each unit, for outputs that have `moments` without one."""
        std = self.std or jnp.sqrt(moments.variance.mean(-1, keepdims=True))
        return (self.mean or 0.0) * std - moments.mean * self.factor(handle, moments)


@dataclasses.dataclass(frozen=True, eq=False)
class Pass:
    """Brings all layers of a model to a goal, in order; a pure function of weights.

    Attributes:
        model: The model.
        handles: What is scaled.
        goal: What its outputs are to be like.
        choose: Makes new kernels from what they read, where there is a key.
    """

    model: Model
    handles: tuple[Handle, ...]
    goal: Goal
    choose: Choose | None = None

    @functools.cached_property
    def biases(self) -> dict[Handle, int]:
        """The place of the bias of every handle whose mean is set."""
        centers = self.goal.mean is not None
        return {h: h.bias for h in self.handles if centers and h.bias is not None}

    def __call__(
        self,
        weights: Sequence[Any],
        others: Sequence[Any],
        key: jax.Array | None = None,
    ) -> tuple[list[Any], list[UnitMoments]]:
        """New weights, and the moments of every handle's outputs before that.

        With a key, kernels are made anew from what they read.
        """
        leaves = list(weights)
        old = {handle: leaves[bias] for handle, bias in self.biases.items()}
        for bias in self.biases.values():
            leaves[bias] = jnp.zeros_like(leaves[bias])
        _, seen = evaluate(self.model.graph, [*leaves, *others], self._visits(key))
        found = []
        for handle in self.handles:
            every = [seen[layer.op.outputs[0]] for layer in handle.layers]
            moments = joined([each for each, _ in every], len(handle.loops))
            leaf, kernel = leaves[handle.leaf], every[0][1]
            if kernel is not None:
                leaves[handle.leaf] = as_parameter(kernel, handle, leaf.shape)
            factor = handle.onto(self.goal.factor(handle, moments), leaf.shape)
            leaves[handle.leaf] = (widened(leaves[handle.leaf]) * factor).astype(
                leaf.dtype
            )
            if handle in old:
                given = old[handle]
                bias = self.goal.bias(handle, moments).reshape(given.shape)
                leaves[self.biases[handle]] = bias.astype(given.dtype)
                mean = moments.mean + widened(given).reshape(moments.mean.shape)
                moments = moments._replace(mean=mean)
            found.append(moments)
        return leaves, found

    def measured(self, *arguments: Any) -> tuple[list[Any], tuple[Any, Any]]:
        """New weights; the moments, and the standard deviations that count."""
        leaves, found = self(*arguments)
        pairs = zip(self.handles, found, strict=True)
        return leaves, (found, [self.goal.stds(*pair) for pair in pairs])

    def _visits(self, key: jax.Array | None) -> dict[Value, Visit]:
        visits: dict[Value, Visit] = {
            layer.op.outputs[0]: functools.partial(self._brought, handle, layer)
            for handle in self.handles
            for layer in handle.layers
        }
        if key is None or self.choose is None:
            return visits
        read: dict[Value, jax.Array] = {}
        keys = jax.random.split(key, len(self.handles))
        for handle, own in zip(self.handles, keys, strict=True):
            if can_choose(self.model.graph, handle):
                (layer,) = handle.layers
                (signal,) = (i for i in layer.op.inputs if i != layer.kernel.value)
                choose = functools.partial(self._chosen, handle, layer, read, own)
                visits[layer.op.outputs[0]] = choose
                visits[signal] = functools.partial(
                    _kept, signal, read, visits.get(signal)
                )
        return visits

    def _brought(self, handle: Handle, layer: Layer, value: Any, _: Any) -> Any:
        """The layer's output as the goal has it, and its moments before."""
        units = unit_axes(self.model.graph, layer)
        moments = moments_of(value, units)
        if handle.alone:
            shape = [n if k in units else 1 for k, n in enumerate(value.shape)]
            new = widened(value) * self.goal.factor(handle, moments).reshape(shape)
            if handle in self.biases:
                new = new + self.goal.bias(handle, moments).reshape(shape)
            value = new.astype(value.dtype)
        return value, (moments, None)

    def _chosen(
        self,
        handle: Handle,
        layer: Layer,
        read: dict[Value, jax.Array],
        key: jax.Array,
        value: Any,
        _: Any,
    ) -> Any:
        """The same, with a kernel made from what the layer reads."""
        assert self.choose
        graph, op, kernel = self.model.graph, layer.op, layer.kernel.value
        (signal,) = (read[i] for i in op.inputs if i != kernel)
        sizes = [value.shape[k] for k in unit_axes(graph, layer)]
        chosen = self.choose(samples(graph, layer, signal), math.prod(sizes), key)
        own = as_kernel(chosen, layer, graph.types[kernel])
        (value,) = op.bind(*(own if i == kernel else signal for i in op.inputs))
        value, (moments, _) = self._brought(handle, layer, value, None)
        return value, (moments, chosen)


def _kept(
    number: Value, read: dict[Value, Any], visit: Visit | None, x: Any, given: Any
):
    x, seen = visit(x, given) if visit else (x, None)
    read[number] = x
    return x, seen
