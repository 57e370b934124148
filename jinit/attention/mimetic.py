"""Attention that starts as trained attention looks: near the identity, both ways."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._core import Key, public, wide
from ..settings import Count, Finite, Floating, NonNegative
from .pairs import Noise, query_key, read_heads, value_output


class Mimetic(NamedTuple):
    """The four kernels of an attention layer.

    Attributes:
        query: `(width, heads, size)`.
        key: `(width, heads, size)`.
        value: `(width, heads, size)`.
        output: `(heads, size, width)`.
    """

    query: jax.Array
    key: jax.Array
    value: jax.Array
    output: jax.Array


@public("jinit.attention")
def mimetic(
    key: Key,
    width: Count,
    heads: Count,
    size: Count | None = None,
    *,
    alpha: NonNegative = 0.7,
    beta: Finite = 0.7,
    value_alpha: NonNegative = 0.4,
    value_beta: Finite = 0.4,
    noise: Noise = "normal",
    dtype: Floating = None,
) -> Mimetic:
    """The kernels of an attention layer that starts as trained attention looks.

        W_Q W_Kᵀ = the best of rank `size` for α Z + β I, in each head
        W_V W_O = α′ Z − β′ I,   every Z of variance 1 / width

    A position attends to what resembles it, and what it attends to is taken away from
    it. Vision transformers so started learn from small data sets what others do not.
    The table of positions is to be `jinit.attention.sinusoidal_positions`.

    For rules, which draw each parameter with a key of its own, there are the laws
    `mimetic_query`, `mimetic_key`, `mimetic_value` and `mimetic_output`, which draw the
    same kernels from the same key or seed.

    Args:
        key: The key to draw with, another for each layer.
        width: Entries of what the layer reads.
        heads: How many heads.
        size: Entries of a head; by default width / heads.
        alpha: The standard deviation of the noise between query and key, times √width.
        beta: The diagonal there.
        value_alpha: α′, the same between value and output.
        value_beta: β′, what is taken away there.
        noise: "normal" or "uniform", of equal variance.
        dtype: Of the kernels; by default JAX's own float.

    Returns:
        A `Mimetic`, a tuple of `query`, `key` and `value` `(width, heads, size)` and
        `output` `(heads, size, width)`.

    Raises:
        ValueError: If heads do not divide the width, or are larger than it.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> layer = jinit.attention.mimetic(jax.random.key(0), 64, 4)
        >>> W_V, W_O = layer.value.reshape(64, 64), layer.output.reshape(64, 64)
        >>> round(float(jnp.diagonal(W_V @ W_O).mean()), 1)
        -0.4

    References:
        Trockman, Kolter. Mimetic initialization of self-attention layers. ICML 2023.
        https://arxiv.org/abs/2305.09828
    """
    if size is None and width % heads:
        raise ValueError(
            "`jinit.attention.mimetic` needs `heads` to divide `width`. "
            f"Got {heads} heads for a width of {width}. Or give the `size` of a head."
        )
    shape = width, heads, size or width // heads
    read = read_heads("mimetic", shape, None, fused=True)
    dtype = jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
    wide_ = wide(dtype)
    query, key_ = query_key(key, read, alpha, beta, noise, wide_)
    value, output = value_output(key, read, value_alpha, value_beta, noise, wide_)
    kernels = query, key_, value.reshape(shape), output.reshape(*shape[1:], width)
    return Mimetic(*(each.astype(dtype) for each in kernels))
