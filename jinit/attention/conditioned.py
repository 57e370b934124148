"""Attention whose matrices are as well conditioned as can be."""

from typing import Any

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import law
from .._schemes import orthogonal
from ..marginal import Marginal
from ..settings import Count, Floating
from .heads import Heads, heads_of


def _read(where: str, shape: tuple[int, ...], heads: int | None) -> Heads:
    return heads_of(f"jinit.attention.{where}", shape, heads)


def _marginal(shape, heads: int | None) -> Marginal:
    read = _read("conditioned", shape, heads)
    return marginal.coordinate(max(read.width, read.heads * read.size), 1.0)


@law(marginal=_marginal)
def conditioned(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    heads: Count | None = None,
    dtype: Floating = None,
) -> jax.Array:
    """Query and key kernels whose singular values are all 1.

        Wᵀ W = I   for W of shape (width, heads · size), W Wᵀ = I if it is wide

    The condition of an attention layer is bounded by those of its three matrices, and
    gradient descent is as slow as it is bad. Here each is 1; `conditioned_value` is the
    kernel of the values. All heads together are one matrix, uniformly random (Haar).

    Args:
        heads: How many heads share the last axis; None where they have their own.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*stacked, width, heads, size)`; given `heads`,
        `(*stacked, width, heads · size)`.

    Raises:
        ValueError: For a shape without those axes.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.attention.conditioned(jax.random.key(0), (16, 4, 2))
        >>> s = jnp.linalg.svd(w.reshape(16, 8), compute_uv=False)
        >>> round(float(s[0] / s[-1]), 3)
        1.0

    References:
        Saratchandran et al. Conditioned initialization for attention. ICLR 2026.
    """
    stacked, *_ = _read("conditioned", shape, heads)
    outputs = (-1,) if heads is not None else (-2, -1)
    init = orthogonal(
        in_axis=-1 - len(outputs), out_axis=outputs, batch_axis=range(len(stacked))
    )
    return init(key, shape, dtype)


def _value_marginal(shape, heads: int | None) -> Marginal:
    read = _read("conditioned_value", shape, heads)
    longest = max(read.width, read.heads * read.size)
    return marginal.two_points(1.0, 1 / max(longest, 1))


@law(marginal=_value_marginal)
def conditioned_value(
    _: Any,
    shape: tuple[int, ...],
    /,
    heads: Count | None = None,
    dtype: Floating = None,
) -> jax.Array:
    """The value kernel to go with `jinit.attention.conditioned`: the identity.

        W[i, i] = 1 for W of shape (width, heads · size), else 0

    Args:
        heads: How many heads share the last axis; None where they have their own.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*stacked, width, heads, size)`; given `heads`,
        `(*stacked, width, heads · size)`.

    Raises:
        ValueError: For a shape without those axes.

    Example:
        >>> import jinit
        >>> w = jinit.attention.conditioned_value(None, (6, 2, 3))
        >>> w.reshape(6, 6).trace().item(), w.sum().item()
        (6.0, 6.0)

    References:
        Saratchandran et al. Conditioned initialization for attention. ICLR 2026.
    """
    stacked, width, many, size = _read("conditioned_value", shape, heads)
    eye = jnp.eye(width, many * size, dtype=dtype)
    return jnp.broadcast_to(eye, (*stacked, *eye.shape)).reshape(shape)
