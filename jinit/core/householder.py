"""Haar matrices from sampled Householder vectors, formed by matrix products alone.

The QR factorization of a Gaussian matrix turns its first column x into a reflection H
that takes e₁ to ±x / ‖x‖, and leaves a smaller Gaussian matrix, independent of x. So
there is nothing to factor: draw the vectors x, each one entry shorter than the last,
and multiply the reflections out. Random signs (phases, if complex) make it Haar.

    v = x + s e₁,   s = sign(x₁) ‖x‖,   H = I − 2 v vᴴ / vᴴv
    Q = H₁ H₂ ⋯ Hₙ diag(± 1)

A panel of b reflections, with the x in the columns of X and the v in those of V, is one
block:

    H₁ ⋯ H_b = I − V T Vᴴ,   T⁻¹ = triu(VᴴV, 1) + ½ diag(VᴴV) = triu(Xᴴ V)

References:
    Stewart. The efficient generation of random orthogonal matrices with an application
    to condition estimators. SIAM Journal on Numerical Analysis 17, 1980, section 3.
    Schreiber, Van Loan. A storage-efficient WY representation for products of
    Householder transformations. SIAM J. Sci. Stat. Comput. 10, 1989.
    Puglisi. Modification of the Householder method based on the compact WY
    representation. SIAM J. Sci. Stat. Comput. 13, 1992.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from . import sampling


# Vectors drawn from one key. It is part of the law, unlike the width of a panel.
_STRIP = 32


def householder(
    key: jax.Array,
    batch: tuple[int, ...],
    rows: int,
    columns: int,
    dtype: np.dtype,
    special: bool = False,
) -> jax.Array:
    """Independent Haar matrices of shape `(rows, columns)`, `rows >= columns`.

    If `special`, the matrices are square and of determinant 1: a reflection has
    determinant −1, so that this is a condition on the signs alone.

    One device grows Q from its last corner, which costs least: 4/3 n³ operations for a
    square matrix. Several devices apply every panel to all of Q, so that no step moves
    the borders between shards. The two agree within rounding.
    """
    key_signs, key_vectors = jax.random.split(key)
    strips = -(-columns // _STRIP)
    keys = jax.random.split(key_vectors, strips)
    # In a loop: XLA would otherwise draw the signs anew for every row of Q.
    strip = lambda key: sampling.normal(key, (*batch, 1, _STRIP), dtype)
    signs = jax.lax.map(strip, jax.random.split(key_signs, strips))
    signs = _phase(_side_by_side(signs)[..., :columns])
    if special:
        rest = jnp.prod(signs, -1, keepdims=True) * (-1) ** columns
        signs = jnp.where(jnp.arange(columns) == 0, signs * rest.conj(), signs)
    draw = functools.partial(_vectors, shape=(*batch, rows, _STRIP), dtype=dtype)
    form = _grow if jax.device_count() == 1 else _sweep
    # A GPU or TPU would round the factors of a float32 product.
    with jax.default_matmul_precision("highest"):
        return form(draw, keys, signs, rows)


def _vectors(
    keys: jax.Array, start, shape: tuple[int, ...], dtype: np.dtype
) -> jax.Array:
    """A panel of vectors x: each begins one row lower, the first at row `start`."""
    X = _side_by_side(jax.vmap(lambda key: sampling.normal(key, shape, dtype))(keys))
    row, column = _positions(*X.shape[-2:])
    return jnp.where(row >= column + start, X, 0)


def _side_by_side(strips: jax.Array) -> jax.Array:
    """The columns of all strips, which lie along the first axis, in one matrix."""
    *batch, rows, _ = strips.shape[1:]
    return jnp.moveaxis(strips, 0, -2).reshape(*batch, rows, -1)


def _grow(draw: Callable, keys: jax.Array, signs: jax.Array, rows: int) -> jax.Array:
    """From the last panel to the first, Q ← (I − V T Vᴴ) diag(I, Q)."""
    columns = signs.shape[-1]
    width = _panel_width(columns / 8)
    # The barrier keeps XLA from drawing the vectors anew at each use.
    X = jax.lax.optimization_barrier(draw(keys, 0))[..., :columns]
    panels = [X[..., s:, s : s + width] for s in range(0, columns, width)]
    V, T = zip(*(_reflections(x, 0) for x in panels), strict=True)
    T = inverse(jnp.stack([_enlarged(t, T[0].shape[-1]) for t in T]))
    Q = jnp.zeros((*signs.shape[:-2], rows - columns, 0), signs.dtype)
    for start, v, t in reversed([*zip(range(0, columns, width), V, T, strict=True)]):
        b = v.shape[-1]
        sign = signs[..., start : start + b]
        W = [_adjoint(v[..., :b, :]) * sign, _adjoint(v[..., b:, :]) @ Q]
        Q = _joined(sign, Q) - v @ (t[..., :b, :b] @ jnp.concatenate(W, -1))
    return Q


def _sweep(draw: Callable, keys: jax.Array, signs: jax.Array, rows: int) -> jax.Array:
    """From the last panel to the first, Q ← (I − V T Vᴴ) Q, all of Q each time."""
    columns = signs.shape[-1]
    width = _panel_width(columns / (2 * jax.device_count()))
    strips = jnp.arange(width // _STRIP)

    def step(Q: jax.Array, start: jax.Array):
        X = draw(keys[jnp.minimum(start // _STRIP + strips, len(keys) - 1)], start)
        X = jnp.where(start + jnp.arange(width) < columns, X, 0)[..., :columns]
        V, T = _reflections(X, start)
        return Q - V @ (inverse(T) @ (_adjoint(V) @ Q)), None

    Q = jnp.eye(rows, columns, dtype=signs.dtype) * signs
    return jax.lax.scan(step, Q, jnp.arange(0, columns, width), reverse=True)[0]


def _panel_width(columns: float) -> int:
    """A whole number of strips, near `columns` but within what multiplies fast."""
    return _STRIP * min(16, max(1, round(columns / _STRIP)))


def _reflections(X: jax.Array, start) -> tuple[jax.Array, jax.Array]:
    """V and T⁻¹ of the vectors in X, the first of which begins at row `start`."""
    row, column = _positions(*X.shape[-2:])
    is_first = row == column + start
    first = jnp.sum(jnp.where(is_first, X, 0), -2)
    norm = jnp.linalg.norm(X, axis=-2)
    V = jnp.where(is_first, X + (_phase(first) * norm)[..., None, :], X)
    # ½ vᴴv, to more digits than the product would have; 1 where there is no vector.
    half = norm * (norm + jnp.abs(first))
    half = jnp.where(half == 0, 1, half).astype(X.dtype)
    return V, jnp.triu(_adjoint(V) @ V, 1) + _diagonal(half)


def _phase(x: jax.Array) -> jax.Array:
    """The sign of x, of modulus 1 even where x is 0."""
    return jnp.where(x == 0, 1, jnp.sign(x))


def inverse(T: jax.Array) -> jax.Array:
    """The inverse of upper triangular matrices, by recursion on halves.

    [A C]⁻¹   [A⁻¹  −A⁻¹ C D⁻¹]
    [  D]   = [          D⁻¹  ]
    """
    size = T.shape[-1]
    if size <= 16 or size % 2:
        return _substituted(T)
    half = size // 2
    C = T[..., :half, half:]
    A, D = inverse(jnp.stack([T[..., :half, :half], T[..., half:, half:]]))
    upper = jnp.concatenate([A, -A @ C @ D], -1)
    lower = jnp.concatenate([jnp.zeros_like(C), D], -1)
    return jnp.concatenate([upper, lower], -2)


def _substituted(T: jax.Array) -> jax.Array:
    """The inverse X of T from T X = I, row by row from the last."""
    I = jnp.eye(T.shape[-1], dtype=T.dtype)

    def step(i: jax.Array, X: jax.Array) -> jax.Array:
        row = I.shape[0] - 1 - i
        t = jnp.take(T, row, axis=-2)
        # The rows of X from this one up are still zero.
        known = I[row] - (t[..., None, :] @ X)[..., 0, :]
        return X.at[..., row, :].set(known / t[..., row, None])

    return jax.lax.fori_loop(0, I.shape[0], step, jnp.zeros_like(T))


def _joined(sign: jax.Array, Q: jax.Array) -> jax.Array:
    """diag(sign, Q)."""
    before = sign.shape[-1]
    Q = jnp.pad(Q, [(0, 0)] * (Q.ndim - 2) + [(before, 0)] * 2)
    sign = jnp.pad(sign, [(0, 0)] * (Q.ndim - 1) + [(0, Q.shape[-1] - before)])
    row, column = _positions(*Q.shape[-2:])
    return jnp.where((row == column) & (row < before), sign, Q)


def _enlarged(T: jax.Array, size: int) -> jax.Array:
    """diag(T, I)."""
    missing = size - T.shape[-1]
    T = jnp.pad(T, [(0, 0)] * (T.ndim - 2) + [(0, missing)] * 2)
    return T + _diagonal((jnp.arange(size) >= size - missing).astype(T.dtype))


def _diagonal(values: jax.Array) -> jax.Array:
    return values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype)


def _positions(rows: int, columns: int) -> tuple[jax.Array, jax.Array]:
    """The row and the column of each entry."""
    row, column = (
        jax.lax.broadcasted_iota("int32", (rows, columns), i) for i in (0, 1)
    )
    return row, column


def _adjoint(A: jax.Array) -> jax.Array:
    return A.mT.conj()
