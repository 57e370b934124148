"""Kernels as a scale for each unit times a direction."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core import (
    Finite,
    Key,
    NonNegative,
    Numbers,
    public,
    refuse_traced,
    sampling,
    scalar,
    widened,
)


_FAR = 9  # standard deviations beyond which no normal draw lies


class Factors(NamedTuple):
    """A kernel W = scale · direction, to be trained as its two factors.

    Attributes:
        scale: A number above 0 for each unit, `(out,)`.
        direction: Of the shape of the kernel.
    """

    __module__ = "jinit.implicit"  # where others find it, pickles among them

    scale: jax.Array
    direction: jax.Array


def _require_range(shape, dtype: np.dtype, mean: float, stddev: float) -> None:
    if not shape:
        raise ValueError(
            "`jinit.implicit.factorized` needs a kernel of an axis or more, the last "
            "that of the units. Got a number."
        )
    farthest = abs(mean) + _FAR * stddev
    most = math.log(float(jnp.finfo(dtype).max))
    if farthest >= most:
        raise ValueError(
            "`jinit.implicit.factorized` needs scales that are finite numbers. Got "
            f"{mean=} and {stddev=}, which reach e^{farthest:g} where {dtype.name} "
            f"ends at e^{most:.3g}."
        )


@public("jinit.implicit")
def factorized(
    weights: Numbers, key: Key, mean: Finite = 1.0, stddev: NonNegative = 0.1
) -> Factors:
    """A kernel that is drawn already, as random factors: random weight factorization.

        W = g v,   g = exp(N(mean, stddev²)) for each unit,   v = W / g

    The network is the same function. What changes is training: a step on g and v moves
    a unit as if it had a learning rate of its own, larger where g is.

    Args:
        weights: The kernel W, of any law, `(*spatial, in, out)`; the authors draw it by
            `jinit.glorot_normal`. For stacked layers, map: `jax.vmap(factorized)`.
        key: The key of the scales.
        mean: The mean of log g: the authors take 1 mostly, and 0.5.
        stddev: The standard deviation of log g.

    Returns:
        `Factors(scale, direction)`, of the dtype of `weights`, with a product equal to
        it up to rounding.

    Raises:
        ValueError: When a scale may be larger than the dtype holds.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> key, other = jax.random.split(jax.random.key(0))
        >>> w = jinit.glorot_normal(key, (16, 8))
        >>> g, v = jinit.implicit.factorized(w, other)
        >>> g.shape, bool(jnp.allclose(g * v, w))
        ((8,), True)

    References:
        Wang, Wang, Seidman, Perdikaris. Random weight factorization improves the
        training of continuous neural representations. 2022.
        https://arxiv.org/abs/2210.01274
    """
    refuse_traced("jinit.implicit.factorized", mean, stddev)
    w = widened(weights)
    given = jnp.result_type(weights)
    dtype = given if jnp.issubdtype(given, jnp.inexact) else w.dtype
    _require_range(w.shape, dtype, mean, stddev)
    real = sampling.real(w.dtype)
    g = jnp.exp(scalar(mean, real) + sampling.normal(key, w.shape[-1:], real, stddev))
    return Factors(g.astype(sampling.real(dtype)), (w / g).astype(dtype))
