"""How a signal and its gradient grow per layer: measured, and by theory."""

import math
from collections.abc import Callable, Sequence

from .records import LayerProbe


STEADY = math.log(1.1)  # a growth per layer that no one needs to mind
# Three standard deviations of what chance adds to log rms per layer, times √width: half
# of √5, since E φ(z)⁴ = 6 (E φ(z)²)² for relu.
CHANCE = 3 * math.sqrt(5) / 2
# Batch normalization makes gradients grow with depth, by √(π / (π − 1)) = 1.21 per relu
# layer whatever the weights, and so do residual streams; in all this much, in
# logarithms, needs no mention. Yang et al. A mean field theory of batch normalization.
# ICLR 2019.
FORGIVEN = math.log(10)
UNTOLD = math.log(2)  # in all, where layers are no chain that theory could speak of
# Theory is told of the weights as drawn, whose rms has chance of its own: it needs to
# be this far from 1 to say that a drift is no chance.
TOLD = math.log(1.2)


def depths(layers: Sequence[LayerProbe]) -> list[int]:
    """The number of each layer on the longest way to it, from 1."""
    found = [1] * len(layers)
    for _ in layers:
        after = [
            1 + max((found[i] for i in layer.before if not layer.recurrent), default=0)
            for layer in layers
        ]
        if after == found:
            break
        found = after
    return found


class Growth:
    """The growth per layer along a row of layers, one for each depth.

    Attributes:
        layers: The layers that are compared, in order.
    """

    def __init__(self, layers: Sequence[LayerProbe], depths: Sequence[int]):
        """Keeps the layers in the order of their depths, but for a first one.

        The first layer reads the data, not an activation: its scale is its own.
        """
        ranked = sorted(zip(depths, range(len(layers)), layers, strict=True))
        first = min(depths, default=0)
        if len({*depths}) > 3:
            ranked = [each for each in ranked if each[0] > first]
        self.layers = [layer for *_, layer in ranked]
        self._depths = [depth for depth, *_ in ranked]

    @property
    def steps(self) -> int:
        """From the first depth to the last."""
        return max(len({*self._depths}) - 1, 0)

    @property
    def is_chain(self) -> bool:
        """Whether each layer reads what the one before it made, as theory knows it."""
        told = all(layer.predicted_ratio is not None for layer in self.layers[1:])
        return told and len({*self._depths}) == len(self._depths)

    @property
    def is_normalized(self) -> bool:
        """Whether every layer is normalized by statistics of its own output."""
        return bool(self.layers) and all(layer.normalized for layer in self.layers)

    def of(self, size: Callable[[LayerProbe], float]) -> float:
        """The factor per layer, a geometric mean; 0 where everything is lost."""
        sizes = list(map(size, self.layers))
        by_depth: dict[int, list[float]] = {}
        for depth, value in zip(self._depths, sizes, strict=True):
            if value > 0:
                by_depth.setdefault(depth, []).append(math.log(value))
        means = [sum(logs) / len(logs) for _, logs in sorted(by_depth.items())]
        if len(means) < 2:
            return 1.0 if all(value > 0 for value in sizes) else 0.0
        return math.exp((means[-1] - means[0]) / (len(means) - 1))

    def told(self) -> float | None:
        """The factor per layer of the signal by theory, where all of it is a chain."""
        if not self.is_chain or not self.steps:
            return None
        ratios = [layer.predicted_ratio or 0.0 for layer in self.layers[1:]]
        if not all(ratios):
            return None
        return math.exp(sum(map(math.log, ratios)) / self.steps)

    def slack(self) -> float:
        """The logarithm of a factor per layer that chance alone could make."""
        if not self.steps:
            return math.inf
        width = min(layer.shape[-1] for layer in self.layers)
        return max(STEADY, CHANCE / math.sqrt(width * self.steps))

    def told_slack(self) -> float:
        """The same of `told`: the rms of n drawn weights is off by 1/√2n."""
        weights = min(layer.fan_in * layer.shape[-1] for layer in self.layers)
        return max(TOLD, 3 / math.sqrt(2 * weights * self.steps))


def size_forward(growth: Growth) -> Callable[[LayerProbe], float]:
    """What to compare: φ where all layers have the same one, else z."""
    if len({layer.activation for layer in growth.layers}) == 1:
        return lambda layer: layer.activation_std
    return lambda layer: math.sqrt(layer.second_moment)


def size_backward(layer: LayerProbe) -> float:
    """The norm: a stride or a wider layer spreads one gradient over more entries."""
    return (layer.gradient_std or 0.0) * math.sqrt(math.prod(layer.shape))


def log(factor: float) -> float:
    """Of a factor; −∞ of 0."""
    return math.log(factor) if factor > 0 else -math.inf
