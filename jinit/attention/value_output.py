"""Value and output kernels that take away from a position what it attends to."""

import jax

from .._core import law, Seed
from ..settings import Count, Finite, Floating, NonNegative
from .pairs import key_of, Noise, read_heads, value_output


@law
def mimetic_value(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    alpha: NonNegative = 0.4,
    beta: Finite = 0.4,
    heads: Count | None = None,
    seed: Seed | None = None,
    dtype: Floating = None,
    *,
    noise: Noise = "normal",
) -> jax.Array:
    """The value kernel that makes, with `mimetic_output`, less of what is there.

        W_V W_O = α Z − β I,   Z of variance 1 / width

    In trained attention the product of value and output kernels is, but for noise, a
    negative multiple of the identity: what a position attends to is taken away from it.
    With U S Vᵀ for the right side, W_V is U √S and W_O is √S Vᵀ, exactly where all
    heads together are as wide as the model, else the best of their rank.

    Both sides need the same key or the same `seed`, as `jinit.attention.mimetic_query`
    says.

    Args:
        alpha: The standard deviation of the noise, times √width.
        beta: What is taken away.
        heads: How many heads share the last axis; None where they have their own.
        seed: What the noise is drawn by, in place of the key.
        dtype: The dtype to draw when a call names none.
        noise: "normal" or "uniform", of equal variance.

    Returns:
        Weights of shape `(*stacked, width, heads, size)`; given `heads`,
        `(*stacked, width, heads · size)`.

    Raises:
        ValueError: For a shape without those axes, or heads wider than the model.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> key = jax.random.key(0)
        >>> W_V = jinit.attention.mimetic_value(key, (64, 4, 16)).reshape(64, 64)
        >>> W_O = jinit.attention.mimetic_output(key, (4, 16, 64)).reshape(64, 64)
        >>> round(float(jnp.diagonal(W_V @ W_O).mean()), 1)
        -0.4

    References:
        Trockman, Kolter. Mimetic initialization of self-attention layers. ICML 2023.
        https://arxiv.org/abs/2305.09828
    """
    read = read_heads("mimetic_value", shape, heads, fused=True)
    pair = value_output(key_of(key, seed), read, alpha, beta, noise, dtype)
    return pair[0].reshape(shape)


@law
def mimetic_output(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    alpha: NonNegative = 0.4,
    beta: Finite = 0.4,
    heads: Count | None = None,
    seed: Seed | None = None,
    dtype: Floating = None,
    *,
    noise: Noise = "normal",
) -> jax.Array:
    """The output kernel to go with `jinit.attention.mimetic_value`.

        W_V W_O = α Z − β I,   Z of variance 1 / width

    It needs the settings of the values, and the same key or the same `seed`.

    Args:
        alpha: The standard deviation of the noise, times √width.
        beta: What is taken away.
        heads: How many heads share the first axis; None where they have their own.
        seed: What the noise is drawn by, in place of the key.
        dtype: The dtype to draw when a call names none.
        noise: "normal" or "uniform", of equal variance.

    Returns:
        Weights of shape `(*stacked, heads, size, width)`; given `heads`,
        `(*stacked, heads · size, width)`.

    Raises:
        ValueError: For a shape without those axes, or heads wider than the model.

    Example:
        >>> import jax, jinit
        >>> jinit.attention.mimetic_output(jax.random.key(0), (4, 16, 64)).shape
        (4, 16, 64)

    References:
        Trockman, Kolter. Mimetic initialization of self-attention layers. ICML 2023.
        https://arxiv.org/abs/2305.09828
    """
    read = read_heads("mimetic_output", shape, heads, fused=True, writes=True)
    pair = value_output(key_of(key, seed), read, alpha, beta, noise, dtype)
    return pair[1].reshape(shape)
