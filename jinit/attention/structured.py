"""Attention that starts as a convolution: every head looks one cell to a side."""

import functools
import math
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._core import Counts, Key, numbers, public, sampling, shown, widened
from ..settings import Count, NonNegative, Positive


# Rows and columns from a cell to what a head looks at: the cell itself, up, right,
# left, down, then the corners.
_STEPS = (0, 0), (-1, 0), (0, 1), (0, -1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)
_NAME = "jinit.attention.structured"


class QueryKey(NamedTuple):
    """The query and key kernels of an attention layer, `(width, heads, size)` each."""

    query: jax.Array
    key: jax.Array


def _basis(positions: Any, size: int) -> tuple[jax.Array, jax.Array]:
    """E `(width, size)` and C `(cells, size)` with P⁺ = E Cᵀ, the best of that rank.

    P is the table that a layer normalization makes of `positions`.
    """
    P = widened(positions)
    P = P - P.mean(-1, keepdims=True)
    P = P / jnp.sqrt((P**2).mean(-1, keepdims=True) + 1e-5)
    U, s, Eh = jnp.linalg.svd(P, full_matrices=False)
    least = max(P.shape) * jnp.finfo(P.dtype).eps * s[0]
    if not isinstance(s, Tracer) and not bool(s[size - 1] > least):
        raise ValueError(
            f"`{_NAME}` needs `positions` that span the {size} entries of a head. Got "
            f"{shown(positions)} of rank {int((s > least).sum())} once normalized. "
            "Draw a random table, or give a smaller `size`."
        )
    kept = s[:size] > least
    return Eh[:size].T, jnp.where(kept, U[:, :size] / jnp.where(kept, s[:size], 1), 0)


def _target(key, step, grid, noise, dtype) -> jax.Array:
    """The logits that a head should have: 1 for the cell one step away, else noise."""
    row, column = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
    to = row - row[:, None], column - column[:, None]
    is_there = (to[0] == step[0]) & (to[1] == step[1])
    # A unit of 0.6, cut at 2.
    z = 0.6 * sampling.truncated_normal(key, is_there.shape, dtype, -2 / 0.6, 2 / 0.6)
    return jnp.where(is_there, 1, noise * z)


@public("jinit.attention")
def structured(
    key: Key,
    positions: Annotated[Any, numbers],
    grid: Counts,
    heads: Count,
    size: Count | None = None,
    *,
    scale: Positive = 7.0,
    peak: Positive = 1000.0,
    noise: NonNegative = 3.0,
) -> QueryKey:
    """Query and key kernels under which every head looks one cell to a side.

        P W_Q W_Kᵀ Pᵀ ≈ T,   T = peak one step from each cell, noise elsewhere

    P is the layer-normalized table of positions. With A = P⁺ T P⁺ᵀ = U S Vᵀ, W_Q is
    U √S and W_K is V √S, both scaled to the Frobenius norm `scale` in every head. After
    the softmax each head passes on one neighbor of a cell, as the taps of a 3 × 3
    convolution do: a vision transformer starts with the bias of a convolution, without
    its bounds. The heads look at the cell itself, up, right, left, down, at the four
    corners, and again from the start.

    The table has to be random and large beside what it is added to: the authors draw it
    by `jinit.truncated_normal(0.02)`, times 18. In a table of sinusoids neighbors are
    too much alike. Values and outputs are those of `jinit.attention.mimetic`.

    Args:
        key: The key of the noise, another for each layer.
        positions: The table, `(rows · columns, width)`, without class tokens.
        grid: The rows and columns of cells.
        heads: How many heads.
        size: Entries of a head; by default width / heads.
        scale: The Frobenius norm of each head's kernel.
        peak: The logit of the cell that a head looks at, before the scaling.
        noise: What multiplies the noise of the other logits.

    Returns:
        A `QueryKey`, a tuple of two kernels `(width, heads, size)`.

    Raises:
        ValueError: If the table is not of the grid, the heads do not divide its width,
            or it does not span the entries of a head.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> k1, k2 = jax.random.split(jax.random.key(0))
        >>> P = jinit.truncated_normal(0.36)(k1, (64, 128))
        >>> W_Q, W_K = jinit.attention.structured(k2, P, (8, 8), 2)
        >>> P = (P - P.mean(-1, keepdims=True)) / P.std(-1, keepdims=True)
        >>> logits = (P @ W_Q[:, 1]) @ (P @ W_K[:, 1]).T
        >>> logits[8:16].argmax(-1).tolist()  # the second row looks at the first
        [0, 1, 2, 3, 4, 5, 6, 7]

    References:
        Zheng, Li, Saratchandran, Lucey. Structured initialization for vision
        transformers. NeurIPS 2025. https://arxiv.org/abs/2505.19985
    """
    size = _size(positions, grid, heads, size)
    E, C = _basis(positions, size)
    product = functools.partial(jnp.matmul, precision="highest")

    def factors(drawn: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        T = _target(drawn[0], drawn[1], grid, noise / peak, C.dtype)
        U, S, Vh = jnp.linalg.svd(product(C.T, product(T, C)))
        # A head may have nowhere to look: in a grid of one row, those of up and down.
        root = jnp.sqrt(S / jnp.maximum(S.sum(), jnp.finfo(S.dtype).tiny)) * scale
        return product(E, U * root), product(E, Vh.T * root)

    steps = jnp.array([_STEPS[head % len(_STEPS)] for head in range(heads)])
    pair = jax.lax.map(factors, (jax.random.split(key, heads), steps))
    dtype = positions.dtype if jnp.issubdtype(positions.dtype, jnp.floating) else None
    query, key_ = (jnp.moveaxis(each, 0, 1).astype(dtype or C.dtype) for each in pair)
    return QueryKey(query, key_)


def _size(positions, grid, heads: int, size: int | None) -> int:
    """The entries of a head; refuses what does not fit together."""
    cells = math.prod(grid)
    is_table = positions.ndim == 2 and not jnp.iscomplexobj(positions)
    if len(grid) != 2 or not is_table or len(positions) != cells:
        raise ValueError(
            f"`{_NAME}` needs real `positions` `(rows · columns, width)` for a `grid` "
            f"`(rows, columns)`. Got {shown(positions)} for {tuple(grid)}."
        )
    width = positions.shape[1]
    size = size or width // heads
    if heads * size > width or size > cells or not size:
        raise ValueError(
            f"`{_NAME}` needs heads that share the width, none with more entries than "
            f"there are cells. Got {heads} heads of {size} for {shown(positions)}."
        )
    return size
