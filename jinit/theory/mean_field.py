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

from .._activations import Asked, Function
from .._core import check, NonNegative, Positive, public
from .maps import (
    critical,
    edge_point,
    EdgePoint,
    FixedPoint,
    growth,
    ROUNDING,
    settled,
    slope,
    variance,
)


Activation = str | Function


@public("jinit.theory", concrete=True)
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
    phi = _given("variance_map", activation, q, weight_variance, bias_variance)
    return variance(phi, q, weight_variance, bias_variance)


@public("jinit.theory", concrete=True)
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
    phi = _given("variance_slope", activation, q, weight_variance)
    return slope(phi, q, weight_variance)


@public("jinit.theory", concrete=True)
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
    phi = _given("gradient_factor", activation, q, weight_variance)
    return growth(phi, q, weight_variance)


@public("jinit.theory", concrete=True)
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
    pair = weight_variance, bias_variance
    phi = _given("fixed_point", activation, start, *pair, first="start")
    return settled(phi, *pair, start)


@public("jinit.theory", concrete=True)
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
    phi = _given("edge_of_chaos", activation, q)
    _, bias_variance = critical(phi, q)
    if bias_variance < -ROUNDING * q:
        raise ValueError(
            f"`{phi.where}` needs a variance `q` that some bias variance of at least 0 "
            f"keeps. Got {q} for {activation!r}, which takes {bias_variance:.6g}. Try "
            "another `q`."
        )
    return edge_point(phi, q)


def _given(
    name: str,
    activation: Activation,
    q: float,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
    first: str = "q",
) -> Asked:
    """The activation that a function of this module was given, with its numbers."""
    where = f"jinit.theory.{name}"
    check(where, first, Positive, q)
    check(where, "weight_variance", Positive, weight_variance)
    check(where, "bias_variance", NonNegative, bias_variance)
    return Asked.of(where, activation)
