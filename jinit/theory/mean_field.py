"""What depth does to the size of a signal and of its gradient, in the limit of width.

In a wide random network, weights of variance σw² / fan_in and biases of variance σb²,
the pre-activations of a layer are Gaussian, and their variance q is all that the next
layer sees. So depth is the iteration of one function of one number:

    V(q) = σw² E φ(√q z)² + σb²           the variance map,      z ~ N(0, 1)
    χ(q) = σw² E φ′(√q z)²                the growth of a squared gradient per layer

A depth without end asks for a q that V leaves where it is, that V comes back to when
disturbed (|V′(q)| < 1), and at which χ = 1: the edge of chaos.

References:
    Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli. Exponential expressivity in deep
    neural networks through transient chaos. NeurIPS 2016.
    https://arxiv.org/abs/1606.05340
    Schoenholz, Gilmer, Ganguli, Sohl-Dickstein. Deep information propagation.
    ICLR 2017. https://arxiv.org/abs/1611.01232
"""

import functools
import math
from typing import NamedTuple

from .._activations.names import as_function, Function
from .._activations.quadrature import gaussian_moments, positive
from .._activations.roots import root
from .._core.settings import check, NonNegative


Activation = str | Function

_ROUNDING = 1e-12  # of q, to which V(q) is known


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


def variance_map(
    activation: Activation,
    q: float,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> float:
    """The variance of a pre-activation one layer after it was `q`.

        V(q) = σw² E φ(√q z)² + σb²

    Args:
        activation: A name, or a JAX function of one number.
        q: The variance of the pre-activations.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.

    Returns:
        V(q).

    Example:
        >>> from jinit.theory import mean_field
        >>> mean_field.variance_map("relu", 3.0, weight_variance=2.0)  # He: kept
        3.0
    """
    _check("variance_map", q, weight_variance, bias_variance)
    return weight_variance * gaussian_moments(activation, q).second + bias_variance


def variance_slope(
    activation: Activation, q: float, weight_variance: float = 1.0
) -> float:
    """How a disturbance of the variance `q` grows in one layer: V′(q).

        V′(q) = σw² E φ(x)² (x²/q − 1) / 2q          x ~ N(0, q)

    This form differentiates the Gaussian instead of φ, so it holds for kinks and jumps,
    where σw² (E φ′² + E φ″ φ) would need delta functions.

    Args:
        activation: A name, or a JAX function of one number.
        q: The variance of the pre-activations.
        weight_variance: σw², where a weight has variance σw² / fan_in.

    Returns:
        V′(q).

    Example:
        >>> from jinit.theory import mean_field
        >>> mean_field.variance_slope("erf", 1.0, weight_variance=1.756204)
        0.333333
    """
    _check("variance_slope", q, weight_variance)
    second = gaussian_moments(activation, q).second
    fourth = gaussian_moments(_times_input(as_function(activation)), q).second
    return weight_variance * (fourth / q - second) / (2 * q)


def gradient_factor(
    activation: Activation, q: float, weight_variance: float = 1.0
) -> float:
    """How much one layer multiplies the squared size of a gradient.

        χ(q) = σw² E φ′(√q z)²

    It is also the slope of the correlation map at 1: two inputs that are nearly equal
    are drawn together where χ < 1 (order) and apart where χ > 1 (chaos).

    Args:
        activation: A name, or a JAX function of one number.
        q: The variance of the pre-activations.
        weight_variance: σw², where a weight has variance σw² / fan_in, in layers whose
            fan_out is their fan_in.

    Returns:
        χ(q).

    Example:
        >>> from jinit.theory import mean_field
        >>> mean_field.gradient_factor("relu", 3.0, weight_variance=2.0)
        1.0
    """
    _check("gradient_factor", q, weight_variance)
    return weight_variance * gaussian_moments(activation, q).slope


def fixed_point(
    activation: Activation,
    weight_variance: float,
    bias_variance: float = 0.0,
    *,
    start: float = 1.0,
) -> FixedPoint:
    """Where the variance of a signal settles with depth.

        q* = V(q*)

    A layer may have several fixed points. This is the first in the direction in which
    the map moves `start`: where V rises, the one that inputs of that variance reach.
    The search goes in steps of √2, so it can miss two that lie closer together.

    Args:
        activation: A name, or a JAX function of one number.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.
        start: The variance of the pre-activations in the first layer.

    Returns:
        The variance q* and the slope V′(q*).

    Example:
        >>> from jinit.theory import mean_field
        >>> mean_field.fixed_point("tanh", (5 / 3) ** 2).variance  # torch's gain
        1.17848
    """
    _check("fixed_point", start, weight_variance, bias_variance, first="start")
    step = lambda q: variance_map(activation, q, weight_variance, bias_variance) - q
    slope = lambda q: variance_slope(activation, q, weight_variance)
    moved = step(start)
    beyond = lambda q: step(q) * math.copysign(1, moved) < -_ROUNDING * q
    if abs(moved) <= _ROUNDING * start:
        return FixedPoint(start, slope(start))
    factor = 2**0.5 if moved > 0 else 2**-0.5
    near, far = start, factor * start
    while not beyond(far):
        if not 1e-12 < far < 1e12:
            return FixedPoint(math.inf if moved > 0 else 0.0, slope(far))
        near, far = far, factor * far
    q = root(step, near, far)
    return FixedPoint(q, slope(q))


def edge_of_chaos(activation: Activation, q: float) -> EdgePoint:
    """The variances of weights and biases that keep both signal and gradient.

        σw² = 1 / E φ′(√q z)²          so that χ(q) = 1
        σb² = q − σw² E φ(√q z)²       so that V(q) = q

    Look at the slope before use: for gelu and silu the points repel.

    Args:
        activation: A name, or a JAX function of one number.
        q: The variance of the pre-activations to keep.

    Returns:
        σw², σb², V′(q) and q.

    Raises:
        ValueError: When it would take a negative σb²: there is no edge at this `q`.

    Example:
        >>> from jinit.theory import mean_field
        >>> point = mean_field.edge_of_chaos("tanh", 1.0)
        >>> point.weight_variance, point.bias_variance
        (2.153303, 0.150965)
        >>> point.slope < 1, mean_field.edge_of_chaos("gelu", 0.72204).slope < 1
        (True, False)
    """
    _check("edge_of_chaos", q)
    weight_variance, bias_variance = critical_variances(activation, q)
    if bias_variance < -1e-12 * q:
        raise ValueError(
            "`jinit.theory.edge_of_chaos` needs a variance `q` that some bias variance "
            f"of at least 0 keeps. Got {q} for {activation!r}, which takes "
            f"{bias_variance:.6g}. Try another `q`."
        )
    slope = variance_slope(activation, q, weight_variance)
    return EdgePoint(weight_variance, max(bias_variance, 0.0), slope, float(q))


def critical_variances(activation: Activation, q: float) -> tuple[float, float]:
    """The σw² and σb² of `edge_of_chaos`, where σb² < 0 says that there is no edge."""
    growth = gradient_factor(activation, q)
    if not 0 < growth < math.inf:
        raise ValueError(
            "`jinit.theory.edge_of_chaos` needs 0 < E φ′² < ∞. Got "
            f"{growth} for {activation!r} at `q` = {q}. Use an activation with a slope."
        )
    return 1 / growth, q - variance_map(activation, q, 1 / growth)


@functools.lru_cache(maxsize=256)
def _times_input(function: Function) -> Function:
    return lambda x: x * function(x)


def _check(
    name: str,
    q: float,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
    first: str = "q",
) -> None:
    where = f"jinit.theory.{name}"
    positive(where, first, q)
    positive(where, "weight_variance", weight_variance)
    check(where, "bias_variance", NonNegative, bias_variance)
