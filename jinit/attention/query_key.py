"""Query and key kernels under which a position attends to what is like it."""

import jax

from .._core import law, Seed
from ..settings import Count, Finite, Floating, NonNegative
from .pairs import key_of, Noise, query_key, read_heads


@law
def mimetic_query(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    alpha: NonNegative = 0.7,
    beta: Finite = 0.7,
    heads: Count | None = None,
    seed: Seed | None = None,
    dtype: Floating = None,
    *,
    noise: Noise = "normal",
) -> jax.Array:
    """The query kernel that makes, with `mimetic_key`, heads that see what is alike.

        W_Q W_Kᵀ = the best of rank `size` for α Z + β I,   Z of variance 1 / width

    In trained attention the product of query and key kernels is, but for noise, a
    multiple of the identity: a position attends to what resembles it. With U S Vᵀ for
    the right side, W_Q is U √S and W_K is V √S, cut to the size of a head, and every
    head has its own Z. The table of positions is to be
    `jinit.attention.sinusoidal_positions`.

    Both sides are drawn from the same noise and so need the same key. Where a model
    draws each kernel with a key of its own, give both the same `seed`, one for each
    layer; `jinit.attention.mimetic` returns all four kernels of a layer at once.

    Args:
        alpha: The standard deviation of the noise, times √width.
        beta: The diagonal.
        heads: How many heads share the last axis; None where they have their own.
        seed: What the noise is drawn by, in place of the key.
        dtype: The dtype to draw when a call names none.
        noise: "normal" or "uniform", of equal variance.

    Returns:
        Weights of shape `(*stacked, width, heads, size)`; given `heads`,
        `(*stacked, width, heads · size)`.

    Raises:
        ValueError: For a shape without those axes, or a head larger than the width.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> W_Q = jinit.attention.mimetic_query(seed=1)(jax.random.key(0), (64, 2, 64))
        >>> W_K = jinit.attention.mimetic_key(seed=1)(jax.random.key(9), (64, 2, 64))
        >>> product = W_Q[:, 0] @ W_K[:, 0].T
        >>> round(float(jnp.diagonal(product).mean()), 1)
        0.7

    References:
        Trockman, Kolter. Mimetic initialization of self-attention layers. ICML 2023.
        https://arxiv.org/abs/2305.09828
    """
    read = read_heads("mimetic_query", shape, heads, fused=False)
    pair = query_key(key_of(key, seed), read, alpha, beta, noise, dtype)
    return pair[0].reshape(shape)


@law
def mimetic_key(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    alpha: NonNegative = 0.7,
    beta: Finite = 0.7,
    heads: Count | None = None,
    seed: Seed | None = None,
    dtype: Floating = None,
    *,
    noise: Noise = "normal",
) -> jax.Array:
    """The key kernel to go with `jinit.attention.mimetic_query`.

        W_Q W_Kᵀ = the best of rank `size` for α Z + β I,   Z of variance 1 / width

    It needs the settings of the query, and the same key or the same `seed`.

    Args:
        alpha: The standard deviation of the noise, times √width.
        beta: The diagonal.
        heads: How many heads share the last axis; None where they have their own.
        seed: What the noise is drawn by, in place of the key.
        dtype: The dtype to draw when a call names none.
        noise: "normal" or "uniform", of equal variance.

    Returns:
        Weights of shape `(*stacked, width, heads, size)`; given `heads`,
        `(*stacked, width, heads · size)`.

    Raises:
        ValueError: For a shape without those axes, or a head larger than the width.

    Example:
        >>> import jax, jinit
        >>> draw = jinit.attention.mimetic_key(heads=4)
        >>> draw(jax.random.key(0), (64, 64)).shape
        (64, 64)

    References:
        Trockman, Kolter. Mimetic initialization of self-attention layers. ICML 2023.
        https://arxiv.org/abs/2305.09828
    """
    read = read_heads("mimetic_key", shape, heads, fused=False)
    pair = query_key(key_of(key, seed), read, alpha, beta, noise, dtype)
    return pair[1].reshape(shape)
