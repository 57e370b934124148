"""Invertible 1×1 convolutions by their factors, whose determinant costs nothing."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._core import Key, ours, public, Shape, wide
from ..settings import Floating
from .glow import glow, require_square


class LU(NamedTuple):
    """A matrix W = P L (U + diag(s)) by its factors, those of a stack by stacks.

    Attributes:
        permutation: P, as the rows of L U in their order; not trained.
        lower: L, of which only what is below the diagonal counts; the diagonal is 1.
        upper: U, of which only what is above the diagonal counts.
        sign: The signs of s; not trained.
        log_scale: log |s|, whose sum is log |det W|.
    """

    permutation: jax.Array
    lower: jax.Array
    upper: jax.Array
    sign: jax.Array
    log_scale: jax.Array

    @ours()
    def matrix(self) -> jax.Array:
        """W, with gradients to the three factors that are trained."""
        s = self.sign * jnp.exp(self.log_scale)
        eye = jnp.eye(s.shape[-1], dtype=s.dtype)
        L = jnp.tril(self.lower, -1) + eye
        U = jnp.triu(self.upper, 1) + s[..., None] * eye
        rows = jnp.matmul(L, U, precision="highest")
        return jnp.take_along_axis(rows, self.permutation[..., None], -2)


@public("jinit.flow")
def glow_lu(key: Key, shape: Shape, dtype: Floating = None) -> LU:
    """The factors of a random rotation: an invertible convolution by its LU form.

        W = P L (U + diag(s)),   log |det W| = ∑ log |s|

    W is that of `jinit.flow.glow` for the same key. P and the signs of s stay as they
    are; L, U and log |s| are trained. The determinant, which the likelihood needs in
    every step, is then a sum over channels in place of a factorization.

    Args:
        key: The key to draw with.
        shape: `(*stacked, channels, channels)`.
        dtype: Of the factors; by default JAX's own float.

    Returns:
        An `LU`, a tuple of arrays, whose `.matrix()` is W.

    Raises:
        ValueError: If the last two axes of the shape differ.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> factors = jinit.flow.glow_lu(jax.random.key(0), (8, 8))
        >>> bool(jnp.abs(factors.log_scale.sum()) < 1e-5)
        True
        >>> w = jinit.flow.glow(jax.random.key(0), (8, 8))
        >>> bool(jnp.allclose(factors.matrix(), w, atol=1e-5))
        True

    References:
        Kingma, Dhariwal. Glow: generative flow with invertible 1×1 convolutions.
        NeurIPS 2018, section 3.2. https://arxiv.org/abs/1807.03039
    """
    require_square("jinit.flow.glow_lu", shape)
    dtype = jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
    w = glow(key, shape, wide(dtype))
    factors, _, order = jax.lax.linalg.lu(w)
    s = jnp.diagonal(factors, axis1=-2, axis2=-1)
    parts = (
        jnp.tril(factors, -1),
        jnp.triu(factors, 1),
        jnp.sign(s),
        jnp.log(jnp.abs(s)),
    )
    return LU(jnp.argsort(order, -1), *(part.astype(dtype) for part in parts))
