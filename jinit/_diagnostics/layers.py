"""Statistics of layers, as measured, made into their records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .._reading import copies, Layer, measurable, Model
from .program import Program
from .ratios import backward, forward, square
from .records import Histogram, LayerProbe


def layer_probes(program: Program, seen: Sequence[Any]) -> Iterator[LayerProbe]:
    """The records of all layers, from their statistics."""
    known = program.layers, program.activations
    for i, (each, at) in enumerate(zip(program.layers, seen, strict=True)):
        layer = each.layer
        acts = at["activation"] or {"moments": at["z"], "saturated": None, "dead": None}
        ratio, predicted_ratio = forward(*known, seen, i)
        gradient_ratio, predicted_gradient_ratio = backward(*known, seen, i)
        yield LayerProbe(
            name=each.name,
            path=layer.path,
            shape=tuple(program.model.graph.types[layer.output].shape),
            fan_in=layer.kernel.fan_in,
            fan_out=layer.kernel.fan_out,
            weight_variance=layer.kernel.fan_in * square(at["kernel_rms"]),
            hidden=not layer.place.last,
            mean=float(at["z"]["mean"]),
            std=float(at["z"]["std"]),
            second_moment=square(at["z"]["rms"]),
            activation=program.names[i],
            normalized=_normalized(layer),
            activation_std=float(acts["moments"]["std"]),
            saturated=_number(acts["saturated"]),
            dead=_number(acts["dead"]),
            gradient_std=float(at["gradient"]["std"]),
            ratio=ratio,
            predicted_ratio=predicted_ratio,
            gradient_ratio=gradient_ratio,
            predicted_gradient_ratio=predicted_gradient_ratio,
            equal_units=bool(at["equal_units"]),
            activation_histogram=_histogram(at["activation_histogram"]),
            gradient_histogram=_histogram(at["gradient_histogram"]),
        )


def _normalized(layer: Layer) -> bool:
    return layer.activation is not None and layer.output not in layer.activation.sources


def of_each(model: Model, seen: Sequence[Any]) -> list[Any]:
    """The statistics of every instance: those of a loop come stacked."""
    layers = [layer for layer in model.layers if measurable(model.graph, layer)]
    each = []
    for layer, stacked in zip(layers, seen, strict=True):
        counts = copies(model.graph, layer)
        for index in np.ndindex(counts):
            each.append(jax.tree.map(lambda x, i=index: x[i], stacked))
    return each


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _histogram(seen: Mapping[str, Any]) -> Histogram:
    counts = tuple(map(int, seen["counts"]))
    return Histogram(counts, float(seen["low"]), float(seen["high"]))
