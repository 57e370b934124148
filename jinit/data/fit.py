"""One pass over a model that scales its kernels on the way."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..graph.finite import first_not_finite
from ..graph.instances import copies, measurable
from ..graph.layers import Layer
from ..graph.run import evaluate
from ..graph.taps import Model
from .records import LayerScale


@dataclasses.dataclass(frozen=True, eq=False)
class Unit:
    """A parameter to be scaled, and the layers whose output it scales.

    If `alone`, that is one layer whose output is linear in it, so that both can be
    scaled in passing. `axes` are the parameter's axes of iterations, outermost first.
    """

    leaf: int
    layers: tuple[Layer, ...]
    alone: bool
    axes: tuple[int, ...]


class Fit:
    """One pass over a model that scales its kernels."""

    def __init__(self, model: Model, target: float, center: bool):
        self.model, self.target, self.center = model, target, center
        self.units = tuple(_units(model))
        if not self.units:
            raise ValueError(
                "`jinit.lsuv` needs a model with a layer: a product of a parameter "
                "with the data. Got none. Pass the weights as `params` instead of "
                "closing over them."
            )
        self.scale = jax.jit(self._scale)

    def _scale(
        self, leaves: list[Any], batch: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """New parameters, and by unit the standard deviations before the change."""
        visits = {}
        for unit in self.units:
            visit = self._scaled if unit.alone else _looked
            visits |= {layer.op.outputs[0]: visit for layer in unit.layers}
        biases = dict(self._biases()) if self.center else {}
        visits |= {layer.output: _centered for layer in biases.values()}
        _, seen = evaluate(self.model.graph, [*leaves, *batch], visits)
        leaves, stds = list(leaves), []
        for unit in self.units:
            moments = [seen[layer.op.outputs[0]] for layer in unit.layers]
            std = _pooled(moments, len(unit.axes))
            leaf = leaves[unit.leaf]
            factor = _along(self._factor(std), unit.axes, leaf.ndim)
            leaves[unit.leaf] = (leaf * factor).astype(leaf.dtype)
            stds.append(std)
        for i, layer in biases.items():
            shift = seen[layer.output].reshape(leaves[i].shape)
            leaves[i] = (leaves[i] - shift).astype(leaves[i].dtype)
        return leaves, stds

    def _factor(self, std: jax.Array) -> jax.Array:
        return jnp.where(std > 0, self.target / std, 1.0)

    def _scaled(self, value: jax.Array, _: Any) -> tuple[jax.Array, Any]:
        moments = _moments(value)
        factor = self._factor(_std(moments))
        return (value * factor).astype(value.dtype), moments

    def _biases(self) -> Iterator[tuple[int, Layer]]:
        # Biases that are a parameter each, one number per unit of their layer.
        found, inputs = self.model.found, self.model.graph.inputs
        for unit in self.units:
            layer = unit.layers[0]
            axes = found.axes.get(layer.bias) if layer.bias is not None else None
            if unit.alone and axes and found.leaves[axes.leaf] == {axes.leaf}:
                yield inputs.index(axes.leaf), layer

    def require_sound(
        self, params: Any, batch: Any, stds: list[np.ndarray]
    ) -> list[np.ndarray]:
        """The same standard deviations, if all are finite and none is 0."""
        for unit, std in zip(self.units, stds, strict=True):
            if not np.isfinite(std).all():
                place = first_not_finite(self.model, params, batch)
                place = place or f"the scaled output of {unit.layers[0].name}"
                raise ValueError(
                    "`jinit.lsuv` needs finite numbers. Got inf or nan first in "
                    f"{place}."
                )
            if not std.all():
                raise ValueError(
                    "`jinit.lsuv` needs outputs that vary over the batch. Got a "
                    f"constant output of {unit.layers[0].name}. Its input is constant, "
                    "or its weights are 0."
                )
        return stds

    def record(self, seen: list[list[np.ndarray]]) -> Iterator[LayerScale]:
        """What happened to each unit, from the deviations seen in every pass."""
        for i, unit in enumerate(self.units):
            name, path = unit.layers[0].name, self.model.paths[unit.leaf]
            stds = np.stack([np.asarray(each[i], float) for each in seen])
            scales = np.prod(self.target / stds[:-1], axis=0)
            for index in np.ndindex(stds.shape[1:]):
                number = np.ravel_multi_index(index, stds.shape[1:]) if index else 0
                yield LayerScale(
                    f"{name}[{number}]" if index else name,
                    path,
                    float(stds[0][index]),
                    float(scales[index]),
                    float(stds[-1][index]),
                )


def _units(model: Model) -> Iterator[Unit]:
    found, graph = model.found, model.graph
    layers: dict[int, list[Layer]] = {}
    for layer in model.layers:
        if measurable(graph, layer):
            layers.setdefault(_scaled_leaf(model, layer), []).append(layer)
    for leaf, every in layers.items():
        kernel, (first, *more) = every[0].kernel.value, every
        axes = _iteration_axes(model, kernel, leaf)
        own_scale = found.leaves[kernel] == {leaf}
        own_loops = model.times(first.op.outputs[0]) == copies(graph, first)
        alone = own_scale and not more and own_loops
        shared = alone or not axes
        axes = axes if shared else ()
        yield Unit(graph.inputs.index(leaf), tuple(every), alone, axes)


def _scaled_leaf(model: Model, layer: Layer) -> int:
    """The parameter to scale: of a normalized kernel not the direction but the gain."""
    found, value = model.found, layer.kernel.value
    main = found.main_leaf(value)
    normalized = found.roots.get(value, frozenset())
    gains = sorted(found.leaves[value] - normalized)
    return gains[0] if main in normalized and gains else main


def _iteration_axes(model: Model, value: int, leaf: int) -> tuple[int, ...]:
    """The axes of a leaf that loops around a value take apart, outermost first."""
    found, graph, axes = model.found, model.graph, []
    while value in graph.makers:
        maker = graph.makers[value]
        value = next(i for i in maker.inputs if leaf in found.leaves.get(i, ()))
        if maker.name == "unstack":
            axes += found.axes[value].axes[0]
    return tuple(reversed(axes))


def _moments(value: jax.Array) -> tuple[jax.Array, jax.Array]:
    value = value.astype(jnp.promote_types(value.dtype, jnp.float32))
    mean = jnp.mean(value)
    return mean, jnp.mean(jnp.abs(value - mean) ** 2)


def _std(moments: tuple[jax.Array, jax.Array]) -> jax.Array:
    return jnp.sqrt(moments[1])


def _looked(value: jax.Array, _: Any) -> tuple[jax.Array, Any]:
    return value, _moments(value)


def _centered(value: jax.Array, _: Any) -> tuple[jax.Array, Any]:
    mean = jnp.mean(value, tuple(range(value.ndim - 1)))
    return value - mean, mean


def _pooled(moments: list[Any], kept: int) -> jax.Array:
    """The standard deviation over all uses and all iterations but the first axes."""
    joined = lambda k: jnp.concatenate(
        [each[k].reshape(*each[k].shape[:kept], -1) for each in moments], -1
    )
    means, variances = joined(0), joined(1)
    return jnp.sqrt(variances.mean(-1) + means.var(-1))


def _along(factor: jax.Array, axes: tuple[int, ...], ndim: int) -> jax.Array:
    """The factors, one per index of `axes`, to multiply an array of `ndim` axes."""
    order = sorted(range(len(axes)), key=lambda i: axes[i])
    sizes = dict(zip(axes, factor.shape, strict=True))
    return factor.transpose(order).reshape([sizes.get(k, 1) for k in range(ndim)])
