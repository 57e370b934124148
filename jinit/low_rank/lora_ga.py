"""Factors along the singular vectors of the loss's gradient."""

from typing import Any, Literal

import jax
import jax.numpy as jnp

from .._core import Key, Numbers, public, widened
from ..settings import Count, Inexact, Positive
from .factors import Adapted
from .svd import leading, require_key
from .weight import compiled, corrected, matches, scale_of, weight_of


Variant = Literal["authors", "peft"]
Direction = Literal["ArB2r", "A2rBr", "ArBr"]
Size = Literal["stable", "gd", "unit", "weights"]


@public("jinit.low_rank")
def lora_ga(
    w: Numbers,
    key: Key | None = None,
    *,
    gradient: Numbers,
    rank: Count,
    variant: Variant,
    alpha: Positive | None = None,
    rslora: bool = False,
    direction: Direction = "ArB2r",
    size: Size = "stable",
    gamma: Positive = 16.0,
    sweeps: Count | None = None,
    dtype: Inexact = None,
) -> Adapted:
    """LoRA-GA: factors whose first step is the nearest to that of the whole weight.

        G = U Σ Vᴴ,   a = c U[:, :r],   b = c V[:, r:2r]ᴴ,   base = W − s a b

    with G the gradient of the loss. Two schemes go by this name, so that `variant` has
    no default. That of the authors is the above: both factors are orthogonal, times c.
    PEFT's leaves a orthonormal, multiplies b by the singular values of its vectors, and
    has c in b alone:

        size         authors: c, of a and b      peft
        "stable"     out^¼ / √γ                  b · out^¼ / √γ
        "gd"         1/s                         both · 1/s
        "unit"       1                           as they are
        "weights"    mean √(σᵢ(W)/s), i ≤ r      b · σ₁(W) / its largest singular value

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        key: A key, for `sweeps` alone.
        gradient: The gradient of the loss by the weight, in its shape, best the mean of
            several batches.
        rank: r, the columns of a; at most half the smaller side of the weight.
        variant: "authors" or "peft".
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r, as the authors have it.
        direction: Which vectors a and b take: "ArB2r", the first r and the next r;
            "A2rBr", the other way around; "ArBr", every second from the second and from
            the first.
        size: How large the factors are, by the table.
        gamma: γ of "stable".
        sweeps: Finds the vectors by random projection, as in `pissa`.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`.

    Raises:
        ValueError: For a weight of one axis, a rank above half its smaller side, or a
            gradient of another shape.
        TypeError: For a weight of whole numbers, or `sweeps` without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w, G = jax.random.normal(jax.random.key(0), (2, 16, 16))
        >>> base, factors = jinit.low_rank.lora_ga(
        ...     w, gradient=G, rank=2, variant="authors", size="unit"
        ... )
        >>> bool(jnp.allclose(factors.a.T @ factors.a, jnp.eye(2), atol=1e-5))
        True

    References:
        Wang, Yu, Li. LoRA-GA: low-rank adaptation with gradient approximation. NeurIPS
        2024. https://arxiv.org/abs/2407.05000
    """
    where = "jinit.low_rank.lora_ga"
    w = weight_of(where, w, rank, times=2)
    scale = scale_of(where, rank, alpha, rslora)
    G = matches(where, "gradient", gradient, w, w.shape[-2:])
    require_key(where, key, sweeps)
    c = {"stable": w.shape[-1] ** 0.25 / gamma**0.5, "gd": 1 / scale}.get(size, 1.0)
    return _along(
        w, G, key, c, rank=rank, variant=variant, direction=direction, size=size,
        scale=scale, sweeps=sweeps, dtype=dtype,
    )  # fmt: skip


@compiled
def _along(
    w: jax.Array, G: jax.Array, key: Any, c: Any, *,
    rank: int, variant: Variant, direction: Direction, size: Size, scale: float,
    sweeps: int | None, dtype: Any,
) -> Adapted:  # fmt: skip
    U, S, Vh = leading(widened(G), 2 * rank, key, sweeps)
    reads, makes = _DIRECTIONS[direction](rank)
    a, b, S = U[..., reads], Vh[..., makes, :], S[..., makes]
    if variant == "peft":
        b = b * S[..., None].astype(b.dtype)
    if size == "weights":
        c = _of_weights(widened(w), S, rank, scale, variant).astype(b.dtype)
    in_both = variant == "authors" or size == "gd"
    return corrected(w, c * a if in_both else a, c * b, scale, dtype)


def _of_weights(w: Any, S: Any, rank: int, scale: float, variant: Variant) -> Any:
    """The factor of "weights" for each matrix, with two axes to spread over it."""
    sigma = jnp.linalg.svd(w, compute_uv=False)
    if variant == "authors":
        c = jnp.sqrt(sigma[..., :rank] / scale).mean(-1)
    else:
        first = S[..., 0]
        c = jnp.where(first > 0, sigma[..., 0] / jnp.where(first > 0, first, 1), 1)
    return c[..., None, None]


_DIRECTIONS = {
    "ArB2r": lambda r: (slice(0, r), slice(r, 2 * r)),
    "A2rBr": lambda r: (slice(r, 2 * r), slice(0, r)),
    "ArBr": lambda r: (slice(1, 2 * r, 2), slice(0, 2 * r, 2)),
}
