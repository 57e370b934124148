"""A ring inside of the unit circle, by area: moduli from which poles start."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import sampling, scalar
from ..marginal import Marginal
from .statements import of_uniform


def _log_modulus(u: Any, rest: Any, inner: Any, outer: Any, gap: Any) -> Any:
    """The logarithm of |λ|, of |λ|² = rest · inner + u · outer, where gap = 1 − outer.

    Near the unit circle 1 − |λ|² is what is known well, and near 0 |λ|² itself.
    """
    np = u.__array_namespace__()
    square = inner + u * (outer - inner)
    lacking = gap + rest * (outer - inner)
    near = np.log1p(-np.minimum(lacking, 0.5))
    return np.where(lacking < 0.5, near, np.log(square)) / 2


def decay(key: jax.Array, shape, dtype, r_min: Any, r_max: Any) -> jax.Array:
    """−log |λ|: positive and finite, also for a ring from 0 to 1."""
    # In the middle of its cell u is neither 0 nor 1.
    u = sampling.uniform(key, shape, dtype) + jnp.finfo(dtype).eps / 2
    ends = r_min**2, r_max**2, 1 - r_max**2
    return -_log_modulus(u, 1 - u, *(scalar(end, dtype) for end in ends))


def _log(value: float) -> float:
    return math.log(value) if value else -math.inf


def ring(r_min: float, r_max: float, of_decay: Any, to_decay: Any) -> Marginal:
    """The law of an increasing function of −log |λ|, given with its inverse."""
    inner, outer, gap = r_min**2, r_max**2, 1 - r_max**2
    quantile = lambda u, rest: of_decay(-_log_modulus(rest, u, inner, outer, gap))

    def cdf(x: np.ndarray) -> np.ndarray:
        lacking = -np.expm1(-2 * to_decay(x))  # 1 − |λ|²
        return np.clip((lacking - gap) / (outer - inner), 0, 1)

    with np.errstate(divide="ignore"):
        ends = of_decay(np.array([-_log(r_max), -_log(r_min)]))
    return of_uniform(quantile, (float(ends[0]), float(ends[1])), cdf)
