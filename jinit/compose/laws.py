"""The law of one weight that was mixed, cut or measured against others."""

from collections.abc import Callable, Sequence

import numpy as np

from .. import marginal
from ..marginal import Marginal


_FAR = 40  # standard deviations, beyond which no law has weight that matters
_POINTS = 2**16


def mixture(laws: Sequence[Marginal], shares: Sequence[float]) -> Marginal:
    """A weight of one of these laws, each with its share of the weights."""
    kept = [(share, of) for share, of in zip(shares, laws, strict=True) if share]
    mean = sum(share * of.mean for share, of in kept)
    spread = [of.std**2 + (of.mean - mean) ** 2 for _, of in kept]
    variance = sum(share * each for (share, _), each in zip(kept, spread, strict=True))
    if not variance:
        return marginal.values(mean)
    fourth = sum(share * _fourth(of, mean) for share, of in kept)
    low, high = zip(*(of.support for _, of in kept), strict=True)
    cdf = lambda x: sum((share * of.cdf(x) for share, of in kept), np.zeros(()))
    support = min(low), max(high)
    return Marginal(mean, variance**0.5, support, fourth / variance**2, cdf)


def _fourth(of: Marginal, center: float) -> float:
    """E (W − center)⁴."""
    if of.mean == center or not of.std:
        return of.kurtosis * of.std**4 + (of.mean - center) ** 4
    low, high = _reach(of)
    return _expected(of, lambda x: (x - center) ** 4, low, high)


def clipped(of: Marginal, lower: float, upper: float) -> Marginal:
    """A weight of that law, or the bound that it lies beyond."""
    low, high = _reach(of)
    a, b = np.clip([low, high], lower, upper).tolist()
    if a == b:
        return marginal.values(a)
    mean = _expected(of, lambda x: x, a, b)
    variance, fourth = (
        _expected(of, lambda x, power=power: (x - mean) ** power, a, b)
        for power in (2, 4)
    )
    low, high = np.clip(of.support, lower, upper).tolist()
    cdf = lambda x: np.where(x < lower, 0.0, np.where(x >= upper, 1.0, of.cdf(x)))
    return Marginal(mean, variance**0.5, (low, high), fourth / variance**2, cdf)


def _reach(of: Marginal) -> tuple[float, float]:
    """The interval that holds all weights of a law that are ever seen."""
    low, high = of.support
    far = _FAR * of.std
    return max(low, of.mean - far), min(high, of.mean + far)


def _expected(
    of: Marginal, g: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> float:
    """E g(W), W kept within [low, high]: g(high) − ∫ g′(x) P(W ≤ x) dx."""
    x = np.linspace(low, high, _POINTS + 1)
    between = of.cdf((x[1:] + x[:-1]) / 2)
    at_end = np.asarray(g(x[-1:]))[0]
    return float(at_end - np.diff(g(x)) @ between)


def is_normal(of: Marginal) -> bool:
    """Whether it is a normal law of mean 0."""
    if of.mean or not of.std:
        return False
    points = of.std * np.linspace(-3.0, 3.0, 7)
    normal = marginal.normal(0.0, of.std).cdf
    return bool(np.allclose(of.cdf(points), normal(points), rtol=0, atol=1e-12))


def averaged_out(of: Marginal, n: int) -> Marginal:
    """√(n / (n − 1)) times a weight less the mean of n of them, itself one.

    The n − 1 others in the mean are summed as normal numbers, which are about 1/n of
    the variance.
    """
    if not of.std:
        return marginal.values(0.0)
    factor = (n / (n - 1)) ** 0.5
    own = (n - 1) / n * factor  # of the weight itself, and of all the others
    rest = of.std / n * (n - 1) ** 0.5 * factor
    width = own * (of.support[1] - of.support[0])
    excess = (of.kurtosis - 3) * (own**4 + (n - 1) * (factor / n) ** 4)
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    sums = list(zip(weights / weights.sum(), rest * nodes, strict=True))
    cdf = lambda x: sum(
        (share * of.cdf(of.mean + (x - z) / own) for share, z in sums), np.zeros(())
    )
    return Marginal(0.0, of.std, (-width, width), 3 + excess, cdf)
