"""Passes over a model that scale its kernels, and set its biases, on the way."""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .._core.progress import working
from .._graph import evaluate, Visit
from .._reading import first_not_finite, Layer, read_model
from .directions import as_kernel, as_parameter, can_choose, Choose, samples
from .moments import joined, moments_of, UnitMoments
from .records import LayerScales, scales_of
from .units import Handle, handles, unit_axes


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


class Fit:
    """Passes over a model, each of which brings all layers to a goal, in order.

    A pass is one program for each shape of batches. With `choose`, the first makes new
    kernels from what they read.
    """

    def __init__(
        self,
        where: str,
        apply: Callable[[Any, Any], Any],
        params: Any,
        batch: Any,
        goal: Goal,
        choose: Choose | None = None,
    ):
        self.where, self.goal, self.choose = where, goal, choose
        self.model = read_model(apply, params, batch)
        self.handles = handles(self.model)
        if not self.handles:
            raise ValueError(
                f"`{where}` needs a model with a layer: a product of a parameter "
                "with the data. Got none. Pass the weights as `params` instead of "
                "closing over them."
            )
        if goal.per == "unit":
            self._require_samples()
        centers = goal.mean is not None
        self.biases = {
            h: h.bias for h in self.handles if centers and h.bias is not None
        }
        self._pass = jax.jit(self.one_pass)
        self._anew = lambda batch: Fit(where, apply, params, batch, goal, choose)
        self._kind = _kind(batch)

    def with_goal(self, goal: Goal) -> "Fit":
        """The same with another goal."""
        fit = copy.copy(self)
        fit.goal, fit._pass = goal, jax.jit(fit.one_pass)
        return fit

    def run(
        self,
        params: Any,
        batches: Iterable[Any],
        tolerance: float = 0.1,
        max_passes: int = 10,
        key: jax.Array | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[Any, LayerScales[Any]]]:
        """What each pass leaves, until all variances are within `tolerance`."""
        leaves, structure = jax.tree.flatten(params)
        name, seen = self.where.removeprefix("jinit."), []
        fits: dict[Any, Fit] = {self._kind: self}
        for number, batch in zip(range(max_passes + 1), batches, strict=False):
            if progress:
                progress(f"{name}: pass {number + 1}")
            kind = _kind(batch)
            fit = fits[kind] = fits.get(kind) or self._anew(batch)
            with working(f"{name}: pass {number + 1}"):
                inputs = jax.tree.leaves(batch)
                scaled, found = fit._pass(leaves, inputs, None if number else key)
                found = jax.device_get(found)
            stds = fit._require_sound(leaves, batch, found)
            seen.append(found)
            off = max(
                abs((std / (self.goal.std or std)) ** 2 - 1).max() for std in stds
            )
            done = (number and off <= tolerance) or number == max_passes
            leaves = leaves if done else scaled
            yield structure.unflatten(leaves), self._record(seen, bool(done))
            if done:
                return

    def one_pass(
        self,
        leaves: Sequence[Any],
        batch: Sequence[Any],
        key: jax.Array | None = None,
    ) -> tuple[list[Any], list[UnitMoments]]:
        """New parameters, and the moments of every handle's outputs before that."""
        leaves = list(leaves)
        old = {handle: leaves[bias] for handle, bias in self.biases.items()}
        for bias in self.biases.values():
            leaves[bias] = jnp.zeros_like(leaves[bias])
        _, seen = evaluate(self.model.graph, [*leaves, *batch], self._visits(key))
        found = []
        for handle in self.handles:
            every = [seen[layer.op.outputs[0]] for layer in handle.layers]
            moments = joined([each for each, _ in every], len(handle.loops))
            leaf, kernel = leaves[handle.leaf], every[0][1]
            if kernel is not None:
                leaves[handle.leaf] = as_parameter(kernel, handle, leaf.shape)
            factor = handle.onto(self.goal.factor(handle, moments), leaf.shape)
            leaves[handle.leaf] = (leaves[handle.leaf] * factor).astype(leaf.dtype)
            if handle in old:
                given = old[handle]
                bias = self.goal.bias(handle, moments).reshape(given.shape)
                leaves[self.biases[handle]] = bias.astype(given.dtype)
                mean = moments.mean + given.reshape(moments.mean.shape)
                moments = moments._replace(mean=mean)
            found.append(moments)
        return leaves, found

    def _visits(self, key: jax.Array | None) -> dict[int, Visit]:
        visits: dict[int, Visit] = {
            layer.op.outputs[0]: functools.partial(self._brought, handle, layer)
            for handle in self.handles
            for layer in handle.layers
        }
        if key is None or self.choose is None:
            return visits
        read: dict[int, jax.Array] = {}
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
            new = value * self.goal.factor(handle, moments).reshape(shape)
            if handle in self.biases:
                new = new + self.goal.bias(handle, moments).reshape(shape)
            value = new.astype(value.dtype)
        return value, (moments, None)

    def _chosen(
        self,
        handle: Handle,
        layer: Layer,
        read: dict[int, jax.Array],
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

    def _record(self, seen: Sequence[Any], measured: bool) -> LayerScales[Any]:
        """What the passes did; the last has only measured, or is not measured yet."""
        layers = []
        for i, handle in enumerate(self.handles):
            stds = [np.asarray(self.goal.stds(handle, each[i])) for each in seen]
            factors = [(self.goal.std or 1.0) / std for std in stds]
            scale = np.prod(factors[:-1] if measured else factors, axis=0)
            scale = np.broadcast_to(scale, stds[0].shape)
            after, mean = stds[-1], np.asarray(seen[-1][i].mean)
            if not measured:
                after, mean = np.full_like(after, np.nan), np.full_like(mean, np.nan)
            means = mean if self.goal.per == "unit" else None
            path = self.model.paths[handle.leaf]
            layers += scales_of(handle.name, path, stds[0], scale, after, means)
        return LayerScales(tuple(layers))

    def _require_samples(self) -> None:
        graph = self.model.graph
        for handle in self.handles:
            shape = graph.types[handle.layers[0].op.outputs[0]].shape
            units = unit_axes(graph, handle.layers[0])
            values = math.prod(n for k, n in enumerate(shape) if k not in units)
            if values < 2:
                raise ValueError(
                    f"`{self.where}` needs a batch with two or more values of every "
                    f"unit. Got {values} in {handle.name}. Use a larger batch."
                )

    def _require_sound(
        self, leaves: Sequence[Any], batch: Any, found: Sequence[UnitMoments]
    ) -> list[np.ndarray]:
        """The standard deviations, if all are finite and none is 0."""
        stds = []
        for handle, moments in zip(self.handles, found, strict=True):
            std = np.asarray(self.goal.stds(handle, moments), float)
            if not np.isfinite(std).all():
                place = first_not_finite(self.model, leaves, batch)
                place = place or f"the scaled output of {handle.name}"
                raise ValueError(
                    f"`{self.where}` needs finite numbers. Got inf or nan first in "
                    f"{place}."
                )
            if not std.all():
                unit = f"unit {std.argmin() % std.shape[-1]}" if std.any() else "output"
                raise ValueError(
                    f"`{self.where}` needs outputs that vary over the batch. Got a "
                    f"constant {unit} of {handle.name}. Its input is constant, or its "
                    "weights are 0."
                )
            stds.append(std)
        return stds


def _kind(batch: Any) -> tuple[Any, ...]:
    """What batches have in common that one program can read."""
    leaves, structure = jax.tree.flatten(batch)
    return structure, *map(jax.typeof, leaves)


def _kept(number: int, read: dict[int, Any], visit: Visit | None, x: Any, given: Any):
    x, seen = visit(x, given) if visit else (x, None)
    read[number] = x
    return x, seen
