"""HiPPO systems in the basis in which they are diagonal, but for a low rank."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core import Count, public
from . import measures
from .hippo import needed_rank
from .measures import Measure, WAVES


LARGEST = 2048  # states, whose eigenvectors take a minute


class DPLR(NamedTuple):
    """A HiPPO system, diagonal plus low rank: of each conjugate pair one half.

        z′ = λ z − pᵀ (2 Re p̄ z) + b u,   z = V* x,   x = 2 Re V z

    Attributes:
        poles: λ of shape `(size / 2,)`, by falling frequency Im λ ≥ 0.
        correction: p of shape `(rank, size / 2)`.
        input: b of shape `(size / 2,)`, which is real and not negative.
        basis: V of shape `(size, size / 2)`, with V* V = I.
    """

    poles: jax.Array
    correction: jax.Array
    input: jax.Array
    basis: jax.Array


DPLR.__module__ = "jinit.ssm"  # where others find it


@public("jinit.ssm")
def dplr(measure: Measure = "legs", size: Count = 64) -> DPLR:
    """A HiPPO system in the eigenbasis of A + Pᵀ P: what S4 starts from.

    Give each part to the parameter that holds it, by `jinit.constant`. The phases of
    the basis, which an eigensolver leaves open, are those that make b real: poles,
    input and correction do not depend on the machine.

    Args:
        measure: That of `jinit.ssm.hippo`, but for "lmu".
        size: The number of real states N, even. Half as many complex ones are stored.

    Returns:
        A `DPLR(poles, correction, input, basis)`, of complex64, or complex128 in JAX's
        64-bit mode.

    Raises:
        ValueError: For "lmu", or for a `size` that is odd or above 2048.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> system = jinit.ssm.dplr("legs", 8)
        >>> bool(jnp.allclose(system.poles.real, -0.5, atol=1e-5))
        True
        >>> log_decay = jinit.constant(jnp.log(-system.poles.real))

    References:
        Gu, Goel, Ré. Efficiently modeling long sequences with structured state spaces.
        ICLR 2022. https://arxiv.org/abs/2111.00396
    """
    rank = needed_rank("jinit.ssm.dplr", measure)
    if size % 2 or size > LARGEST:
        raise ValueError(
            f"`jinit.ssm.dplr` needs an even `size` of at most {LARGEST}. Got {size}."
        )
    n = np.arange(size, dtype=np.float64)
    P = measures.correction(measure, *np.indices((max(rank, 1), size), np.float64))
    frequencies, V = _eigenbasis(measure, size)
    b = V.conj().T @ measures.vector(measure, n)
    V = V * np.exp(1j * np.angle(b))  # so that V* B is real
    poles = -measures.DECAYS[measure] + 1j * frequencies
    parts = poles, P @ V.conj(), np.abs(b) + 0j, V
    return DPLR(*map(jnp.asarray, parts))


def _eigenbasis(measure: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the frequencies of A + Pᵀ P, falling, and their vectors."""
    H = _hermitian(measure, size)
    if measure in WAVES:  # of each pair by itself, the pair of frequency 0 too
        pair = np.array([[1], [-1j]]) / np.sqrt(2)
        V = np.kron(np.eye(size // 2), pair)[:, ::-1]
        return np.einsum("ns,nk,ks->s", V.conj(), H, V).real, V
    frequencies, V = np.linalg.eigh(H)
    half = slice(None, size // 2 - 1, -1)
    return frequencies[half], V[:, half]


def _hermitian(measure: str, size: int) -> np.ndarray:
    """−i times the skew part of A + Pᵀ P, beside which it is a multiple of I."""
    A = measures.matrix(measure, *np.indices((size, size), np.float64))
    return -0.5j * (A - A.T)  # PᵀP is symmetric
