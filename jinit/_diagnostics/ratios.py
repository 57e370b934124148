"""Growth from layer to layer: measured, and as mean-field theory predicts it.

Each function returns a pair of ratios of standard deviations, None where unknown.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from .._graph import Activation
from .._reading import Instance
from ..theory import gradient_factor, variance_map


Phi = str | Activation | None  # an activation by name, as a function, or unknown
Ratios = tuple[float | None, float | None]


def forward(
    layers: Sequence[Instance], activations: Sequence[Phi], seen: Sequence[Any], i: int
) -> Ratios:
    """Rms z over what went in: the layer before or, for a first layer, the input."""
    layer, at = layers[i], seen[i]
    weights = layer.layer.kernel.fan_in * square(at["kernel_rms"])
    biases = square(at["bias_rms"])
    if not layer.before:
        q = square(at["signal"]["rms"])
        return _ratio(square(at["z"]["rms"]), q), _ratio(weights * q + biases, q)
    if len(layer.before) > 1:
        return None, None
    (previous,) = layer.before
    q, phi = square(seen[previous]["z"]["rms"]), activations[previous]
    predicted = _theory(variance_map, layer, phi, q, weights, biases)
    return _ratio(square(at["z"]["rms"]), q), _ratio(predicted, q)


def backward(
    layers: Sequence[Instance], activations: Sequence[Phi], seen: Sequence[Any], i: int
) -> Ratios:
    """Gradient std at layer `i` over that at the one layer after."""
    after = [j for j, each in enumerate(layers) if i in each.before]
    if len(after) != 1:
        return None, None
    (j,) = after
    stds = (seen[k]["gradient"]["std"] for k in (i, j))
    here, there = (None if std is None else square(std) for std in stds)
    q, phi = square(seen[i]["z"]["rms"]), activations[i]
    weights = layers[j].layer.kernel.fan_out * square(seen[j]["kernel_rms"])
    predicted = _theory(gradient_factor, layers[j], phi, q, weights)
    return _ratio(here, there), _ratio(predicted, 1.0)


def _theory(
    law: Callable[..., float],
    layer: Instance,
    phi: Phi,
    q: float,
    *variances: float,
) -> float | None:
    # Theory speaks of a layer that reads exactly φ of one layer before, with 0 < q.
    if not layer.chained or phi is None or q == 0:
        return None
    try:
        return law(phi, q, *variances)
    except ValueError:  # an activation without Gaussian moments
        return None


def _ratio(above: float | None, below: float | None) -> float | None:
    return math.sqrt(above / below) if above is not None and below else None


def square(rms: Any) -> float:
    """The square of a root mean square, in double precision."""
    return float(rms) ** 2
