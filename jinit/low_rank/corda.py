"""Singular vectors of a weight in the metric of the data that it reads."""

from typing import Any, Literal

import jax
import jax.numpy as jnp

from .._core import Numbers, public, widened
from ..settings import Count, Inexact, NonNegative, Positive
from .factors import Adapted, product
from .pissa import halves
from .weight import compiled, corrected, matches, scale_of, weight_of


Part = Literal["ipm", "kpm"]
Metric = Literal["covariance", "root"]


@public("jinit.low_rank")
def corda(
    w: Numbers,
    *,
    covariance: Numbers,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    part: Part = "ipm",
    metric: Metric = "covariance",
    damping: NonNegative = 0.01,
    dtype: Inexact = None,
) -> Adapted:
    """CorDA: the singular triples of C W, with C of the data that the layer reads.

        C W = U Σ Vᴴ,   a = C⁻¹ Uᵣ √(Σᵣ/s),   b = √(Σᵣ/s) Vᵣᴴ,   base = W − s a b

    Of all matrices of rank r, s a b is the nearest to W where nearness is measured on
    data: ‖C (W − s a b)‖ is least. Inputs that never occur cost nothing.

    As published C is the covariance. The mean squared error of the layer's outputs is
    that of its root instead, ‖C^½ (W − s a b)‖², which `metric="root"` makes least.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        covariance: The mean of x xᴴ over inputs x of the layer, `(..., in, in)`; its
            scale does not count.
        rank: r, the columns of a; at most the smaller side of the weight.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        part: "ipm" trains the largest triples, for data of the task to be learned;
            "kpm" the smallest, for data of what should be kept.
        metric: "covariance" for C, or "root" for C^½.
        damping: What is added to the covariance's diagonal, as a share of its mean, so
            that there is an inverse. Of 0 it takes the pseudoinverse.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`.

    Raises:
        ValueError: For a weight of one axis, a rank above its smaller side, or a
            covariance of another size.
        TypeError: For a weight of whole numbers.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> x = jax.random.normal(jax.random.key(1), (100, 6)) * jnp.arange(6)
        >>> error = lambda adapted: jnp.linalg.norm(x @ adapted.base)
        >>> plain = jinit.low_rank.pissa(w, rank=2)
        >>> ours = jinit.low_rank.corda(w, covariance=x.T @ x, rank=2, metric="root")
        >>> bool(error(ours) < error(plain))
        True

    References:
        Yang, Li, Zhou, Song, Wu, Nie, Ghanem. CorDA: context-oriented decomposition
        adaptation of large language models for task-aware parameter-efficient
        fine-tuning. NeurIPS 2024. https://arxiv.org/abs/2406.05223
    """
    where = "jinit.low_rank.corda"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    C = matches(where, "covariance", covariance, w, (w.shape[-2], w.shape[-2]))
    power = 1.0 if metric == "covariance" else 0.5
    settings = {"rank": rank, "scale": scale, "part": part, "power": power}
    return _nearest(w, C, damping, **settings, dtype=dtype)


@compiled
def _nearest(
    w: jax.Array, C: jax.Array, damping: Any, *,
    rank: int, scale: float, part: Part, power: float, dtype: Any,
) -> Adapted:  # fmt: skip
    wide = widened(w)
    M, inverse = _metric(C.astype(wide.dtype), damping, power)
    U, S, Vh = jnp.linalg.svd(product(M, wide), full_matrices=False)
    chosen = slice(0, rank) if part == "ipm" else slice(S.shape[-1] - rank, None)
    U, S, Vh = U[..., chosen], S[..., chosen], Vh[..., chosen, :]
    return corrected(w, *halves(product(inverse, U), S, Vh, scale), scale, dtype)


def _metric(C: jax.Array, damping: Any, power: float) -> tuple[jax.Array, jax.Array]:
    """C to a power, first damped and of mean diagonal 1, and its (pseudo)inverse."""
    n = C.shape[-1]
    mean = jnp.trace(C, axis1=-2, axis2=-1).real[..., None, None] / n
    C = C / jnp.where(mean > 0, mean, 1).astype(C.dtype)
    identity = jnp.broadcast_to(jnp.eye(n, dtype=C.dtype), C.shape)
    lengths, Q = jnp.linalg.eigh(C + damping * identity)
    smallest = n * jnp.finfo(C.dtype).eps * lengths[..., -1:]
    seen = lengths > jnp.maximum(smallest, 0)
    forward = jnp.where(seen, lengths, 0) ** power
    backward = jnp.where(seen, 1 / jnp.where(seen, lengths, 1), 0) ** power
    turned = lambda each: product(Q * each[..., None, :].astype(Q.dtype), Q.mT.conj())
    return turned(forward), turned(backward)
