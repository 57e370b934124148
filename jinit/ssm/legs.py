"""The frequencies of HiPPO-LegS in closed form, but for one root each."""

import functools

import numpy as np


LARGEST = 4096  # poles: the time of all grows with the square of their number


@functools.lru_cache(maxsize=8)
def legs_frequencies(poles: int) -> np.ndarray:
    """The falling imaginary parts μ > 0 of the eigenvalues of LegS + Pᵀ P.

    A + Pᵀ P + ½ I has the entries −rₙ rₖ below the diagonal and rₙ rₖ above, with
    rₙ² = n + ½. So for an eigenvector v and w = r v, the equations of two neighboring
    rows differ by two terms, and all of them together are a chain,

        wₙ₊₁ / wₙ = −(1 − iμ / rₙ²) / (1 + iμ / rₙ₊₁²)

    whose ends meet where its phases add up:

        Σₙ arctan((n + ½) / μ) = π (j + ½),   n < N = 2 `poles`,   j = 0, …, N/2 − 1

    The sum falls with μ, and Newton's method in log μ doubles the digits of S4D-Inv.
    """
    N = 2 * poles
    squares = np.arange(N) + 0.5
    found = np.empty(poles)
    for j in range(poles):
        mu = (N / np.pi) * (N / (2 * j + 1) - 1) + 0.25
        for _ in range(8):
            a = squares / mu
            excess = np.arctan(a).sum() - np.pi * (j + 0.5)
            mu *= np.exp(np.clip(excess / (a / (1 + a * a)).sum(), -1, 1))
        found[j] = mu
    return found
