"""Unitary recurrences of few parameters, as products of simple unitary factors."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core import Count, Key, law, public, sampling
from ..settings import Inexact
from .kernels import square


class UnitaryFactors(NamedTuple):
    """The factors of a unitary recurrence: what such a network stores and learns.

    Attributes:
        phases: Of the three diagonals, of shape `(3, n)`.
        reflections: Two complex vectors, of shape `(2, n)`.
        permutation: Where each entry comes from, of shape `(n,)`; it is not learned.
    """

    phases: jax.Array
    reflections: jax.Array
    permutation: jax.Array

    def apply(self, h: jax.Array) -> jax.Array:
        """What follows states of shape `(..., n)`: D₃ R₂ F⁻¹ D₂ Π R₁ F D₁ h."""
        first, second, third = jax.lax.complex(
            jnp.cos(self.phases), jnp.sin(self.phases)
        )
        h = jnp.fft.fft(_scaled(h, first), norm="ortho")
        h = _reflected(h, self.reflections[0])[..., self.permutation]
        h = jnp.fft.ifft(_scaled(h, second), norm="ortho")
        return _scaled(_reflected(h, self.reflections[1]), third)


UnitaryFactors.__module__ = "jinit.recurrent"  # where others find it


def _scaled(h: jax.Array, diagonal: jax.Array) -> jax.Array:
    return h * jnp.broadcast_to(diagonal, h.shape)


def _reflected(h: jax.Array, v: jax.Array) -> jax.Array:
    """The mirror image h − 2 v (v* h) / |v|²."""
    v = v / jnp.linalg.norm(v).astype(v.dtype)
    return h - 2 * jnp.tensordot(h @ v.conj(), v, axes=0)


def _factors(key: jax.Array, n: int, dtype: np.dtype) -> UnitaryFactors:
    """Factors whose phases and vectors have parts of this real dtype."""
    phases, real, imaginary, order = jax.random.split(key, 4)
    draw = lambda key, *shape: sampling.symmetric_uniform(key, shape, dtype)
    return UnitaryFactors(
        dtype.type(math.pi) * draw(phases, 3, n),
        jax.lax.complex(draw(real, 2, n), draw(imaginary, 2, n)),
        jax.random.permutation(order, n),
    )


@public("jinit.recurrent")
def unitary_factors(key: Key, size: Count) -> UnitaryFactors:
    """The factors of a random unitary recurrence, in 7 numbers for each state: uRNN.

        W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁

    D are diagonals of phases U(−π, π), R reflections at complex vectors whose parts are
    U(−1, 1), F the unitary Fourier transform, Π a permutation. A step costs n log n,
    and no state grows or fades whatever the factors are learned to be. Where the whole
    matrix is a parameter, draw it by `jinit.recurrent.unitary`.

    Args:
        key: The key.
        size: The number of complex states n.

    Returns:
        A `UnitaryFactors(phases, reflections, permutation)`, whose `apply` maps states
        of shape `(..., n)` to the next ones.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> factors = jinit.recurrent.unitary_factors(jax.random.key(0), 16)
        >>> h = jnp.ones(16, jnp.complex64)
        >>> bool(jnp.isclose(jnp.linalg.norm(factors.apply(h)), 4.0))
        True

    References:
        Arjovsky, Shah, Bengio. Unitary evolution recurrent neural networks. ICML 2016.
        https://arxiv.org/abs/1511.06464
    """
    return _factors(key, size, jnp.zeros(()).dtype)


@law
def unitary(
    key: jax.Array, shape: tuple[int, ...], /, *, dtype: Inexact = None
) -> jax.Array:
    """A random unitary kernel, the product of the factors of a uRNN.

        Wᴴ W = I,   h @ W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁ h

    with the factors of `jinit.recurrent.unitary_factors`. `jinit.orthogonal` in a
    complex dtype is uniform over all unitary matrices; this one is what uRNNs start
    from. In a real dtype the kernel acts on real parts followed by imaginary ones, and
    is orthogonal.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`; in a real dtype n is twice the number of
        complex states.

    Raises:
        ValueError: If the last two axes differ, or n is odd in a real dtype.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.recurrent.unitary(jax.random.key(0), (8, 8), jnp.complex64)
        >>> bool(jnp.allclose(w.conj().T @ w, jnp.eye(8), atol=1e-5))
        True

    References:
        Arjovsky, Shah, Bengio. Unitary evolution recurrent neural networks. ICML 2016.
        https://arxiv.org/abs/1511.06464
    """
    n = square("jinit.recurrent.unitary", shape)
    is_real = not sampling.is_complex(dtype)
    if is_real and n % 2:
        raise ValueError(
            "`jinit.recurrent.unitary` needs an even number of real states, real parts "
            f"and imaginary ones. Got {n}, of {shape}."
        )
    many = math.prod(shape[:-2])
    size, part = (n // 2, dtype) if is_real else (n, sampling.real(dtype))
    states = jnp.eye(size, dtype=np.result_type(part, np.complex64))
    W = jax.vmap(lambda key: _factors(key, size, part).apply(states))(
        jax.random.split(key, many)
    )
    if is_real:
        real, imaginary = W.real, W.imag
        W = jnp.block([[real, imaginary], [-imaginary, real]])
    return W.reshape(shape)
