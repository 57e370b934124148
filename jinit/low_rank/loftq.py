"""Factors that make up for what quantizing a weight loses."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._core import Numbers, public, shown, widened
from ..settings import Count, Inexact, Positive
from .factors import Adapted, LowRank, product
from .normal_float import normal_float
from .pissa import halves
from .weight import compiled, dtype_of, laid_like, scale_of, weight_of


@public("jinit.low_rank")
def loftq(
    w: Numbers,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    quantize: Callable[..., Any] | None = None,
    iterations: Count = 1,
    dtype: Inexact = None,
) -> Adapted:
    """LoftQ: a quantized base, and factors that are the best for what it lost.

        Q = quantize(W − s a b),   s a b = the nearest of rank r to W − Q

    in turns, from a b = 0. Factors of zeros beside a quantized base start at a model
    that is not the one that was trained; these start nearer. Turns do not always come
    nearer, so that of all of them the best is returned: ‖W − Q − s a b‖ never grows
    with `iterations`, and is below ‖W − quantize(W)‖ from the first.

    The authors' code has no s, and so is right for α = r alone.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        rank: r, the columns of a; at most the smaller side of the weight.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        quantize: A function of a weight that returns the rounded one, in floats. By
            default `normal_float`, which is NF4; with `bits=2` it is coarser.
        iterations: How many turns.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`; the base is Q.

    Raises:
        ValueError: For a weight of one axis, or a rank above its smaller side.
        TypeError: For a weight of whole numbers, or a `quantize` that returns another
            shape.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (64, 64))
        >>> plain = jnp.linalg.norm(w - jinit.low_rank.normal_float(w))
        >>> ours = w - jinit.low_rank.merge(*jinit.low_rank.loftq(w, rank=8))
        >>> bool(jnp.linalg.norm(ours) < 0.9 * plain)
        True

    References:
        Li, Yu, Liang, He, Karampatziakis, Chen, Zhao. LoftQ: LoRA-fine-tuning-aware
        quantization for large language models. ICLR 2024.
        https://arxiv.org/abs/2310.08659
    """
    where = "jinit.low_rank.loftq"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    best: Any = None
    target = w
    for _ in range(iterations):
        Q = _quantized(where, quantize or normal_float, target)
        best, target = _turn(best, w, Q, rank=rank, scale=scale)
    _, Q, a, b = best
    dtype = dtype_of(w, dtype)
    base = laid_like(w, Q.astype(w.dtype))
    return Adapted(base, LowRank(a.astype(dtype), b.astype(dtype), scale))


@compiled
def _turn(best: Any, w: jax.Array, Q: jax.Array, *, rank: int, scale: float) -> Any:
    """The best turn so far, for each matrix of a stack, and what is quantized next."""
    wide = widened(w)
    Q = Q.astype(wide.dtype)
    U, S, Vh = jnp.linalg.svd(wide - Q, full_matrices=False)
    a, b = halves(U[..., :rank], S[..., :rank], Vh[..., :rank, :], scale)
    # What is left are the other singular values.
    error = jnp.sum(jnp.square(S[..., rank:]), -1)[..., None, None]
    turn, target = (error, Q, a, b), wide - scale * product(a, b)
    if best is not None:
        pairs = zip(best, turn, strict=True)
        turn = tuple(jnp.where(error < best[0], new, old) for old, new in pairs)
    return turn, target.astype(w.dtype)


def _quantized(where: str, quantize: Callable[..., Any], w: jax.Array) -> jax.Array:
    Q = quantize(w)
    if getattr(Q, "shape", None) != w.shape or not hasattr(Q, "dtype"):
        raise TypeError(
            f"`{where}` needs `quantize` to return an array of shape {w.shape}. "
            f"Got {shown(Q)}."
        )
    return jnp.asarray(Q)
