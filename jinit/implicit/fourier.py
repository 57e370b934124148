"""Frequencies of fixed random features of coordinates."""

import jax

from .. import marginal
from .._core import law, sampling
from ..settings import Floating, NonNegative


@law(marginal=lambda shape, scale: marginal.normal(0.0, scale))
def fourier_features(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: NonNegative = 10.0,
    dtype: Floating = None,
) -> jax.Array:
    """Normal frequencies B of the features [cos(2π x B), sin(2π x B)] of coordinates x.

        B ~ N(0, scale²),   in cycles per unit of length

    They are drawn once and not trained. The mean product of the features of two places
    depends on their distance alone, exp(−2π² scale² |x − y|²): `scale` is how fine the
    details are that the network learns first. Too small a scale blurs, too large a one
    gives noise between the samples. For features without the 2π, as in jaxpi, give
    2π times the scale.

    Args:
        scale: The standard deviation of a frequency; the authors' 10 is for pictures on
            the unit square.
        dtype: The dtype to draw when a call names none.

    Returns:
        Frequencies of shape `(coordinates, features)`, or any other.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit import implicit
        >>> B = implicit.fourier_features(1.0)(jax.random.key(0), (2, 100_000))
        >>> shift = jnp.array([0.1, 0.05])  # x − y
        >>> kernel = jnp.cos(2 * jnp.pi * shift @ B).mean()
        >>> bool(abs(kernel - jnp.exp(-2 * jnp.pi**2 * shift @ shift)) < 0.01)
        True

    References:
        Tancik, Srinivasan, Mildenhall, Fridovich-Keil, Raghavan, Singhal, Ramamoorthi,
        Barron, Ng. Fourier features let networks learn high frequency functions in low
        dimensional domains. NeurIPS 2020. https://arxiv.org/abs/2006.10739
    """
    return sampling.normal(key, shape, dtype, scale)
