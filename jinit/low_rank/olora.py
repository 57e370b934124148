"""Factors from the QR decomposition of the weight."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import Numbers, public, widened
from ..settings import Count, Inexact, Positive
from .factors import Adapted
from .weight import compiled, corrected, scale_of, weight_of


@public("jinit.low_rank")
def olora(
    w: Numbers,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    dtype: Inexact = None,
) -> Adapted:
    """OLoRA: an orthonormal factor for the outputs, from a QR decomposition of W.

        Wᴴ = Q R,   a = Rᵣᴴ,   b = Qᵣᴴ,   base = W − s a b

    with the first r rows of R and columns of Q. It costs less than an SVD, and the rows
    of b are orthonormal. They span the first r columns of Wᴴ: those that the first r
    inputs write.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers. The paper's
            matrices are transposed, and so it is Wᴴ that is decomposed.
        rank: r, the columns of a; at most the smaller side of the weight.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`; with a scale of 1 the first r rows of the base are 0.

    Raises:
        ValueError: For a weight of one axis, or a rank above its smaller side.
        TypeError: For a weight of whole numbers.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> base, factors = jinit.low_rank.olora(w, rank=2)
        >>> bool(jnp.allclose(factors.b @ factors.b.T, jnp.eye(2), atol=1e-6))
        True

    References:
        Büyükakyüz. OLoRA: orthonormal low-rank adaptation of large language models.
        2024. https://arxiv.org/abs/2406.01775
    """
    where = "jinit.low_rank.olora"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    return _factored(w, rank=rank, scale=scale, dtype=dtype)


@compiled
def _factored(w: jax.Array, *, rank: int, scale: float, dtype: Any) -> Adapted:
    Q, R = jnp.linalg.qr(widened(w).mT.conj())
    a, b = R[..., :rank, :].mT.conj(), Q[..., :rank].mT.conj()
    return corrected(w, a, b, scale, dtype)
