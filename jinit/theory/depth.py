"""How many layers deep signals and gradients reach."""

import dataclasses
import math
from typing import Literal

from .._activations import activation_name, Asked, Function
from .._core import aligned, check, digits, NonNegative, Positive, public
from .correlation import CorrelationPoint, meeting
from .maps import growth, settled


Phase = Literal["ordered", "critical", "chaotic"]

_CRITICAL = 1e5  # layers, beyond which a depth scale is as good as infinite
_EXACT = 1e-11  # to which the logarithm of a rate is known
_SMALL, _LARGE = 1e-12, 1e12  # variances that stand for 0 and infinity
_UNKNOWN = CorrelationPoint(math.nan, math.nan)


@dataclasses.dataclass(frozen=True)
class DepthScales:
    """What becomes of signals and gradients with depth; prints as a table.

    What a layer multiplies by a rate ρ goes like exp(−l / ξ) over l layers, with the
    depth scale ξ = −1 / log |ρ|: infinite at ρ = 1, and negative where it grows.

    Attributes:
        activation: φ, by name where it has one.
        weight_variance: σw².
        bias_variance: σb².
        variance: q*, 0 where signals die out and infinite where they grow for ever.
        variance_slope: V′(q*), the rate of what differs from q*.
        correlation: c*, nan where there is no q* to have it at.
        correlation_slope: C′(c*), the rate of what differs from c*.
        gradient_factor: χ₁, the rate of a squared gradient.
    """

    activation: str
    weight_variance: float
    bias_variance: float
    variance: float
    variance_slope: float
    correlation: float
    correlation_slope: float
    gradient_factor: float

    @property
    def variance_depth(self) -> float:
        """ξ_q: how deep the size of an input is felt."""
        return depth_scale(self.variance_slope)

    @property
    def correlation_depth(self) -> float:
        """ξ_c: how deep it is felt how much two inputs differ."""
        return depth_scale(self.correlation_slope)

    @property
    def gradient_depth(self) -> float:
        """ξ of a squared gradient: negative where it explodes."""
        return depth_scale(self.gradient_factor)

    @property
    def phase(self) -> Phase:
        """Whether χ₁ is below 1, as good as 1, or above."""
        if abs(self.gradient_depth) > _CRITICAL:
            return "critical"
        return "ordered" if self.gradient_factor < 1 else "chaotic"

    def __str__(self) -> str:
        point = (
            f"{self.activation}, σw² = {exact(self.weight_variance)}, "
            f"σb² = {exact(self.bias_variance)}: {self.phase}"
        )
        head = ("", "settles at", "rate per layer", "depth scale")
        rows = [
            ("variance", self.variance, self.variance_slope, self.variance_depth),
            (
                "correlation",
                self.correlation,
                self.correlation_slope,
                self.correlation_depth,
            ),
            ("gradient²", math.nan, self.gradient_factor, self.gradient_depth),
        ]
        cells = [(name, *map(exact, numbers)) for name, *numbers in rows]
        return f"{point}\n{aligned([head, *cells])}"


@public("jinit.theory", concrete=True)
def depth_scales(
    activation: str | Function,
    weight_variance: float,
    bias_variance: float = 0.0,
    *,
    start: float = 1.0,
) -> DepthScales:
    """How deep signals and gradients reach in a wide network of such layers.

        ξ_q = −1 / log |V′(q*)|      the size of an input
        ξ_c = −1 / log C′(c*)        the difference of two inputs
        ξ   = −1 / log χ₁            a squared gradient

    Networks much deeper than ξ_c do not train: nothing of what told two inputs apart
    is left, or nothing of what made them alike.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.
        start: The variance of the pre-activations in the first layer.

    Returns:
        A `DepthScales`: fixed points, rates, depth scales and the phase.

    Example:
        >>> from jinit import theory
        >>> print(theory.depth_scales("tanh", 1.3**2, 0.3**2))
        tanh, σw² = 1.69, σb² = 0.09: ordered
                     settles at  rate per layer  depth scale
        variance        0.60705         0.47352       1.3377
        correlation           1         0.93981       16.108
        gradient²             –         0.93981       16.108

    References:
        Schoenholz, Gilmer, Ganguli, Sohl-Dickstein. Deep information propagation.
        ICLR 2017. https://arxiv.org/abs/1611.01232
    """
    where = "jinit.theory.depth_scales"
    check(where, "weight_variance", Positive, weight_variance)
    check(where, "bias_variance", NonNegative, bias_variance)
    check(where, "start", Positive, start)
    return reach(Asked.of(where, activation), weight_variance, bias_variance, start)


def reach(phi: Asked, weights: float, biases: float, start: float = 1.0) -> DepthScales:
    """The depth scales of an activation."""
    variance, slope = settled(phi, weights, biases, start)
    q = min(max(variance, _SMALL), _LARGE)
    pair = meeting(phi, q, weights, biases) if q == variance else _UNKNOWN
    return DepthScales(
        name_of(phi.given),
        float(weights),
        float(biases),
        variance,
        slope,
        pair.correlation,
        pair.slope,
        growth(phi, q, weights),
    )


def depth_scale(rate: float) -> float:
    """The ξ with |rate| = exp(−1 / ξ)."""
    if math.isnan(rate):
        return math.nan
    growth = math.log(abs(rate)) if rate else -math.inf
    return -1 / growth if abs(growth) > _EXACT else math.inf


def name_of(activation: str | Function) -> str:
    """What to call an activation."""
    if isinstance(activation, str):
        return activation
    return activation_name(activation) or getattr(activation, "__name__", "φ")


def exact(x: float) -> str:
    """A number in five digits, which quadrature gives."""
    return digits(x, 5)
