"""Reservoirs drawn at random and scaled to their spectral radius."""

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import law, sampling, scalar
from ..marginal import Marginal
from ..settings import Count, Floating, Fraction, Inexact, NonNegative, Positive
from .radius import require_square, to_radius


def _one_amount(where: str, radius, density, connections) -> None:
    if density is not None and connections is not None:
        raise TypeError(
            f"`{where}` needs either `density` or `connections`. "
            f"Got density={density!r} and connections={connections!r}."
        )
    if density == 0:
        raise ValueError(f"`{where}` needs `density` above 0. Got {density}.")


def _ranks(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """A random order of the inputs of every unit."""
    words = sampling.bits(key, shape, jnp.dtype("uint32"))
    return jnp.argsort(jnp.argsort(words, axis=-2), axis=-2)


@law(check=_one_amount)
def random_sparse(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    radius: Positive = 0.9,
    density: Fraction | None = None,
    dtype: Inexact = None,
    *,
    connections: Count | None = None,
) -> jax.Array:
    """Sparse normal weights, scaled so that the largest eigenvalue is the radius.

        W = radius · A / max|λ(A)|,    a ~ N(0, 1) where connected, else 0

    The reservoir of the first echo state networks. Below a radius of 1 the state mostly
    forgets its start; the closer to 1, the longer it remembers. The eigenvalues of
    every draw are computed, so that the radius is exact and not that of large matrices
    on average.

    Args:
        radius: The largest |λ|.
        density: The chance of a connection, by default 0.1. (Some libraries call this,
            and some its complement, the sparsity.)
        dtype: The dtype to draw when a call names none.
        connections: In place of `density`, how many inputs every unit has, exactly.

    Returns:
        Weights of shape `(*batch, n, n)`. A draw whose eigenvalues are all 0, as of few
        connections without a cycle, is not scaled.

    Raises:
        TypeError: If both `density` and `connections` are given.
        ValueError: For a kernel that is not square.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> init = jinit.reservoir.random_sparse(0.9, connections=10)
        >>> w = init(jax.random.key(0), (100, 100))
        >>> round(float(abs(jnp.linalg.eigvals(w)).max()), 4)
        0.9

    References:
        Jaeger. The "echo state" approach to analysing and training recurrent neural
        networks. GMD report 148, 2001.
    """
    n = require_square("jinit.reservoir.random_sparse", shape)
    key_values, key_places = jax.random.split(key)
    if connections is not None:
        connected = _ranks(key_places, shape) < min(connections, n)
    else:
        chance = 0.1 if density is None else density
        real = sampling.real(dtype)
        connected = sampling.uniform(key_places, shape, real) < scalar(chance, real)
    w = sampling.normal(key_values, shape, dtype)
    return to_radius(jnp.where(connected, w, 0), radius)


@law
def wigner(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    radius: Positive = 0.9,
    dtype: Inexact = None,
) -> jax.Array:
    """Symmetric normal weights, scaled so that the largest eigenvalue is the radius.

        W = radius · S / max|λ(S)|,    S = A + Aᴴ,    a ~ N(0, 1)

    All eigenvalues are real and fill [−radius, radius] as a semicircle: the state
    relaxes and does not turn. A complex kernel is Hermitian.

    Args:
        radius: The largest |λ|, which is also the norm ‖W‖.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square.

    Example:
        >>> import jax, jinit
        >>> w = jinit.reservoir.wigner(jax.random.key(0), (64, 64))
        >>> bool((w == w.T).all())
        True

    References:
        Wigner. On the distribution of the roots of certain symmetric matrices. Annals
        of Mathematics 1958.
    """
    require_square("jinit.reservoir.wigner", shape)
    a = sampling.normal(key, shape, dtype)
    return to_radius(a + jnp.conj(jnp.swapaxes(a, -1, -2)), radius, symmetric=True)


def _permutation_marginal(shape: tuple[int, ...], radius: float) -> Marginal:
    n = require_square("jinit.reservoir.permutation", shape)
    return marginal.two_points(radius, 1 / max(n, 1))


@law(marginal=_permutation_marginal)
def permutation(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    radius: NonNegative = 0.9,
    dtype: Floating = None,
) -> jax.Array:
    """A random permutation of the units, times the radius.

        W[i, π(i)] = radius,    π uniformly random,    else 0

    Every eigenvalue has modulus radius, and so has every singular value: the state
    turns in cycles of many lengths and loses the same share at every step.

    Args:
        radius: The only weight that is not 0.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.reservoir.permutation(0.5)(jax.random.key(0), (16, 16))
        >>> bool((w @ w.T == 0.25 * jnp.eye(16)).all())
        True

    References:
        Boedecker, Obst, Mayer, Asada. Studies on reservoir initialization and dynamics
        shaping in echo state networks. ESANN 2009.
    """
    require_square("jinit.reservoir.permutation", shape)
    words = sampling.bits(key, shape[:-1], jnp.dtype("uint32"))
    to = jnp.argsort(words, axis=-1)[..., None]
    place = jax.lax.broadcasted_iota(to.dtype, shape, len(shape) - 1)
    return jnp.where(place == to, scalar(radius, dtype), jnp.zeros((), dtype))


@law
def dale(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    radius: Positive = 0.9,
    density: Fraction = 0.1,
    dtype: Floating = None,
    *,
    excitatory: Fraction = 0.8,
    ratio: Positive = 1.0,
) -> jax.Array:
    """Sparse weights by Dale's law: what a unit sends has one sign.

        W = radius · A / max|λ(A)|,    A[i, :] = |a| ≥ 0        first units: excitatory
                                       A[i, :] = −ratio |a|     the others: inhibitory

    With `ratio` = excitatory / (1 − excitatory) the two balance in what a unit sums.

    Args:
        radius: The largest |λ|.
        density: The chance of a connection.
        dtype: The dtype to draw when a call names none.
        excitatory: The share of units that excite, rounded to whole units.
        ratio: How much larger the weights of the others are.

    Returns:
        Weights of shape `(*batch, n, n)`, in which row i is what unit i sends.

    Raises:
        ValueError: For a kernel that is not square.

    Example:
        >>> import jax, jinit
        >>> w = jinit.reservoir.dale(jax.random.key(0), (50, 50))
        >>> bool((w[:40] >= 0).all()), bool((w[40:] <= 0).all())
        (True, True)

    References:
        Rajan, Abbott. Eigenvalue spectra of random matrices for neural networks.
        Physical Review Letters 2006.
    """
    n = require_square("jinit.reservoir.dale", shape)
    key_values, key_places = jax.random.split(key)
    excites = jnp.arange(n)[:, None] < round(excitatory * n)
    size = jnp.abs(sampling.normal(key_values, shape, dtype))
    signed = jnp.where(excites, size, -scalar(ratio, dtype) * size)
    connected = sampling.uniform(key_places, shape, dtype) < scalar(density, dtype)
    return to_radius(jnp.where(connected, signed, 0), radius)
