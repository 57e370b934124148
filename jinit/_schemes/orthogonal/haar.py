"""Uniformly random (Haar) orthogonal and unitary matrices, by the method asked for."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ..._core import sampling
from .householder import householder
from .matrices import Matrices


Method = Literal["householder", "qr", "svd", "polar"]


def haar(
    key: jax.Array,
    batch: tuple[int, ...],
    rows: int,
    columns: int,
    dtype: np.dtype,
    method: Method = "householder",
) -> jax.Array:
    """Independent matrices `(*batch, rows, columns)` with orthonormal columns.

    A wide one, with more columns than rows, has orthonormal rows.
    """
    short, long = sorted((rows, columns))
    if method == "householder":
        q = householder(key, batch, short, long, dtype)
        return q if rows <= columns else q.mT
    q = _FACTOR[method](sampling.normal(key, (*batch, long, short), dtype))
    return q if rows >= columns else q.mT


def frames(
    key: jax.Array,
    matrices: Matrices,
    dtype: np.dtype,
    gain: Any = 1.0,
    method: Method = "householder",
) -> jax.Array:
    """The kernel whose matrices are independent, Haar, and times `gain`."""
    Q = haar(key, matrices.many, *matrices.size, dtype, method)
    return sampling.scalar(gain, dtype) * matrices.kernel(Q)


# Each maps a Gaussian matrix G to a Q(G) with orthonormal columns such that, for every
# orthogonal U, Q(UG) = U Q(G). As UG has the law of G, no U changes the law of Q, and
# only Haar is such a law. The signs that a library's QR or SVD gives to its columns
# depend on G and would break it.


def _qr(G: jax.Array) -> jax.Array:
    q, r = jnp.linalg.qr(G)
    return q * jnp.sign(jnp.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


def _svd(G: jax.Array) -> jax.Array:
    u, _, vh = jnp.linalg.svd(G, full_matrices=False)
    return u * jnp.sign(vh[..., None, :, 0])


def _polar(G: jax.Array) -> jax.Array:
    u, _, vh = jnp.linalg.svd(G, full_matrices=False)
    return jnp.matmul(u, vh, precision="highest")


_FACTOR: dict[str, Callable[[jax.Array], jax.Array]] = {
    "qr": _qr,
    "svd": _svd,
    "polar": _polar,
}
