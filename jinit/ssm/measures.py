"""The HiPPO measures: what part of the past a state of N numbers keeps, and how.

Each is a linear system x′ = A x + B u whose state holds the coefficients of the past of
u in polynomials or waves that are orthogonal under a measure. What stands here are the
formulas of one entry at `n`, or at row `n` and column `k`: arrays of NumPy or of JAX.
"""

import math
from typing import Any, Literal


Measure = Literal["legs", "legt", "lmu", "lagt", "glagt", "fout", "foud"]

WAVES = ("fout", "foud")  # a sine and a cosine of each frequency
RANKS = {"legs": 1, "legt": 2, "lagt": 1, "glagt": 1, "fout": 1, "foud": 0}
TILT = 0.01  # β of the generalized Laguerre measure, whose α is 0
DECAYS = {
    "legs": 0.5, "legt": 0.0, "lagt": 0.0, "glagt": TILT / 2, "fout": 0.0, "foud": 0.5,
}  # fmt: skip


def matrix(measure: str, n: Any, k: Any) -> Any:
    """A at row `n` and column `k`."""
    np = n.__array_namespace__()
    lower = lambda below, diagonal: np.where(
        n > k, below, np.where(n == k, diagonal, 0)
    )
    match measure:
        case "legs":
            return lower(-np.sqrt((2 * n + 1) * (2 * k + 1)), -(n + 1))
        case "legt":
            size = np.sqrt((2 * n + 1) * (2 * k + 1)) / 2
            return -size * np.where(n < k, _alternating(n + k), 1)
        case "lmu":
            return -(2 * n + 1) * np.where(n < k, 1, _alternating(n + k))
        case "lagt":
            return lower(-np.ones_like(n), -np.ones_like(n) / 2)
        case "glagt":
            return lower(-np.ones_like(n), -np.ones_like(n) * (1 + TILT) / 2)
        case "fout":
            b = vector("fout", n) * vector("fout", k)
            return math.pi * _rotation(np, n, k) - b
        case _:
            decay = np.where(n == k, np.ones_like(n) / 2, 0)
            return 2 * math.pi * _rotation(np, n, k) - decay


def vector(measure: str, n: Any) -> Any:
    """B at `n`."""
    np = n.__array_namespace__()
    match measure:
        case "legs":
            return np.sqrt(2 * n + 1)
        case "legt":
            return np.sqrt(2 * n + 1) / 2
        case "lmu":
            return _alternating(n) * (2 * n + 1)
        case "lagt":
            return np.ones_like(n)
        case "glagt":
            return np.ones_like(n) * math.sqrt(TILT)
        case _:  # waves: 1, and √2 at each cosine
            cosine = np.where(n == 0, np.ones_like(n), math.sqrt(2))
            return np.where(n % 2 == 0, cosine, 0)


def correction(measure: str, row: Any, n: Any) -> Any:
    """P at `row` and `n`: A + Pᵀ P is normal. Rows beyond the rank are 0."""
    np = n.__array_namespace__()
    match measure:
        case "legs":
            p = np.sqrt(n + 0.5)
        case "legt":  # the odd degrees, then the even ones
            return np.where(row == (n + 1) % 2, np.sqrt(n + 0.5), 0)
        case "lagt" | "glagt":
            p = np.ones_like(n) * math.sqrt(0.5)
        case "fout":
            p = vector("fout", n)
        case _:
            p = np.zeros_like(n)
    return np.where(row == 0, p, 0)


def _alternating(n: Any) -> Any:
    """(−1)ⁿ."""
    return 1 - 2 * (n % 2)


def _rotation(np: Any, n: Any, k: Any) -> Any:
    """A turn of each pair of a cosine and a sine, as fast as its place m says."""
    m = n // 2
    return np.where(m == k // 2, (n - k) * m, 0)
