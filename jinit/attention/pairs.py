"""Pairs of kernels whose product is near a multiple of the identity."""

import math
from typing import Literal

import jax
import jax.numpy as jnp

from .._core import sampling, scalar
from .heads import Heads, heads_of


Noise = Literal["normal", "uniform"]
Pair = tuple[jax.Array, jax.Array]


def _pairs(key, count: int, width: int, rank: int, alpha, beta, noise, dtype) -> Pair:
    """Factors L, R `(count, width, rank)` of the best L Rᵀ for each α Z + β I."""

    def factors(key: jax.Array) -> Pair:
        if noise == "normal":
            Z = sampling.normal(key, (width, width), dtype, width**-0.5)
        else:
            bound = (3 / width) ** 0.5
            Z = sampling.uniform(key, (width, width), dtype, -bound, bound)
        M = scalar(alpha, dtype) * Z + scalar(beta, dtype) * jnp.eye(width, dtype=dtype)
        U, S, Vh = jnp.linalg.svd(M)
        root = jnp.sqrt(S[None, :rank])
        return U[:, :rank] * root, Vh[:rank].T * root

    return jax.lax.map(factors, jax.random.split(key, count))


def read_heads(
    where: str, shape, heads: int | None, *, fused: bool, writes: bool = False
) -> Heads:
    """The heads, none of which may have more entries than there are to read."""
    where = f"jinit.attention.{where}"
    read = heads_of(where, shape, heads, writes)
    size = read.heads * read.size if fused else read.size
    if size > read.width:
        what = "all heads together" if fused else "a head"
        raise ValueError(
            f"`{where}` needs {what} to have no more entries than the width, "
            f"{read.width}. Got {size} of {shape}."
        )
    return read


def query_key(key, read: Heads, alpha, beta, noise, dtype) -> Pair:
    """Both kernels, `(*stacked, width, heads, size)`."""
    stacked, width, heads, size = read
    count = math.prod(stacked) * heads
    pair = _pairs(key, count, width, size, alpha, beta, noise, dtype)
    query, key = (
        jnp.moveaxis(each.reshape(*stacked, heads, width, size), -3, -2)
        for each in pair
    )
    return query, key


def value_output(key, read: Heads, alpha, beta, noise, dtype) -> Pair:
    """Both kernels, `(*stacked, width, inner)` and `(*stacked, inner, width)`."""
    stacked, width, heads, size = read
    # Its own noise, also where a layer's four kernels are drawn with one key.
    key, inner = jax.random.fold_in(key, 1), heads * size
    pair = _pairs(key, math.prod(stacked), width, inner, alpha, -beta, noise, dtype)
    value, output = (each.reshape(*stacked, width, inner) for each in pair)
    return value, output.mT


def key_of(key: jax.Array, seed: int | None) -> jax.Array:
    """What the noise is drawn by: the key, or a seed in its place."""
    return key if seed is None else jax.random.key(seed)
