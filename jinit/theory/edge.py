"""Where the edge of chaos is, for weights or for biases that are given."""

import itertools

from .._activations import Asked, Function, root
from .._core import check, NonNegative, Positive, public, shown
from .maps import critical, edge_point, EdgePoint, ROUNDING


_LADDER = [4.0**step for step in range(-10, 11)]  # variances between which to look


@public("jinit.theory", concrete=True)
def edge_at(
    activation: str | Function,
    *,
    weight_variance: float | None = None,
    bias_variance: float | None = None,
) -> EdgePoint:
    """The point of the edge of chaos that has this σw², or this σb².

        χ(q*) = 1 and V(q*) = q*,   at a q* between 10⁻⁶ and 10⁶

    Of several, the one with the smallest q*, and where every q* will do, as for relu,
    q* = 1. Look at the slope before use: for gelu and silu the points repel.

    Args:
        activation: A name, or a JAX function of one number.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias. Give one of the two.

    Returns:
        σw², σb², V′(q*) and q*.

    Raises:
        ValueError: When there is no such point, or not exactly one variance is given.

    Example:
        >>> from jinit import theory
        >>> point = theory.edge_at("tanh", bias_variance=0.05)
        >>> point.weight_variance, point.variance
        (1.760955, 0.570048)

    References:
        Schoenholz, Gilmer, Ganguli, Sohl-Dickstein. Deep information propagation.
        ICLR 2017. Figure 1. https://arxiv.org/abs/1611.01232
        Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington. Dynamical isometry and a
        mean field theory of CNNs. ICML 2018. https://arxiv.org/abs/1806.05393
    """
    where = "jinit.theory.edge_at"
    if (weight_variance is None) == (bias_variance is None):
        raise ValueError(
            f"`{where}` needs one of `weight_variance` and `bias_variance`. Got "
            f"{shown(weight_variance)} and {shown(bias_variance)}."
        )
    if weight_variance is not None:
        which, name = 0, "weight_variance"
        asked = check(where, name, Positive, weight_variance)
    else:
        which, name = 1, "bias_variance"
        asked = check(where, name, NonNegative, bias_variance)
    point = find(Asked.of(where, activation), which, asked)
    if point is None:
        raise ValueError(
            f"`{where}` needs a `{name}` that the edge of chaos reaches. Got {asked} "
            f"for {activation!r}. `jinit.theory.edge_of_chaos` gives its points."
        )
    return point


def find(phi: Asked, which: int, asked: float) -> EdgePoint | None:
    """The point where a variance, 0 of weights or 1 of biases, is as asked."""
    beyond = lambda q: critical(phi, q)[which] - asked
    if abs(beyond(1.0)) <= ROUNDING:
        return edge_point(phi, 1.0)
    for low, high in itertools.pairwise(_LADDER):
        if (beyond(low) > 0) != (beyond(high) > 0):
            return edge_point(phi, root(beyond, low, high))
    return None
