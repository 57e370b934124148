"""Kernels from state to state that keep the state, or nearly."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law, sampling, scalar
from ..marginal import Marginal
from ..settings import AnyDType, Finite, Inexact, NonNegative


def square(where: str, shape: tuple[int, ...]) -> int:
    """The number of states; refuses kernels that are not square."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(
            f"`{where}` needs a kernel from state to state, `(*batch, n, n)`. "
            f"Got {shape}."
        )
    return shape[-1]


def _diagonal(shape: tuple[int, ...], value: Any, dtype: np.dtype) -> jax.Array:
    row, column = (
        jax.lax.broadcasted_iota(np.int32, shape, len(shape) + axis)
        for axis in (-2, -1)
    )
    return jnp.where(row == column, scalar(value, dtype), dtype.type(0))


def _irnn_marginal(shape: tuple[int, ...], gain: float) -> Marginal:
    n = square("jinit.recurrent.irnn", shape)
    return marginal.two_points(gain, 1 / max(n, 1))


@law(marginal=_irnn_marginal)
def irnn(
    _: Any,
    shape: tuple[int, ...],
    /,
    gain: Finite = 1.0,
    dtype: AnyDType = None,
) -> jax.Array:
    """The identity from state to state, for recurrent networks of ReLUs: IRNN.

        W = gain · I

    With biases of 0 a state stays as it is until an input changes it, and so does its
    gradient. The other kernels start small: `jinit.normal(0.001)`. A gain of 0.01 is
    the authors' choice for speech, where the past matters less.

    Args:
        gain: The value on the diagonal.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: If the last two axes differ.

    Example:
        >>> import jax, jinit
        >>> h = jax.nn.relu(jax.random.normal(jax.random.key(0), (8,)))
        >>> bool((jax.nn.relu(h @ jinit.recurrent.irnn(None, (8, 8))) == h).all())
        True

    References:
        Le, Jaitly, Hinton. A simple way to initialize recurrent networks of rectified
        linear units. 2015. https://arxiv.org/abs/1504.00941
    """
    square("jinit.recurrent.irnn", shape)
    return _diagonal(shape, gain, dtype)


def _near_marginal(shape: tuple[int, ...], noise: float, gain: float) -> Marginal:
    n = max(square("jinit.recurrent.near_identity", shape), 1)
    share, std = 1 / n, noise / math.sqrt(n)
    spread = gain**2 * share * (1 - share)  # of whether a weight is on the diagonal
    fourth = spread * gain**2 * (1 - 3 * share * (1 - share))
    variance = spread + std**2
    if not variance:
        return marginal.values(gain * share)
    diagonal, others = marginal.normal(gain, std), marginal.normal(0.0, std)
    return Marginal(
        gain * share,
        math.sqrt(variance),
        (-math.inf, math.inf) if std else (min(gain, 0.0), max(gain, 0.0)),
        (fourth + 6 * spread * std**2 + 3 * std**4) / variance**2,
        lambda x: share * diagonal.cdf(x) + (1 - share) * others.cdf(x),
    )


@law(marginal=_near_marginal)
def near_identity(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    noise: NonNegative = 0.01,
    gain: Finite = 1.0,
    dtype: Inexact = None,
) -> jax.Array:
    """The identity from state to state, and a little noise that tells units apart.

        W = gain · I + (noise / √n) G,   G of independent N(0, 1)

    The eigenvalues lie in a disk of the radius `noise` around `gain`, and the noise of
    a state is `noise` times its size, whatever n is.

    Args:
        noise: The radius of the disk.
        gain: Its center.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: If the last two axes differ, or for a negative `noise`.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.recurrent.near_identity(0.1)(jax.random.key(0), (200, 200))
        >>> radius = jnp.abs(jnp.linalg.eigvals(w) - 1).max()
        >>> bool(0.09 < radius < 0.12)
        True

    References:
        Girko. Circular law. Theory of Probability and its Applications 1985.
    """
    n = square("jinit.recurrent.near_identity", shape)
    std = scalar(noise, dtype) / dtype.type(math.sqrt(n))
    return _diagonal(shape, gain, dtype) + sampling.normal(key, shape, dtype, std)
