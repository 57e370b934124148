"""The weight's own singular vectors as factors: the largest, or the smallest."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import Key, Numbers, public, widened
from ..settings import Count, Inexact, Positive
from .factors import Adapted
from .svd import leading, require_key
from .weight import compiled, corrected, scale_of, weight_of


@public("jinit.low_rank")
def pissa(
    w: Numbers,
    key: Key | None = None,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    sweeps: Count | None = None,
    dtype: Inexact = None,
) -> Adapted:
    """PiSSA: the largest singular triples are trained, and what is left of W is frozen.

        W = U Σ Vᴴ,   a = Uᵣ √(Σᵣ/s),   b = √(Σᵣ/s) Vᵣᴴ,   base = W − s a b

    Training starts at the model, with both factors large and along the directions in
    which the weight does most; a base without them is easier to quantize. The division
    by s is what keeps the model where α ≠ r.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        key: A key, for `sweeps` alone.
        rank: r, the columns of a; at most the smaller side of the weight.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        sweeps: Projects at random and improves on it this often, in place of a whole
            decomposition: much faster for a small rank, and 4 are as good as exact
            unless singular values hardly fall. The model is kept in any case.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`; the largest singular value of the base is the (r + 1)-th of
        the weight.

    Raises:
        ValueError: For a weight of one axis, or a rank above its smaller side.
        TypeError: For a weight of whole numbers, or `sweeps` without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> base, factors = jinit.low_rank.pissa(w, rank=2, alpha=16)
        >>> sigma = jnp.linalg.svd(w, compute_uv=False)
        >>> bool(jnp.isclose(jnp.linalg.norm(base, 2), sigma[2], rtol=1e-5))
        True

    References:
        Meng, Wang, Zhang. PiSSA: principal singular values and singular vectors
        adaptation of large language models. NeurIPS 2024.
        https://arxiv.org/abs/2404.02948
        Halko, Martinsson, Tropp. Finding structure with randomness. SIAM Review 53,
        2011. https://arxiv.org/abs/0909.4061 (`sweeps`)
    """
    where = "jinit.low_rank.pissa"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    require_key(where, key, sweeps)
    return _largest(w, key, rank=rank, scale=scale, sweeps=sweeps, dtype=dtype)


@compiled
def _largest(
    w: jax.Array, key: Any, *, rank: int, scale: float, sweeps: int | None, dtype: Any
) -> Adapted:
    triples = leading(widened(w), rank, key, sweeps)
    return corrected(w, *halves(*triples, scale), scale, dtype)


@public("jinit.low_rank")
def milora(
    w: Numbers,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    dtype: Inexact = None,
) -> Adapted:
    """MiLoRA: the smallest singular triples are trained, and the rest of W is frozen.

        W = U Σ Vᴴ,   a = U₋ᵣ √(Σ₋ᵣ/s),   b = √(Σ₋ᵣ/s) V₋ᵣᴴ,   base = W − s a b

    The opposite of `pissa`: what the model knows stays, and training starts in the
    directions that it hardly uses. Where the weight has no full rank these are 0, and
    so are both factors, which never learn: take a rank in which they are not.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        rank: r, the columns of a; at most the smaller side of the weight.
        alpha: α of the scale s = α/r; by default r, as in the paper.
        rslora: Whether the scale is α/√r.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`; the largest singular value of s a b is the r-th from the end
        of the weight's.

    Raises:
        ValueError: For a weight of one axis, or a rank above its smaller side.
        TypeError: For a weight of whole numbers.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> base, factors = jinit.low_rank.milora(w, rank=1)
        >>> sigma = jnp.linalg.svd(w, compute_uv=False)
        >>> bool(jnp.isclose(jnp.linalg.norm(factors.a @ factors.b), sigma[-1]))
        True

    References:
        Wang, Xiao, Li, Wang, Chen, Chen. MiLoRA: harnessing minor singular components
        for parameter-efficient LLM finetuning. NAACL 2025.
        https://arxiv.org/abs/2406.09044
    """
    where = "jinit.low_rank.milora"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    return _smallest(w, rank=rank, scale=scale, dtype=dtype)


@compiled
def _smallest(w: jax.Array, *, rank: int, scale: float, dtype: Any) -> Adapted:
    U, S, Vh = jnp.linalg.svd(widened(w), full_matrices=False)
    last = U[..., -rank:], S[..., -rank:], Vh[..., -rank:, :]
    return corrected(w, *halves(*last, scale), scale, dtype)


def halves(
    U: jax.Array, S: jax.Array, Vh: jax.Array, scale: float
) -> tuple[jax.Array, jax.Array]:
    """Factors a and b of U S Vᴴ = s a b, with equal parts of each singular value."""
    root = jnp.sqrt(S / scale).astype(U.dtype)
    return U * root[..., None, :], root[..., None] * Vh
