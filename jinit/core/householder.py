"""Haar matrices from sampled Householder vectors, formed by matrix products alone.

The QR factorization of a Gaussian matrix turns its first column x into a reflection H
that takes x to −s e₁, and leaves a smaller Gaussian matrix, independent of x. So there
is nothing to factor: draw the vectors x, each one entry shorter than the last, and
multiply the reflections out. The signs (phases, if complex) that make the diagonal of R
positive make Q Haar.

    v = x + s e₁,   s = sign(x₁) ‖x‖,   H = I − 2 v vᴴ / vᴴv
    Q = H₁ H₂ ⋯ Hₙ diag(−sign(x₁))

A panel of b reflections, with the v in the columns of V, is one block:

    H₁ ⋯ H_b = I − V T Vᴴ,   T⁻¹ = triu(VᴴV, 1) + ½ diag(VᴴV)

References:
    Stewart. The efficient generation of random orthogonal matrices with an application
    to condition estimators. SIAM Journal on Numerical Analysis 17, 1980, section 3.
    Schreiber, Van Loan. A storage-efficient WY representation for products of
    Householder transformations. SIAM J. Sci. Stat. Comput. 10, 1989.
    Puglisi. Modification of the Householder method based on the compact WY
    representation. SIAM J. Sci. Stat. Comput. 13, 1992.
    Schulz. Iterative Berechnung der reziproken Matrix. ZAMM 13, 1933.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from . import sampling


# Vectors drawn from one key, and part of the law, unlike the width of a panel.
_STRIP = 32

# The least width of a panel, where there are several.
_BLOCK = 64

# The largest T that is inverted without recursion.
_LEAF = 16


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
    strip = max(1, min(_STRIP, columns))
    # A key made from a counter: XLA fails to compile a slice of many keys in a loop.
    draw = jax.vmap(
        lambda i: sampling.normal(
            jax.random.fold_in(key, i), (*batch, rows, strip), dtype
        )
    )
    form = _grow if jax.device_count() == 1 else _sweep
    # A GPU or TPU would round the factors of a float32 product.
    with jax.default_matmul_precision("highest"):
        Q, phase = form(draw, jnp.zeros((*batch, rows, columns), dtype))
    if special:
        rest = jnp.prod(phase, -1, keepdims=True).conj()
        phase = jnp.where(jnp.arange(columns) == 0, phase * rest, phase)
    return -Q * phase[..., None, :]


def _grow(draw: Callable, zero: jax.Array) -> tuple[jax.Array, jax.Array]:
    """From the last panel to the first, Q ← (I − V T Vᴴ) diag(I, Q)."""
    *batch, rows, columns = zero.shape
    strip = min(_STRIP, columns)
    width = strip * _strips_in_panel(columns)
    starts = range(0, columns, width)
    X = _side_by_side(draw(jnp.arange(-(-columns // strip))))
    X = _padded(X, (0, 0), (0, len(starts) * width - X.shape[-1]))
    X = jnp.moveaxis(X.reshape(*batch, rows, len(starts), width), -2, 0)
    first = width * jnp.arange(len(starts)).reshape(-1, *[1] * zero.ndim)
    # The barriers keep XLA from making the vectors anew at each use.
    X = jax.lax.optimization_barrier(_shortened(X, first, columns))
    V, half, phase = _reflections(X, first)
    V = jax.lax.optimization_barrier(V)
    V = [v[..., start:, : columns - start] for start, v in zip(starts, V, strict=True)]
    gram = jnp.stack([_enlarged(_adjoint(v) @ v, width) for v in V])
    T = inverse(jnp.triu(gram, 1) + _diagonal(half))
    Q = jnp.zeros((*batch, rows - columns, 0), zero.dtype)
    for v, t in reversed([*zip(V, T, strict=True)]):
        b = v.shape[-1]
        Q = _bordered(Q, b)
        Q = Q - v @ (t[..., :b, :b] @ (_adjoint(v) @ Q))
    return Q, _side_by_side(phase[..., None, :])[..., 0, :columns]


def _strips_in_panel(columns: int) -> int:
    """Few panels compile fast; eight take about 1.3 times the least arithmetic."""
    if columns <= _BLOCK:
        return 1
    return 2 * -(-columns // (_BLOCK * (4 if columns < 2048 else 8)))


def _sweep(draw: Callable, zero: jax.Array) -> tuple[jax.Array, jax.Array]:
    """From the last panel to the first, Q ← (I − V T Vᴴ) Q, all of Q each time."""
    columns = zero.shape[-1]
    strip = min(_STRIP, columns)
    # Each device holds whole panels, which should be less than its share of Q.
    strips = max(1, columns // (2 * strip * jax.device_count()))

    def step(Q: jax.Array, first: jax.Array) -> tuple[jax.Array, jax.Array]:
        X = _side_by_side(draw(first + jnp.arange(strips)))
        X = _shortened(X, strip * first, columns)
        V, half, phase = _reflections(X, strip * first)
        T = inverse(jnp.triu(_adjoint(V) @ V, 1) + _diagonal(half))
        return Q - V @ (T @ (_adjoint(V) @ Q)), phase

    firsts = jnp.arange(0, -(-columns // strip), strips)
    I = zero + jnp.eye(*zero.shape[-2:], dtype=zero.dtype)
    Q, phase = jax.lax.scan(step, I, firsts, reverse=True)
    return Q, _side_by_side(phase[..., None, :])[..., 0, :columns]


def _side_by_side(strips: jax.Array) -> jax.Array:
    """The columns of all strips, which lie along the first axis, in one matrix."""
    *batch, rows, _ = strips.shape[1:]
    return jnp.moveaxis(strips, 0, -2).reshape(*batch, rows, -1)


def _shortened(X: jax.Array, start, columns: int) -> jax.Array:
    """Each vector begins one row lower, the first at row `start`, and none is extra."""
    row, column = _positions(X.shape)
    return jnp.where((row >= column + start) & (column + start < columns), X, 0)


def _reflections(X: jax.Array, start) -> tuple[jax.Array, jax.Array, jax.Array]:
    """V, the ½ vᴴv and the phases of the x₁; the first x begins at row `start`."""
    row, column = _positions(X.shape)
    is_first = row == column + start
    first = jnp.sum(jnp.where(is_first, X, 0), -2)
    norm = jnp.linalg.norm(X, axis=-2)
    phase = _phase(first)
    V = jnp.where(is_first, X + (phase * norm)[..., None, :], X)
    # To more digits than the product would have; 1 where there is no vector.
    half = norm * (norm + jnp.abs(first))
    half = jnp.where(half == 0, 1, half).astype(X.dtype)
    return V, half, phase


def _phase(x: jax.Array) -> jax.Array:
    """The sign of x, of modulus 1 even where x is 0."""
    return jnp.where(x == 0, 1, jnp.sign(x))


def inverse(T: jax.Array) -> jax.Array:
    """The inverse of upper triangular matrices, by recursion on halves.

    [A C]⁻¹   [A⁻¹  −A⁻¹ C D⁻¹]
    [  D]   = [          D⁻¹  ]
    """
    size = T.shape[-1]
    if size <= _LEAF or size % 2:
        return _iterated(T)
    half = size // 2
    A, D = inverse(jnp.stack([T[..., :half, :half], T[..., half:, half:]]))
    B = A @ (T[..., :half, half:] @ D)
    # A sum of padded blocks is a single pass, which compiles faster than joining them.
    before, after = (half, 0), (0, half)
    upper_left, lower_right = _padded(A, after, after), _padded(D, before, before)
    return upper_left + lower_right - _padded(B, after, before)


def _iterated(T: jax.Array) -> jax.Array:
    """Newton's iteration (Schulz 1933), X ← X (2 I − T X).

    It squares the residual I − T X. From the inverse of the diagonal this is strictly
    triangular, so that log₂ n steps leave 0; two more remove what rounding left.
    """
    size = T.shape[-1]
    I = jnp.eye(size, dtype=T.dtype)
    start, steps = I / jnp.where(I == 0, 1, T), (size - 1).bit_length() + 2
    return jax.lax.fori_loop(0, steps, lambda _, X: X @ (2 * I - T @ X), start)


def _bordered(Q: jax.Array, before: int) -> jax.Array:
    """diag(I, Q)."""
    Q = _padded(Q, (before, 0), (before, 0))
    row, column = _positions(Q.shape)
    return jnp.where((row == column) & (row < before), 1, Q)


def _enlarged(T: jax.Array, size: int) -> jax.Array:
    """diag(T, 0)."""
    missing = 0, size - T.shape[-1]
    return _padded(T, missing, missing)


def _padded(A: jax.Array, rows: tuple[int, int], columns: tuple[int, int]) -> jax.Array:
    """Zero rows before and after, and zero columns."""
    return jnp.pad(A, [(0, 0)] * (A.ndim - 2) + [rows, columns])


def _diagonal(values: jax.Array) -> jax.Array:
    return values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype)


def _positions(shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """The row and the column of each entry."""
    row, column = (
        jax.lax.broadcasted_iota("int32", shape[-2:], axis) for axis in (0, 1)
    )
    return row, column


def _adjoint(A: jax.Array) -> jax.Array:
    return A.mT.conj()
