"""What to do about weights that do not suit a model."""

import functools
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .._activations import gain
from ..theory import gradient_factor, variance_map
from .records import LayerProbe


MENDABLE = 4 / 3  # a growth of the gradient per layer, beyond which no scale helps


class Fix(NamedTuple):
    """A scheme that suits an activation: `gain² / fan`, the fan in or the average."""

    scheme: str
    gain: float
    average: bool


def suited(layers: Sequence[LayerProbe]) -> Fix:
    """The classical scheme for the activation that most layers have."""
    name = main_activation(layers)
    match name:
        case "relu":
            return Fix("he_normal", math.sqrt(2), False)
        case "identity":
            return Fix("glorot_uniform", 1.0, True)
        case "tanh":
            return Fix("glorot_uniform(gain='tanh')", gain("tanh"), True)
        case "sigmoid":
            return Fix("sigmoid_uniform", 4.0, True)
        case "selu":
            return Fix("lecun_normal", 1.0, False)
        case None | "other":
            return Fix("", 0.0, False)
    return Fix(f"lecun_normal(gain={name!r})", gain(name), False)


def main_activation(layers: Sequence[LayerProbe]) -> str | None:
    """The name of the activation that most layers have."""
    names = Counter(layer.activation for layer in layers if layer.activation)
    return names.most_common(1)[0][0] if names else None


def has_scale(layers: Sequence[LayerProbe], fix: Fix) -> bool:
    """Whether the weights have the scale of a scheme already."""
    fan = lambda x: (x.fan_in + x.fan_out) / 2 if fix.average else x.fan_in
    scales = [x.weight_variance * fan(x) / x.fan_in for x in layers]
    return bool(fix.gain) and all(0.9 < s / fix.gain**2 < 1.1 for s in scales)


@functools.cache
def keeping(name: str | None) -> tuple[float, float] | None:
    """The σw² that keeps E z² = 1, and how the gradient grows per layer under it.

    σw² = 1 / E φ(z)²,     √χ = √(E φ′(z)² / E φ(z)²),     z ~ N(0, 1)
    """
    if name is None or name == "other":
        return None
    try:
        variance = 1 / variance_map(name, 1.0)
        return variance, math.sqrt(gradient_factor(name, 1.0, variance))
    except (ValueError, ZeroDivisionError):  # without Gaussian moments, or 0
        return None


def unmendable(layers: Sequence[LayerProbe]) -> str:
    """The activation whose gradient no scale of weights keeps, if it is such a one."""
    name = main_activation(layers)
    found = keeping(name)
    spoiled = found is not None and not 1 / MENDABLE < found[1] < MENDABLE
    return name if spoiled and name else ""


def keeps_signal(layers: Sequence[LayerProbe]) -> bool:
    """Whether the weights have the scale that keeps E z² = 1, as jinit chooses it."""
    found = keeping(main_activation(layers))
    return found is not None and all(
        0.8 < layer.weight_variance / found[0] < 1.25 for layer in layers
    )
