"""Frequencies whose cosines have a given kernel for their mean."""

import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law, sampling, scalar
from ..marginal import Marginal
from ..settings import Floating, Positive


Kernel = Literal["gaussian", "matern32", "matern52", "cauchy"]

_FREEDOM = {"matern32": 3, "matern52": 5}


def _student(freedom: int) -> Callable[[np.ndarray], np.ndarray]:
    def cdf(x: np.ndarray) -> np.ndarray:
        from scipy import special

        return special.stdtr(freedom, x)

    return cdf


def _laplace(x: np.ndarray) -> np.ndarray:
    tail = np.exp(-np.abs(x)) / 2
    return np.where(x < 0, tail, 1 - tail)


def _marginal(shape, kernel: Kernel, length: float) -> Marginal:
    if kernel == "gaussian":
        return marginal.normal(0.0, 1 / length)
    freedom = _FREEDOM.get(kernel, 0)
    std = math.sqrt(freedom / (freedom - 2) if freedom else 2)
    kurtosis = {3: math.inf, 5: 9.0, 0: 6.0}[freedom]
    cdf = _student(freedom) if freedom else _laplace
    everywhere = (-math.inf, math.inf)
    return Marginal(0.0, std / length, everywhere, kurtosis, lambda x: cdf(x * length))


def _unit(key: jax.Array, shape: tuple[int, ...], dtype: Any, kernel: Kernel) -> Any:
    """Frequencies of the kernel of length 1."""
    first, second = jax.random.split(key)
    if kernel == "gaussian":
        return sampling.normal(key, shape, dtype)
    if kernel == "cauchy":  # the difference of two exponential draws is a Laplace draw
        late, soon = (
            -jnp.log1p(-sampling.uniform(each, shape, dtype))
            for each in (first, second)
        )
        return late - soon
    freedom = _FREEDOM[kernel]
    squares = sampling.normal(second, (*shape[:-2], freedom, shape[-1]), dtype) ** 2
    spread = jnp.maximum(squares.mean(-2, keepdims=True), jnp.finfo(dtype).tiny)
    return sampling.normal(first, shape, dtype) / jnp.sqrt(spread)


@law(marginal=_marginal)
def random_fourier(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    kernel: Kernel = "gaussian",
    length: Positive = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Random Fourier features: frequencies w with E cos(w · Δ) = k(Δ), a kernel.

        gaussian    k = exp(−|Δ|² / 2ℓ²)                             w ~ N(0, 1 / ℓ²)
        matern32    k = (1 + r) exp(−r),           r = √3 |Δ| / ℓ    w ~ t₃ / ℓ
        matern52    k = (1 + r + r² / 3) exp(−r),  r = √5 |Δ| / ℓ    w ~ t₅ / ℓ
        cauchy      k = ∏ 1 / (1 + Δᵢ² / ℓ²)                         w ~ Laplace / ℓ

    With m features, √(2/m) cos(x W + b), b ~ `jinit.uniform(2 * math.pi)`, or
    [cos(x W), sin(x W)] / √m, the product of what two points x and y give has the mean
    k(x − y) and a variance of order 1 / m. The entries of a column are independent but
    in Student's laws, where they share the denominator that makes k depend on |Δ|.

    Args:
        kernel: "gaussian", "matern32", "matern52" or "cauchy".
        length: The length ℓ over which the kernel falls.
        dtype: The dtype to draw when a call names none.

    Returns:
        Frequencies of shape `(*batch, coordinates, features)`.

    Raises:
        ValueError: For a Matérn kernel and a shape of fewer than two axes.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit import features
        >>> W = features.random_fourier(length=2.0)(jax.random.key(0), (3, 100_000))
        >>> apart = jnp.array([1.0, 0.0, -1.0])
        >>> k = jnp.cos(apart @ W).mean()
        >>> bool(abs(k - jnp.exp(-apart @ apart / 8)) < 0.01)
        True

    References:
        Rahimi, Recht. Random features for large-scale kernel machines. NeurIPS 2007.
    """
    if kernel in _FREEDOM and len(shape) < 2:
        raise ValueError(
            "`jinit.features.random_fourier` needs a shape of two or more axes, "
            f"`(*batch, coordinates, features)`, for {kernel!r}. Got {shape}."
        )
    return _unit(key, shape, dtype, kernel) / scalar(length, dtype)
