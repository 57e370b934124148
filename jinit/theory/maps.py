"""What one layer makes of a variance and a gradient, and the points that it keeps.

The public functions of `jinit.theory` read their arguments and refuse bad ones; these
compute, for an activation that one of them was asked about.
"""

import math
from typing import NamedTuple

from .._activations import Asked, root


ROUNDING = 1e-12  # of q, to which V(q) is known
_ENDLESS = 1e-12, 1e12  # variances beyond which a signal dies out or grows for ever


class FixedPoint(NamedTuple):
    """A variance that a layer leaves as it is.

    Attributes:
        variance: q*, 0 where the signal dies out and infinite where it grows for ever.
        slope: V′(q*). Below 1 in size the signal comes back to q* when disturbed.
    """

    variance: float
    slope: float


class EdgePoint(NamedTuple):
    """A pair of variances at the edge of chaos.

    Attributes:
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb².
        slope: V′(q*). From 1 on the point repels: though the gradient is kept, the
            variance of the signal leaves q* with depth.
        variance: q*.
    """

    weight_variance: float
    bias_variance: float
    slope: float
    variance: float


def variance(phi: Asked, q: float, weights: float, biases: float = 0.0) -> float:
    """V(q) = σw² E φ(√q z)² + σb²."""
    return weights * phi.moments(q).second + biases


def slope(phi: Asked, q: float, weights: float) -> float:
    """V′(q) = σw² E φ(x)² (x²/q − 1) / 2q, x ~ N(0, q)."""
    second = phi.alone.moments(q).second
    fourth = phi.times_input(q).second
    return weights * (fourth / q - second) / (2 * q)


def growth(phi: Asked, q: float, weights: float = 1.0) -> float:
    """χ(q) = σw² E φ′(√q z)²."""
    return weights * phi.moments(q).slope


def settled(phi: Asked, weights: float, biases: float, start: float) -> FixedPoint:
    """The first q* = V(q*) in the direction in which V moves `start`."""
    step = lambda q: variance(phi, q, weights, biases) - q
    moved = step(start)
    beyond = lambda q: step(q) * math.copysign(1, moved) < -ROUNDING * q
    if abs(moved) <= ROUNDING * start:
        return FixedPoint(start, slope(phi, start, weights))
    factor = 2**0.5 if moved > 0 else 2**-0.5
    near, far = start, factor * start
    while not beyond(far):
        if not _ENDLESS[0] < far < _ENDLESS[1]:
            end = math.inf if moved > 0 else 0.0
            return FixedPoint(end, slope(phi, far, weights))
        near, far = far, factor * far
    q = root(step, near, far)
    return FixedPoint(q, slope(phi, q, weights))


def critical(phi: Asked, q: float) -> tuple[float, float]:
    """The σw² and σb² with χ(q) = 1 and V(q) = q; σb² < 0 where there is no edge."""
    chi = growth(phi, q)
    if not 0 < chi < math.inf:
        raise ValueError(
            f"`{phi.where}` needs 0 < E φ′² < ∞. Got {chi} for {phi.given!r} at "
            f"variance {q}. Use an activation with a slope."
        )
    return 1 / chi, q - variance(phi, q, 1 / chi)


def edge_point(phi: Asked, q: float) -> EdgePoint:
    """The point of the edge of chaos at q, if there is one."""
    weights, biases = critical(phi, q)
    return EdgePoint(weights, max(biases, 0.0), slope(phi, q, weights), float(q))
