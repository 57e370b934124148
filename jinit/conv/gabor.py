"""Gabor filters: waves in a window, as the first layer of a visual system has them."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._activations import gain as gain_of
from .._core import law, refuse_traced, scalar
from ..marginal import Marginal
from ..settings import Finite, Floating, Fraction, Gain, Positive
from .channels import require_spatial


def _require_waves(shape, wavelength, phase, aspect, bandwidth) -> None:
    """Refuses filters that would be flat, or too small or coarse to hold a wave."""
    refuse_traced("jinit.conv.gabor", wavelength, phase, aspect, bandwidth)
    require_spatial("jinit.conv.gabor", shape, axes=2)
    if min(shape[:2]) < 3:
        raise ValueError(
            "`jinit.conv.gabor` needs filters of 3 pixels or more each way. "
            f"Got {shape}."
        )
    longest = 2 * max(shape[:2])
    if not 2 < wavelength <= longest:
        raise ValueError(
            "`jinit.conv.gabor` needs `wavelength` above 2 pixels and up to "
            f"{longest}, twice the filter. Got {wavelength}."
        )


def _bank(shape, wavelength, phase, aspect, bandwidth) -> np.ndarray:
    """The filter of each unit, `(height, width, out)`, of mean 0 and norm 1."""
    height, width, _, n_out = shape
    y, x, unit = np.ogrid[:height, :width, :n_out]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    pair = 2 if phase is None else 1
    phase = np.pi / 2 * (unit % 2) if phase is None else phase
    theta = np.pi * (unit // pair) / -(-n_out // pair)
    along = x * np.cos(theta) + y * np.sin(theta)
    across = y * np.cos(theta) - x * np.sin(theta)
    octaves = math.tanh(bandwidth * math.log(2) / 2)  # (2ᵇ − 1) / (2ᵇ + 1)
    sharpness = octaves * math.pi / math.sqrt(math.log(2) / 2) / wavelength  # 1 / s
    window = np.exp(-(along**2 + (aspect * across) ** 2) * sharpness**2 / 2)
    w = window * np.cos(2 * np.pi * along / wavelength + phase)
    w = w - w.mean((0, 1))
    return w / np.sqrt((w**2).sum((0, 1)))


def _marginal(shape, gain, **waves) -> Marginal:
    _require_waves(shape, **waves)
    if 0 in shape:
        return marginal.values(0.0)
    bank = _bank(shape, **waves)
    return marginal.values(gain_of(gain) / math.sqrt(shape[-2]) * bank)


@law(marginal=_marginal)
def gabor(
    _: Any,
    shape: tuple[int, ...],
    /,
    wavelength: Positive = 4.0,
    phase: Finite | None = None,
    dtype: Floating = None,
    *,
    aspect: Fraction = 0.5,
    bandwidth: Positive = 1.0,
    gain: Gain = 1.0,
) -> jax.Array:
    """Gabor filters of all orientations: a wave within a Gaussian window.

        w(x, y) = exp(−(x′² + aspect² y′²) / 2s²) cos(2π x′ / wavelength + phase)

        x′ = x cos θ + y sin θ,   y′ = −x sin θ + y cos θ
        s / wavelength = √(ln 2 / 2) / π · (2ᵇ + 1) / (2ᵇ − 1),   b = bandwidth

    less its mean, so that it does not see brightness, and scaled to ∑w² = gain² over a
    unit's window and inputs, which all have the same filter. The orientations of the
    units are spread evenly over half a turn. By default units come in pairs of phase
    0 and π/2 (an edge's ridge and its slope).

    For the first layer of a network on images, trained or fixed.

    Args:
        wavelength: The period in pixels, above 2 and at most twice the filter's size.
        phase: Of the wave at the center, the same for all units: 0 is symmetric, π/2
            antisymmetric. By default both, in pairs.
        dtype: The dtype to draw when a call names none.
        aspect: The width of the window over its length: 0 for stripes without end.
        bandwidth: The width of the response in octaves, at half its height.
        gain: The norm of a unit's weights: a number, an activation's name or the
            activation.

    Returns:
        Weights of shape `(height, width, in, out)`.

    Raises:
        ValueError: For a shape that has not two spatial axes of 3 or more, or a
            wavelength that such filters can not hold.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.conv.gabor(None, (7, 7, 1, 16))
        >>> even = w[..., 0::2]
        >>> bool(jnp.allclose(even, even[::-1, ::-1], atol=1e-6))
        True

    References:
        Daugman. Uncertainty relation for resolution in space, spatial frequency, and
        orientation optimized by two-dimensional visual cortical filters. JOSA A 1985.
    """
    waves = wavelength, phase, aspect, bandwidth
    _require_waves(shape, *waves)
    bank = jnp.asarray(_bank(shape, *waves), dtype)
    w = scalar(gain_of(gain) / math.sqrt(shape[-2]), dtype) * bank
    return jnp.broadcast_to(w[..., None, :], shape)
