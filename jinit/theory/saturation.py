"""Why weights shrink with 1/√d: how often a unit of d inputs starts saturated.

A unit sees y = Σᵢ wᵢ xᵢ over d inputs. With independent weights of mean 0,

    Var y = d · Var w · E x²

so standard weights, U(−1, 1) or N(0, 1), on 784 inputs give y a standard deviation of
16 or 28, where a logistic unit is flat beyond about 4. Weights U(−1/√d, 1/√d) have
variance 1/(3d) and give Var y = 1/3 at every d.
"""

import math

from .._core import check, Count, NonNegative, Positive, public


@public("jinit.theory", concrete=True)
def preactivation_variance(
    d: int, weight_variance: float, input_second_moment: float = 1.0
) -> float:
    """The variance of a sum of `d` inputs times independent weights of mean 0.

        Var y = d · Var w · E x²

    Args:
        d: The number of inputs, fan_in.
        weight_variance: The variance of one weight: a²/3 for U(−a, a).
        input_second_moment: E x², averaged over the inputs. 1 for standardized ones.

    Returns:
        Var y.

    Example:
        >>> from jinit.theory import saturation
        >>> d = 784
        >>> saturation.preactivation_variance(d, (1 / d**0.5) ** 2 / 3)
        0.333333
    """
    where = "jinit.theory.preactivation_variance"
    check(where, "d", Count, d)
    check(where, "weight_variance", NonNegative, weight_variance)
    check(where, "input_second_moment", NonNegative, input_second_moment)
    return d * weight_variance * input_second_moment


@public("jinit.theory", concrete=True)
def saturation_probability(threshold: float, variance: float) -> float:
    """How often a normal pre-activation lies beyond `threshold` on either side.

        P(|y| > t) = erfc(t / √(2 Var y))

    Exact for normal weights given the inputs, and the limit of many inputs for others.

    Args:
        threshold: t, where the activation counts as flat: about 4 for the logistic
            function, whose slope is there a fourteenth of its largest.
        variance: Var y.

    Returns:
        The probability.

    Example:
        >>> from jinit.theory import saturation
        >>> saturation.saturation_probability(4.0, variance=784 / 3)
        0.8046
        >>> saturation.saturation_probability(4.0, variance=1 / 3) < 1e-11
        True
    """
    _check("saturation_probability", threshold, variance)
    return math.erfc(threshold / math.sqrt(2 * variance)) if variance else 0.0


@public("jinit.theory", concrete=True)
def chebyshev_bound(threshold: float, variance: float) -> float:
    """What the chance of a pre-activation beyond `threshold` can not exceed.

        P(|y| ≥ t) ≤ Var y / t²

    This holds for any law of weights and inputs and any number of them, where
    `saturation_probability` takes y to be normal.

    Args:
        threshold: t.
        variance: Var y.

    Returns:
        The bound, at most 1.

    References:
        Chebyshev. Des valeurs moyennes. Journal de Mathématiques Pures et Appliquées,
        1867.

    Example:
        >>> from jinit.theory import saturation
        >>> saturation.chebyshev_bound(4.0, variance=1 / 3)
        0.020833
    """
    _check("chebyshev_bound", threshold, variance)
    return min(1.0, variance / threshold**2)


def _check(name: str, threshold: float, variance: float) -> None:
    check(f"jinit.theory.{name}", "threshold", Positive, threshold)
    check(f"jinit.theory.{name}", "variance", NonNegative, variance)
