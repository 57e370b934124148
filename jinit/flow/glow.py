"""Invertible 1×1 convolutions that start as a rotation of the channels."""

from collections.abc import Sequence

import jax

from .. import marginal
from .._core import law
from .._schemes import orthogonal
from ..marginal import Marginal
from ..settings import Inexact


def require_square(where: str, shape: Sequence[int]) -> None:
    """Refuses a shape whose last two axes are no square matrix."""
    if len(shape) < 2 or shape[-2] != shape[-1]:
        raise ValueError(
            f"`{where}` needs as many outputs as inputs, `(*stacked, channels, "
            f"channels)`. Got {tuple(shape)}."
        )


def _marginal(shape: tuple[int, ...]) -> Marginal:
    require_square("jinit.flow.glow", shape)
    return marginal.coordinate(shape[-1], 1.0)


@law(marginal=_marginal)
def glow(key: jax.Array, shape: tuple[int, ...], /, dtype: Inexact = None) -> jax.Array:
    """A random rotation of the channels: the start of an invertible 1×1 convolution.

        Wᵀ W = I,   log |det W| = 0

    Takes the place of a fixed permutation between the coupling layers of a flow, whose
    likelihood counts log |det W| for every pixel. W is uniformly random (Haar). The
    authors' comes from a QR factorization whose signs are not random, and so is a
    little short of that.

    Args:
        dtype: The dtype to draw when a call names none. A complex one: unitary.

    Returns:
        Weights of shape `(*stacked, channels, channels)`: all axes but the last two are
        of independent matrices, so that `(1, 1, c, c)` is the kernel of a convolution.

    Raises:
        ValueError: If the last two axes differ.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.flow.glow(jax.random.key(0), (1, 1, 8, 8))
        >>> bool(jnp.abs(jnp.linalg.slogdet(w)[1]).max() < 1e-5)
        True

    References:
        Kingma, Dhariwal. Glow: generative flow with invertible 1×1 convolutions.
        NeurIPS 2018, section 3.2. https://arxiv.org/abs/1807.03039
    """
    require_square("jinit.flow.glow", shape)
    return orthogonal(batch_axis=range(len(shape) - 2))(key, shape, dtype)
