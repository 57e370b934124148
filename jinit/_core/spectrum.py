"""The singular values of independent weights, and how far chance moves them.

All of them follow Marchenko and Pastur's law: of p · q independent numbers of variance
1, the λ of a Gram matrix of p rows lie between (√q ± √p)². They repel each other, so
that the count below any point varies by no more than √(log p + 2) / π, and the largest
by (√q + √p) (1/√q + 1/√p)^⅓, as Tracy and Widom have it, for numbers of any law.

References:
    Johnstone. On the distribution of the largest eigenvalue in principal components
    analysis. Annals of Statistics 2001, theorem 1.1.
    Chen, Zhang, Zhong. Tests for high-dimensional covariance matrices. Journal of the
    American Statistical Association 2010: Σ (xᵢ · xⱼ)², here of numbers whose fourth
    moment is known.
"""

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from .independence import Finding


_SHORT, _LONG = 256, 4096  # of a matrix, what is looked at
_LEAST = 30  # rows: of fewer, the laws do not hold
_KURTOSIS = 1.8  # of a uniform number


def spectra(what: str, x: np.ndarray, alpha: float) -> Iterator[Finding]:
    """Of numbers of mean 0 and variance 1, uniform if the law holds, as matrices."""
    shapes = {(x.shape[0], -1), (-1, x.shape[-1])} if x.ndim > 1 else set()
    for shape in sorted(shapes):
        matrix = x.reshape(shape)
        matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        matrix = matrix[:_SHORT, :_LONG]
        if len(matrix) >= _LEAST:
            yield from _spectrum(f"{what} as {matrix.shape}", matrix, alpha)


def _spectrum(what: str, x: np.ndarray, alpha: float) -> Iterator[Finding]:
    p, q = x.shape
    gram = x @ x.T
    pairs = p * (p - 1) / 2
    excess = (float(np.sum(np.triu(gram, 1) ** 2)) / q - pairs) / _spread(p, q)
    # A sum of about as many squares.
    allowed = float((stats.chi2.isf(alpha, pairs) - pairs) / math.sqrt(2 * pairs))
    if excess > allowed:
        yield Finding(
            "independent weights",
            f"products of the rows of {what} that are {excess:.3g} standard deviations "
            f"too large, where {allowed:.3g} are allowed",
        )
    found = np.linalg.eigvalsh(gram)
    most = _largest(p, q, alpha)
    if found[-1] > most:
        yield Finding(
            "independent weights",
            f"a singular value of {math.sqrt(found[-1]):.4g} of {what}, where "
            f"{math.sqrt(most):.4g} is allowed",
        )
    below = np.arange(p) + 0.5
    off = float(np.abs(below - p * _marchenko_pastur(found / q, p / q)).max())
    deviations = float(stats.norm.isf(alpha / 2))
    bound = 1.5 + deviations * math.sqrt(math.log(p) + 2) / math.pi
    if off > bound:
        yield Finding(
            "independent weights",
            f"{off:.3g} of the {p} singular values of {what} on another side than "
            f"Marchenko and Pastur have them, where {bound:.3g} are allowed",
        )


def _spread(p: int, q: int) -> float:
    """The standard deviation of Σ (xᵢ · xⱼ)² / q over pairs of p rows."""
    alone = 2 * q**2 - 3 * q + q * _KURTOSIS**2
    shared = q * (_KURTOSIS - 1)  # by two pairs with a row in common
    return math.sqrt(p * (p - 1) / 2 * alone + p * (p - 1) * (p - 2) * shared) / q


def _largest(p: int, q: int, alpha: float) -> float:
    """What the largest λ exceeds with a chance of less than `alpha`."""
    root, other = math.sqrt(q - 1), math.sqrt(p)
    tail = (1.5 * math.log(1 / alpha)) ** (2 / 3)
    return (root + other) * (root + other + tail * (1 / root + 1 / other) ** (1 / 3))


def _marchenko_pastur(x: np.ndarray, ratio: float) -> np.ndarray:
    """The share of λ / q below x, for p / q = ratio ≤ 1."""
    angle = np.linspace(0, math.pi, 2049)
    place = 1 + ratio - 2 * math.sqrt(ratio) * np.cos(angle)
    density = np.sin(angle) ** 2 / np.maximum(place, 1e-300)
    density[[0, -1]] = [2.0 * (ratio == 1), 0.0]
    share = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return np.interp(x, place, share / share[-1])
