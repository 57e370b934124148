"""Kernels whose filters are the cosines that JPEG knows: an orthonormal basis."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._activations import gain as gain_of
from .._core import law, scalar
from ..marginal import Marginal
from ..settings import Gain, Inexact
from .channels import diluted, require_spatial


def _filters(spatial: tuple[int, ...], count: int) -> np.ndarray:
    """`(taps, count)`: cosines of the lowest frequencies, the lowest first."""
    place = np.indices(spatial).reshape(len(spatial), -1)
    wave = place[:, np.lexsort((*place[::-1], place.sum(0)))[:count]]
    size = np.array(spatial)[:, None, None]
    place, wave = place[:, :, None], wave[:, None, :]
    norm = np.sqrt((2 - (wave == 0)) / size)
    return (norm * np.cos(np.pi * (place + 0.5) * wave / size)).prod(0)


def _of_outputs(where: str, shape: tuple[int, ...]) -> np.ndarray:
    """The filter of each output, `(taps, out)`, not scaled."""
    taps = require_spatial(where, shape)
    *spatial, n_in, n_out = shape
    number = np.arange(n_out) // n_in % taps
    return _filters(tuple(spatial), number.max() + 1)[:, number]


def _marginal(shape, gain) -> Marginal:
    if 0 in shape:
        return diluted(np.zeros(1), 0)
    filters = gain_of(gain) * _of_outputs("jinit.conv.dct", shape)
    return diluted(filters, filters.size * (shape[-2] - 1))


@law(marginal=_marginal)
def dct(
    _: Any,
    shape: tuple[int, ...],
    /,
    gain: Gain = 1.0,
    dtype: Inexact = None,
) -> jax.Array:
    """Filters that are cosines, from the mean of the window to its finest checkers.

        W[p, i, o] = gain · ∏ₐ cosine(pₐ, kₐ)   where o mod in = i, else 0

        cosine(p, k) = √((2 − [k = 0]) / n) cos(π (p + ½) k / n)

    Each output filters one input channel. Outputs take the inputs in turn, at the
    frequency k = 0 first, then at ever higher ∑ₐ kₐ; after the last they begin again.
    The first n_taps · in outputs are orthonormal, Wᵀ W = gain² I: white noise comes
    out white, and the gradient keeps its norm up to there.

    A fixed or trained first layer on images, and depthwise kernels, where each channel
    has its own frequency.

    Args:
        gain: The norm of each filter: a number, an activation's name or the activation.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*spatial, in, out)`.

    Raises:
        ValueError: For a shape without spatial axes.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.conv.dct(None, (3, 3, 1, 9)).reshape(9, 9)
        >>> bool(jnp.allclose(w.T @ w, jnp.eye(9), atol=1e-6))
        True

    References:
        Ahmed, Natarajan, Rao. Discrete cosine transform. IEEE Transactions on Computers
        1974.
        Ulicny, Krylov, Dahyot. Harmonic convolutional networks based on discrete cosine
        transform. Pattern Recognition 2022. https://arxiv.org/abs/2001.06570
    """
    filters = jnp.asarray(_of_outputs("jinit.conv.dct", shape), dtype)
    *_, n_in, n_out = shape
    reads = jnp.arange(n_in)[:, None] == (jnp.arange(n_out) % n_in)[None]
    w = scalar(gain_of(gain), dtype) * filters[:, None] * reads[None].astype(dtype)
    return w.reshape(shape)
