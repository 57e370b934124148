"""Layers whose output starts at zero, with a scale that grows fast."""

from typing import Any

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import law
from ..settings import AnyDType


@law(marginal=lambda shape: marginal.values(0.0))
def zero_conv(_: Any, shape: tuple[int, ...], /, dtype: AnyDType = None) -> jax.Array:
    """Zeros, for all three parameters of a zero convolution.

        y = (x ∗ W + b) exp(3 s),   W = 0,  b = 0,  s = 0

    The last layer of the network inside a coupling: what it computes starts as 0, so
    that the coupling, and with it the whole flow, starts as the identity. s has an
    entry for each output. Only W and b have a gradient in the first step; s then scales
    them up, three times as fast for its factor of 3.

    Returns:
        Weights of any shape.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> parts = jinit.flow.zero_conv
        >>> w, b, s = parts(None, (4, 2)), parts(None, (2,)), parts(None, (2,))
        >>> layer = lambda w, b, s, x: (x @ w + b) * jnp.exp(3 * s)
        >>> float(jnp.abs(layer(w, b, s, jnp.ones((3, 4)))).max())
        0.0

    References:
        Kingma, Dhariwal. Glow: generative flow with invertible 1×1 convolutions.
        NeurIPS 2018, section 3.3. https://arxiv.org/abs/1807.03039
    """
    return jnp.zeros(shape, dtype)
