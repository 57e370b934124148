"""Haar matrices from sampled Householder vectors, formed by matrix products alone.

The LQ factorization of a Gaussian matrix turns its first row x into a reflection H that
takes x to −s e₁, and leaves a smaller Gaussian matrix, independent of x. So there is
nothing to factor: draw the vectors x, each one entry shorter than the last, and
multiply the reflections out. The signs (phases, if complex) that make the diagonal of L
positive make Q Haar.

    r = x + s e₁,   s = sign(x₁) ‖x‖,   H = I − 2 rᴴ r / r rᴴ
    Q = diag(−sign(x₁)) Hₙ ⋯ H₂ H₁

A panel of b reflections, with the r in the rows of R, is one block:

    H_b ⋯ H₁ = I − Rᴴ T R,   T⁻¹ = tril(R Rᴴ, −1) + ½ diag(R Rᴴ)

Vectors are rows because a product with Rᴴ on the right reads both factors along their
rows; with Vᴴ on the left it would take a CPU twice as long.

References:
    Stewart. The efficient generation of random orthogonal matrices with an application
    to condition estimators. SIAM Journal on Numerical Analysis 17, 1980, section 3.
    Schreiber, Van Loan. A storage-efficient WY representation for products of
    Householder transformations. SIAM J. Sci. Stat. Comput. 10, 1989.
    Puglisi. Modification of the Householder method based on the compact WY
    representation. SIAM J. Sci. Stat. Comput. 13, 1992.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ..._core import sampling, traced_once
from .fold import Fold


# The least and the most reflections in a panel, unless there would be too many panels.
_NARROW, _WIDE, _PANELS = 16, 256, 16

# The largest T that is inverted row by row.
_LEAF = 16

# How many entries a CPU forms at once: they should stay in its cache.
_CHUNK = 2**15


@traced_once
def householder(
    key: jax.Array,
    batch: tuple[int, ...],
    rows: int,
    columns: int,
    dtype: np.dtype,
    special: bool = False,
) -> jax.Array:
    """Independent Haar matrices of shape `(rows, columns)`, `rows <= columns`.

    If `special`, the matrices are square and of determinant 1: a reflection has
    determinant −1, so that this is a condition on the signs alone.

    One device grows Q from its last corner, which costs least: 4/3 n³ operations for a
    square matrix. Several devices apply every panel to all of Q, so that no step moves
    the borders between shards. The two agree within rounding.
    """
    count = math.prod(batch)
    fold = Fold.of(rows, columns)

    def draw(index: jax.Array) -> jax.Array:
        # From a counter: XLA fails to compile a slice of many keys in a loop.
        strip_key = jax.random.fold_in(key, index)
        return sampling.normal(strip_key, (fold.strip, fold.width), dtype)

    form = _grow if jax.device_count() == 1 else _sweep
    # A GPU or TPU would round the factors of a float32 product.
    with jax.default_matmul_precision("highest"):
        Q, phase = form(draw, fold, count)
    if special:
        rest = jnp.prod(phase, -1, keepdims=True).conj()
        phase = jnp.where(jnp.arange(rows) == 0, phase * rest, phase)
    return (-phase[..., None] * Q).reshape(*batch, rows, columns)


def _grow(draw: Callable, fold: Fold, count: int) -> tuple[jax.Array, jax.Array]:
    """From the last panel to the first, Q ← diag(I, Q) (I − Rᴴ T R)."""
    chunk = count
    if jax.default_backend() == "cpu":
        chunk = min(count, -(-_CHUNK // math.prod(fold.shape)))
    chunks = -(-count // chunk)
    index = _counted(chunks * chunk * fold.pairs).reshape(chunks, chunk, fold.pairs)
    draws = _mapped(draw, index)
    if chunk == 1:  # a product of many matrices, even of one, takes XLA longer
        draws = draws[:, 0]

    def form(draws: jax.Array) -> tuple[jax.Array, jax.Array]:
        draws = draws.reshape(*draws.shape[:-3], fold.rows // 2, fold.width)
        X = jnp.concatenate(fold.open(draws), -2)
        return _product(X[..., : fold.shape[0], :])

    Q, phase = jax.lax.map(form, draws)
    rows, columns = fold.shape
    return Q.reshape(-1, rows, columns)[:count], phase.reshape(-1, rows)[:count]


def _mapped(draw: Callable, index: jax.Array) -> jax.Array:
    for _ in index.shape:
        draw = jax.vmap(draw)
    return draw(index)


def _product(X: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The product of all reflections of the vectors in X, and the phases."""
    *batch, rows, columns = X.shape
    width = _panel(rows)
    X = _padded(X, (0, -rows % width), (0, 0))
    R, half, phase = _reflections(X, 0, rows)
    panels = [R[..., i : i + width, i:] for i in range(0, rows, width)]
    half = jnp.moveaxis(half.reshape(*batch, -1, width), -2, 0)
    T = inverse(jnp.stack([r @ _adjoint(r) for r in panels]), half)
    Q = jnp.zeros((*batch, 0, columns - rows), X.dtype)
    for r, t in reversed([*zip(panels, T, strict=True)]):
        corner = r.shape[-1] - Q.shape[-1]
        r_corner, r_rest = r[..., :corner], r[..., corner:]
        QR = jnp.concatenate([_adjoint(r_corner), Q @ _adjoint(r_rest)], -2)
        Q = _bordered(Q, corner) - (QR @ t) @ r
    return Q, phase[..., :rows]


def _panel(rows: int) -> int:
    """The reflections in a panel: a quarter of them all, unless too few or too many."""
    width = max(_NARROW, min(_WIDE, rows // 4), rows // _PANELS)
    return min(rows, _NARROW * -(-width // _NARROW))


def _sweep(draw: Callable, fold: Fold, count: int) -> tuple[jax.Array, jax.Array]:
    """From the last panel to the first, Q ← Q (I − Rᴴ T R), all of Q each time."""
    rows, columns = fold.shape
    # Each device holds whole panels, which should be less than its share of Q.
    strips = max(1, rows // (2 * fold.strip * jax.device_count()))

    def strip(matrix: jax.Array, i: jax.Array) -> jax.Array:
        last = 2 * fold.pairs - 1 - i
        front, back = fold.open(draw(fold.pairs * matrix + jnp.minimum(i, last)))
        return jnp.where(i < last, front, back)

    def step(Q: jax.Array, first: jax.Array) -> tuple[jax.Array, jax.Array]:
        index = _counted(count)[:, None], first + _counted(strips)
        X = jax.vmap(jax.vmap(strip))(*jnp.broadcast_arrays(*index))
        X = X.reshape(count, -1, columns)
        R, half, phase = _reflections(X, fold.strip * first, rows)
        T = inverse(R @ _adjoint(R), half)
        return Q - ((Q @ _adjoint(R)) @ T) @ R, phase

    # Under `jax.shard_map` a carry has to vary over the devices as the draws do.
    zero = jnp.zeros_like(draw(jnp.int32(0))[0, 0])
    I = jnp.eye(rows, columns, dtype=zero.dtype) + zero
    I = jnp.broadcast_to(I, (count, rows, columns))
    firsts = strips * _counted(-(-2 * fold.pairs // strips))
    Q, phase = jax.lax.scan(step, I, firsts, reverse=True)
    return Q, phase.swapaxes(0, 1).reshape(count, -1)[:, :rows]


def _reflections(
    X: jax.Array, start, rows: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """R, the ½ r rᴴ and the phases of the x₁ for vectors `start` and on of `rows`.

    Each vector begins one column farther, the first at column `start`.
    """
    row, column = _positions(X.shape)
    row = row + start
    X = jnp.where((column >= row) & (row < rows), X, 0)
    first = jnp.sum(jnp.where(column == row, X, 0), -1)
    norm = jnp.linalg.norm(X, axis=-1)
    phase = _phase(first)
    R = jnp.where(column == row, X + (phase * norm.astype(X.dtype))[..., None], X)
    # To more digits than the product would have; 1 where there is no vector.
    half = norm * (norm + jnp.abs(first))
    return R, jnp.where(half == 0, 1, half).astype(X.dtype), phase


def _phase(x: jax.Array) -> jax.Array:
    """The sign of x, of modulus 1 even where x is 0."""
    return jnp.where(x == 0, 1, jnp.sign(x))


def inverse(gram: jax.Array, half: jax.Array) -> jax.Array:
    """T, from all of R Rᴴ and its ½ diagonal: (D + N)⁻¹ = (I + D⁻¹ N)⁻¹ D⁻¹."""
    return _unit_inverse(jnp.tril(gram, -1) / half[..., None]) / half[..., None, :]


def _unit_inverse(N: jax.Array) -> jax.Array:
    """(I + N)⁻¹ for strictly lower triangular N, by recursion on halves.

    [A   ]⁻¹   [    A⁻¹         ]
    [C  D]   = [−D⁻¹ C A⁻¹   D⁻¹]

    The smallest by forward substitution, row after row: Tᵢ = eᵢ − Nᵢ T.
    """
    size = N.shape[-1]
    if size <= _LEAF or size % 2:
        I = jnp.broadcast_to(jnp.eye(size, dtype=N.dtype), N.shape)
        I = I + jnp.zeros_like(N)  # a carry, which has to vary as N does

        def row(i: jax.Array, T: jax.Array) -> jax.Array:
            t, n = (jax.lax.dynamic_slice_in_dim(A, i, 1, -2) for A in (I, N))
            return jax.lax.dynamic_update_slice_in_dim(T, t - n @ T, i, -2)

        return jax.lax.fori_loop(1, size, row, I)
    half = size // 2
    halves = jnp.stack([N[..., :half, :half], N[..., half:, half:]])
    A, D = _unit_inverse(halves)
    C = -(D @ N[..., half:, :half]) @ A
    # A sum of padded blocks is a single pass, which compiles faster than joining them.
    before, after = (half, 0), (0, half)
    upper = _padded(A, after, after)
    return upper + _padded(C, before, after) + _padded(D, before, before)


def _bordered(Q: jax.Array, before: int) -> jax.Array:
    """diag(I, Q)."""
    Q = _padded(Q, (before, 0), (before, 0))
    row, column = _positions(Q.shape)
    return jnp.where((row == column) & (row < before), 1, Q)


def _padded(A: jax.Array, rows: tuple[int, int], columns: tuple[int, int]) -> jax.Array:
    """Zero rows before and after, and zero columns."""
    return jnp.pad(A, [(0, 0)] * (A.ndim - 2) + [rows, columns])


def _counted(count: int) -> jax.Array:
    """0, 1, …, as the 32-bit integers that positions are, also under x64."""
    return jnp.arange(count, dtype="int32")


def _positions(shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """The row and the column of each entry."""
    row, column = (
        jax.lax.broadcasted_iota("int32", shape[-2:], axis) for axis in (0, 1)
    )
    return row, column


def _adjoint(A: jax.Array) -> jax.Array:
    return A.mT.conj()
