"""The law of a single weight: moments, support and distribution function.

An initializer states this without sampling; `jinit.testing.assert_law` holds it to it.
"""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from .arguments import public, Reals
from .settings import Bound, Count, Finite, Fraction, NonNegative
from .values import Frozen


P = ParamSpec("P")


@dataclasses.dataclass(frozen=True)
class Marginal:
    """What is known of one weight before it is drawn.

    Those that functions of `jinit.marginal` make are pickled, and compared, as the call
    that made them.

    Attributes:
        mean: E w.
        std: √E|w − E w|².
        support: The closed interval that holds every draw.
        kurtosis: E|w − E w|⁴ / σ⁴, what the spread of a sample variance depends on.
        cdf: P(W ≤ x), vectorized.
    """

    mean: float
    std: float
    support: tuple[float, float]
    kurtosis: float
    cdf: Callable[[np.ndarray], np.ndarray] = dataclasses.field(repr=False)

    def __reduce__(self) -> Any:
        if isinstance(self.cdf, _Stated):
            return self.cdf.make, self.cdf.given
        return Marginal, tuple(vars(self).values())


Marginal.__module__ = "jinit.marginal"  # where others find it


@dataclasses.dataclass(frozen=True)
class _Stated:
    """A distribution function as the call that states it: equal to its twin."""

    make: Callable[..., Marginal]
    given: tuple[Any, ...]
    cdf: Callable[[np.ndarray], np.ndarray] = dataclasses.field(compare=False)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.cdf(x)


def _stated(function: Callable[P, Marginal]) -> Callable[P, Marginal]:
    """Makes a function public, whose results say what call they are of."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> Marginal:
        found, bound = function(*args, **kwargs), signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = (Frozen(x) if isinstance(x, np.ndarray) else x for x in bound.args)
        return dataclasses.replace(found, cdf=_Stated(made, tuple(given), found.cdf))

    made = public("jinit.marginal", concrete=True)(recorded)
    made.__module__ = "jinit.marginal"  # its public home, which a pickle names
    return made


@_stated
def values(w: Reals) -> Marginal:
    """An entry picked at random from the array `w`; for a number, that number."""
    w = np.sort(np.ravel(w))
    if not w.size:
        raise ValueError("`jinit.marginal.values` needs a number or more. Got none.")
    mean, std = float(w.mean()), float(w.std())
    kurtosis = float(((w - mean) ** 4).mean() / std**4) if std else 1.0
    cdf = lambda x: np.searchsorted(w, x, side="right") / w.size
    return Marginal(mean, std, (float(w[0]), float(w[-1])), kurtosis, cdf)


@_stated
def two_points(value: Finite, density: Fraction) -> Marginal:
    """`value` with probability `density`, else 0."""
    mean, variance = value * density, value**2 * density * (1 - density)
    if not variance:
        return values(mean)
    return Marginal(
        mean,
        math.sqrt(variance),
        (min(value, 0.0), max(value, 0.0)),
        (1 - 3 * density * (1 - density)) / (density * (1 - density)),
        lambda x: density * (x >= value) + (1 - density) * (x >= 0),
    )


@_stated
def uniform(low: Finite, high: Finite) -> Marginal:
    """Equal density on `[low, high]`."""
    width = high - low
    if not width:
        return values(low)
    cdf = lambda x: np.clip((x - low) / width, 0.0, 1.0)
    return Marginal((low + high) / 2, width / math.sqrt(12), (low, high), 1.8, cdf)


@_stated
def normal(mean: Finite, std: NonNegative) -> Marginal:
    """The normal law; for a `std` of 0, the point `mean`."""
    if not std:
        return values(mean)
    cdf = lambda x: _ndtr((x - mean) / std)
    return Marginal(mean, std, (-math.inf, math.inf), 3.0, cdf)


@_stated
def truncated_normal(
    mean: Finite, scale: Finite, lower: Bound = -2.0, upper: Bound = 2.0
) -> Marginal:
    """`mean + scale z` for a unit normal `z` kept to `[lower, upper]`."""
    if not scale:
        return values(mean)
    first, second, third, fourth = _truncated_moments(lower, upper)
    variance = second - first**2
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    below, kept = _ndtr(lower), _ndtr(upper) - _ndtr(lower)
    return Marginal(
        mean + scale * first,
        scale * math.sqrt(variance),
        (mean + scale * lower, mean + scale * upper),
        central / variance**2,
        lambda x: (_ndtr(np.clip((x - mean) / scale, lower, upper)) - below) / kept,
    )


@public("jinit.marginal", concrete=True)
def truncated_std(lower: Bound = -2.0, upper: Bound = 2.0) -> float:
    """The standard deviation of a unit normal kept to `[lower, upper]`."""
    first, second, *_ = _truncated_moments(lower, upper)
    return math.sqrt(second - first**2)


@_stated
def coordinate(dimension: Count, radius: Finite) -> Marginal:
    """A coordinate of a uniformly random vector of length `radius`.

    x / radius follows Beta((m − 1)/2, (m − 1)/2) on [−1, 1] for dimension m.
    """
    if dimension == 1 or not radius:
        return values(np.array([-radius, radius]))

    def cdf(x: np.ndarray) -> np.ndarray:
        from scipy import special

        half = (dimension - 1) / 2
        return special.betainc(half, half, np.clip((x / radius + 1) / 2, 0.0, 1.0))

    kurtosis = 3 * dimension / (dimension + 2)
    std = radius / math.sqrt(dimension)
    return Marginal(0.0, std, (-radius, radius), kurtosis, cdf)


@_stated
def sparse(density: Fraction, law: Marginal) -> Marginal:
    """`law`, of mean 0, with probability `density`; else exactly 0."""
    if not density:
        return values(0.0)
    low, high = law.support
    return Marginal(
        0.0,
        law.std * math.sqrt(density),
        (min(low, 0.0), max(high, 0.0)),
        law.kurtosis / density,
        lambda x: density * law.cdf(x) + (1 - density) * (x >= 0),
    )


def _ndtr(x):
    """The distribution function of the unit normal."""
    from scipy import special

    return special.ndtr(x)


def _truncated_moments(lower: float, upper: float) -> tuple[float, ...]:
    """E z, …, E z⁴, by parts: E zᵏ = (k−1) E zᵏ⁻² − [zᵏ⁻¹ φ(z)] / P(kept)."""
    kept = float(_ndtr(upper) - _ndtr(lower))

    def edge(z: float, power: int) -> float:
        return z**power * math.exp(-z * z / 2) if math.isfinite(z) else 0.0

    moments = [0.0, 1.0]
    for k in range(1, 5):
        jump = (edge(upper, k - 1) - edge(lower, k - 1)) / math.sqrt(2 * math.pi)
        moments.append((k - 1) * moments[-2] - jump / kept)
    return tuple(moments[2:])
