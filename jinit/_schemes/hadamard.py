"""Rows of a Hadamard matrix: a network that starts without a random number."""

import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import law, scalar
from ..marginal import Marginal
from ..settings import Inexact


Constant = Literal["isometry", "paper"]


def _require_kernel(shape: tuple[int, ...]) -> None:
    if len(shape) < 2:
        raise ValueError(
            "`jinit.zero_hadamard` needs a shape of two or more axes, "
            f"`(*spatial, in, out)`. Got {shape}. For a bias, use `jinit.zeros`."
        )


def _order(n: int) -> int:
    """The least power of two that is at least n."""
    return 1 << max(n - 1, 0).bit_length()


def _height(n_out: int, constant: Constant) -> float:
    return math.sqrt((2 if constant == "paper" else 1) / _order(n_out))


@functools.lru_cache(maxsize=256)
def _sum(rows: int, columns: int, order: int) -> int:
    """The sum of the first rows and columns of a Hadamard matrix, by its quarters."""
    if rows <= 0 or columns <= 0:
        return 0
    if rows == order or columns == order:  # all but one row or column add up to 0
        return order
    half = order // 2
    upper, left = min(rows, half), min(columns, half)
    first = _sum(upper, left, half) + _sum(upper, columns - half, half)
    return (
        first + _sum(rows - half, left, half) - _sum(rows - half, columns - half, half)
    )


def _marginal(shape: tuple[int, ...], constant: Constant) -> Marginal:
    _require_kernel(shape)
    *spatial, n_in, n_out = shape
    window, size = max(math.prod(spatial), 1), max(n_in * n_out, 1)
    if n_in >= n_out:
        return marginal.two_points(1.0, n_out / (window * size))
    excess = _sum(n_in, n_out, _order(n_out)) / size  # of +1 over −1
    plus, minus = (1 + excess) / 2 / window, (1 - excess) / 2 / window
    return _three_points(_height(n_out, constant), plus, minus)


def _three_points(value: float, plus: float, minus: float) -> Marginal:
    """±`value` with these probabilities, else 0."""
    rest = 1 - plus - minus
    points = (-value, minus), (0.0, rest), (value, plus)
    mean = sum(p * w for w, p in points)
    variance, fourth = (sum(p * (w - mean) ** k for w, p in points) for k in (2, 4))
    kurtosis = fourth / variance**2 if variance else 1.0
    cdf = lambda x: minus * (x >= -value) + rest * (x >= 0) + plus * (x >= value)
    return Marginal(mean, math.sqrt(variance), (-value, value), kurtosis, cdf)


@law(marginal=_marginal)
def zero_hadamard(
    _: Any,
    shape: tuple[int, ...],
    /,
    constant: Constant = "isometry",
    dtype: Inexact = None,
) -> jax.Array:
    """ZerO: identities, and where a layer widens the rows of a Hadamard matrix.

        W = I, padded with zeros            in ≥ out
        W = c H[:in, :out]                  in < out,   H of order 2^m, m = ⌈log₂ out⌉

        c = 2^(−m/2)  "isometry"            c = 2^(−(m−1)/2)  "paper"

    An identity that is padded where a layer widens leaves the new units at 0, and the
    network at a low rank for ever; rows of a Hadamard matrix mix what comes in, and W
    has full rank. With the paper's printed constant W lengthens by up to √2 what it
    reads; with its authors' code, the default here, never: ‖W‖ = 1 if `out` is a power
    of two.

    Args:
        constant: "isometry", as in the authors' code, or "paper".
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, or `(*spatial, in, out)`: a convolution has them
        at the tap that JAX's "SAME" padding puts over the pixel itself, 0 elsewhere.

    Raises:
        ValueError: For a shape of fewer than two axes.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.zero_hadamard(None, (3, 8))
        >>> bool(jnp.allclose(w @ w.T, jnp.eye(3)))
        True
        >>> sorted(set((w * 8**0.5).round(4).ravel().tolist()))
        [-1.0, 1.0]

    References:
        Zhao, Schäfer, Anandkumar. ZerO initialization: initializing neural networks
        with only zeros and ones. TMLR 2022. https://arxiv.org/abs/2110.12661
    """
    _require_kernel(shape)
    *spatial, n_in, n_out = shape
    if n_in >= n_out:
        tap = jnp.eye(n_in, n_out, dtype=dtype)
    else:
        places = (jax.lax.broadcasted_iota("uint32", (n_in, n_out), d) for d in (0, 1))
        odd = jax.lax.population_count(jnp.bitwise_and(*places)) % 2
        height = scalar(_height(n_out, constant), dtype)
        tap = jnp.where(odd == 0, height, -height)
    center = tuple((length - 1) // 2 for length in spatial)
    return jnp.zeros(shape, dtype).at[center].set(tap) if spatial else tap
