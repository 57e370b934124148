"""Two random factors whose product is 0."""

from typing import Any

import jax

from .._core import Key, Numbers, public, sampling, wide
from .._schemes import orthogonal as haar
from ..settings import Count, Inexact, Positive
from .factors import Adapted, LowRank, product
from .weight import compiled, dtype_of, scale_of, weight_of


@public("jinit.low_rank")
def orthogonal(
    w: Numbers,
    key: Key,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    stddev: Positive = 0.1,
    dtype: Inexact = None,
) -> Adapted:
    """Both factors random, with a product of 0: they meet in orthogonal halves.

        a = G₁ Q₁,   b = Q₂ᵀ G₂,   Q₁ Q₂ᵀ = 0,   base = W

    with Q₁ and Q₂ the even and the odd rows of a random rotation of r dimensions, and
    Gaussian G₁ and G₂. Unlike in LoRA both factors have a gradient from the first step.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        key: A key.
        rank: r, the columns of a; an even number.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        stddev: The standard deviation of G₁ and G₂. The published 0.1 does not depend
            on the width.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`: the weight itself, and a `LowRank` whose product is 0 up to
        rounding.

    Raises:
        ValueError: For a rank that is odd, or a weight of one axis.
        TypeError: For a weight of whole numbers, or without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> _, factors = jinit.low_rank.orthogonal(w, jax.random.key(1), rank=2)
        >>> (
        ...     bool(abs(factors.a @ factors.b).max() < 1e-6),
        ...     bool(abs(factors.b).min() > 0),
        ... )
        (True, True)

    References:
        Datta. Rethinking LoRA initialisation. 2024.
        https://datta0.github.io/posts/rethink-lora-init
    """
    where = "jinit.low_rank.orthogonal"
    w, scale = weight_of(where, w), scale_of(where, rank, alpha, rslora)
    if rank % 2:
        raise ValueError(f"`{where}` needs an even rank. Got {rank}.")
    settings = {"shape": w.shape, "rank": rank, "scale": scale}
    return Adapted(w, _drawn(key, stddev, **settings, dtype=dtype_of(w, dtype)))


@compiled
def _drawn(
    key: jax.Array, stddev: Any, *,
    shape: tuple[int, ...], rank: int, scale: float, dtype: Any,
) -> LowRank:  # fmt: skip
    *stack, rows, columns = shape
    keys = jax.random.split(key, 3)
    rotation = haar(method="qr", batch_axis=tuple(range(len(stack))))
    Q = rotation(keys[0], (*stack, rank, rank), wide(dtype))
    G1 = sampling.normal(keys[1], (*stack, rows, rank // 2), wide(dtype), stddev)
    G2 = sampling.normal(keys[2], (*stack, rank // 2, columns), wide(dtype), stddev)
    a, b = product(G1, Q[..., 0::2, :]), product(Q[..., 1::2, :].mT.conj(), G2)
    return LowRank(a.astype(dtype), b.astype(dtype), scale)
