"""The leading singular triples of a matrix: all of them, or by random projection."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import sampling
from .factors import product


SPARE = 8  # directions beside those asked for: without them the last are far off

Triples = tuple[jax.Array, jax.Array, jax.Array]


def require_key(where: str, key: Any, sweeps: int | None) -> None:
    """Refuses to project at random without a key."""
    if sweeps is not None and key is None:
        raise TypeError(
            f"`{where}` needs a key for `sweeps`, which project at random. Got None. "
            "Give one, or leave `sweeps` out."
        )


def leading(w: jax.Array, count: int, key: Any, sweeps: int | None) -> Triples:
    """The `count` largest triples `(U, S, Vᴴ)` of matrices `(..., in, out)`."""
    if sweeps is None:
        U, S, Vh = jnp.linalg.svd(w, full_matrices=False)
    else:
        U, S, Vh = _projected(w, min(count + SPARE, *w.shape[-2:]), key, sweeps)
    return U[..., :count], S[..., :count], Vh[..., :count, :]


def _projected(w: jax.Array, count: int, key: jax.Array, sweeps: int) -> Triples:
    """Triples within the span of w (wᴴ w)ˢ Ω, for a Gaussian Ω of `count` columns."""
    shape = (*w.shape[:-2], w.shape[-1], count)
    Q = _basis(product(w, sampling.normal(key, shape, w.dtype)))
    for _ in range(sweeps):
        Q = _basis(product(w, _basis(product(w.mT.conj(), Q))))
    U, S, Vh = jnp.linalg.svd(product(Q.mT.conj(), w), full_matrices=False)
    return product(Q, U), S, Vh


def _basis(y: jax.Array) -> jax.Array:
    return jnp.linalg.qr(y)[0]
