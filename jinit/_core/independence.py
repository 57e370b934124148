"""Whether weights depend on each other: exact and statistical findings, as text.

Statistics are of ranks 2 F(w) − 1, uniform if the law holds, and of their sizes,
uniform too. Both are bounded, so that sums of a thousand products are normal as far out
as is asked here, whatever the tails of the law.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import special, stats


class Finding(NamedTuple):
    """What independent weights would have, and what these have."""

    stated: str
    measured: str


def departures(u: np.ndarray, alpha: float) -> Iterator[Finding]:
    """Of ranks, moments up to the eighth that are not those of uniform numbers.

    The k-th is the mean of Legendre's polynomial of degree k, which shows a shift, a
    scale, a skewness, a kurtosis, … each alone (Neyman's smooth test).
    """
    allowed, x = float(stats.norm.isf(alpha / 2)), u.ravel()
    for k in range(1, 9):
        terms = math.sqrt(2 * k + 1) * special.eval_legendre(k, x)
        z = float(terms.mean()) * math.sqrt(x.size)
        skewness = math.sqrt(2 * k + 1) ** 3 * _cubed(k)
        bound = allowed + skewness * (allowed**2 - 1) / (6 * math.sqrt(x.size))
        if not -allowed <= z <= bound:
            yield Finding(
                "weights whose ranks F(w) are uniform",
                f"a moment of degree {k} of them that is {z:.3g} standard deviations "
                f"off, where {-allowed:.3g} to {bound:.3g} are allowed",
            )


def _cubed(k: int) -> float:
    """The mean of the cube of Legendre's polynomial of degree k."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    return float(special.eval_legendre(k, nodes) ** 3 @ weights) / 2


def dependences(u: np.ndarray, alpha: float) -> Iterator[Finding]:
    """Of ranks 2 F(w) − 1 in the shape of their array, with `alpha` each."""
    allowed = float(stats.norm.isf(alpha / 2))
    for what, x in {"values": u, "sizes": 2 * np.abs(u) - 1}.items():
        x = math.sqrt(3) * (x - x.mean())
        for axis in range(x.ndim):
            y = np.moveaxis(x, axis, 0)
            half = len(y) // 2
            pairs = {"neighbors": (y[:-1], y[1:]), "halves": (y[:half], y[-half:])}
            for which, (a, b) in pairs.items() if half else ():
                z = float(np.sum(a * b)) / math.sqrt(a.size)
                if abs(z) > allowed:
                    r = z / math.sqrt(a.size)
                    yield Finding(
                        "independent weights",
                        f"{what} of {which} along axis {axis} that correlate by "
                        f"{r:.3g}, where {allowed / math.sqrt(a.size):.3g} is allowed",
                    )
            yield from _sums(what, y.reshape(len(y), -1), axis, alpha)


def _sums(what: str, y: np.ndarray, axis: int, alpha: float) -> Iterator[Finding]:
    """Sums along an axis vary as those of independent numbers do, or less."""
    n, m = y.shape
    if n < 30:  # too few to be normal
        return
    squares = float(np.sum(y.sum(0) ** 2)) / n
    allowed = float(stats.chi2.isf(alpha, m))
    if squares > allowed:
        yield Finding(
            "independent weights",
            f"sums of {what} along axis {axis} whose variance is {squares / m:.3g} "
            f"times theirs, where {allowed / m:.3g} is allowed",
        )


def repeated_slices(w: np.ndarray, log_share: float, alpha: float) -> Iterator[Finding]:
    """Two equal slices, or opposite ones, where chance makes none.

    Args:
        w: The weights.
        log_share: The logarithm of the chance that two weights are equal.
        alpha: The chance to be wrong.
    """
    for axis in range(w.ndim if w.ndim > 1 else 0):
        slices = np.abs(np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1))
        n, size = slices.shape
        chance = 2 * math.log(max(n, 1)) + size * (log_share + math.log(2))
        if chance > math.log(alpha):
            continue
        repeats = n - len({row.tobytes() for row in np.ascontiguousarray(slices)})
        if repeats:
            yield Finding(
                "independent weights",
                f"{repeats} of {n} slices along axis {axis} used twice",
            )


def repeated_values(
    w: np.ndarray, other: np.ndarray, alpha: float
) -> Iterator[Finding]:
    """More equal pairs within one array than there are across two.

    Across two arrays of one law there are twice as many pairs, and none but by chance:
    so the coarseness of a dtype or of a generator need not be known.
    """
    within = _equal_pairs(np.unique(w, return_counts=True)[1])
    counts = np.unique(np.concatenate([w, other]), return_counts=True)[1]
    across = _equal_pairs(counts) - within
    across -= _equal_pairs(np.unique(other, return_counts=True)[1])
    chance = float(stats.binom.sf(within - 1, within + across, 1 / 3))
    if chance < alpha:
        yield Finding(
            "independent weights",
            f"{within} repeated values, where another draw repeats {across / 2:.0f}",
        )


def _equal_pairs(counts: np.ndarray) -> int:
    return int(np.sum(counts * (counts - 1) // 2))


def tails(
    distance: np.ndarray, beyond: np.ndarray, n: int, alpha: float
) -> Iterator[Finding]:
    """How many weights lie far out, at distances that fewer and fewer should reach.

    Args:
        distance: Of each weight from the mean, the largest first.
        beyond: The chance of a weight to lie as far out as each of these, or farther.
        n: How many weights there are.
        alpha: The chance to be wrong, in all.
    """
    # At the k-th largest distance: as many as k of n, or no more than k, lie beyond.
    ranks = [k for k in (1, 4, 16, 64, 256, 1024) if k < min(n / 4, len(distance))]
    for k in ranks:
        p = float(beyond[k - 1])
        few, many = stats.binom.cdf(k - 1, n, p), stats.binom.sf(k - 1, n, p)
        if min(few, many) < alpha / (2 * len(ranks)):
            yield Finding(
                f"{n * p:.3g} weights as far as {distance[k - 1]:.6g} from the mean",
                f"{k}",
            )
