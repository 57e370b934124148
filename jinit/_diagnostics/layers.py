"""Statistics of layers, as measured, made into their records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .._graph import upstream
from .._reading import copies, Layer, measurable, Model
from .program import Program
from .ratios import backward, forward, square
from .records import Histogram, LayerProbe


def layer_probes(program: Program, seen: Sequence[Any]) -> Iterator[LayerProbe]:
    """The records of all layers, from their statistics."""
    known, taps = (program.layers, program.activations), program.watched.taps
    told = [each.layer.output in taps for each in program.layers]
    seen = [at if ok else _untold(at) for at, ok in zip(seen, told, strict=True)]
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
            before=tuple(sorted(each.before)),
            in_branch=layer.place.branch is not None,
            closes=layer.place.closing is not None,
            recurrent=layer.place.recurrent,
            signal_second_moment=square(at["signal"]["rms"]),
            equal_signal=bool(at["equal_signal"]),
            mean=float(at["z"]["mean"]),
            std=float(at["z"]["std"]),
            second_moment=square(at["z"]["rms"]),
            activation=program.names[i],
            normalized=_normalized(program.model, layer),
            activation_std=float(acts["moments"]["std"]),
            saturated=_number(acts["saturated"]),
            dead=_number(acts["dead"]),
            gradient_std=_number(at["gradient"]["std"]),
            ratio=ratio,
            predicted_ratio=predicted_ratio,
            gradient_ratio=gradient_ratio,
            predicted_gradient_ratio=predicted_gradient_ratio,
            equal_units=bool(at["equal_units"]),
            activation_histogram=_histogram(at["activation_histogram"]),
            gradient_histogram=_histogram(at["gradient_histogram"]),
        )


def _untold(at: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was seen at a layer whose gradient JAX can not take."""
    return {**at, "gradient": dict.fromkeys(at["gradient"])}


def _normalized(model: Model, layer: Layer) -> bool:
    # By averages that are taken of z on the way, not by those that were stored.
    if layer.activation is None:
        return False
    behind = upstream(model.graph, [layer.output])
    between = upstream(model.graph, layer.activation.sources) - behind
    return not model.facts.averages.keys().isdisjoint(between)


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
