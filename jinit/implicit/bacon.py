"""Frequencies on a grid, for networks whose spectrum ends where one says."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law, refuse_traced, sampling, scalar
from ..marginal import Marginal
from ..settings import Count, Floating, Positive


_MOST = 2**22  # steps that a draw of 23 bits can tell apart


def _steps(where: str, frequency: float, layers: int, interval: float) -> int:
    """How many grid frequencies lie between 0 and the end of a layer's band."""
    refuse_traced(where, frequency, interval)
    band = math.pi * frequency / layers / interval
    steps = round(band) if band < _MOST else 0
    if not steps:
        raise ValueError(
            f"`{where}` needs a band π frequency / layers of 1 to 2^22 intervals. Got "
            f"{band:.3g} for {frequency=}, {layers=} and {interval=}."
        )
    return steps


def _marginal(shape, frequency: float, layers: int, interval: float) -> Marginal:
    steps = _steps("jinit.implicit.bacon", frequency, layers, interval)
    return marginal.values(interval * np.arange(-steps, steps + 1))


def _check(where: str, **settings: Any) -> None:
    _steps(where, **settings)


@law(marginal=_marginal, check=_check)
def bacon(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    frequency: Positive = 128.0,
    layers: Count = 4,
    interval: Positive = 2 * math.pi,
    dtype: Floating = None,
) -> jax.Array:
    """Frequencies of the sine layers of a band-limited coordinate network.

        w = interval · k,   k uniform on {−K, …, K},   K = round(π frequency / layers
                                                                 / interval)

    A multiplicative filter network multiplies what its sine layers sin(x W + φ) make of
    the coordinates, so that frequencies add up: drawn from a grid, `layers` of them
    leave a Fourier series that ends at layers · K · interval, which is what `frequency`
    samples per unit of length resolve, whatever is trained between. Frequencies stay as
    drawn.

    Phases φ are `jinit.symmetric_uniform(math.pi)`, the linear layers between the sines
    `jinit.he_uniform`, U(±√(6 / fan_in)).

    Args:
        frequency: Samples per unit of length; twice the highest frequency in cycles.
        layers: How many sine layers share the band.
        interval: The step of the grid in radians per unit of length. At 2π the network
            repeats itself after a unit of length; make it smaller for larger domains.
        dtype: The dtype to draw when a call names none.

    Returns:
        Frequencies of shape `(coordinates, units)`, or any other.

    Raises:
        ValueError: When a layer's band ends below the first step of the grid.

    Example:
        >>> import math
        >>> from jinit import implicit
        >>> init = implicit.bacon(128.0, layers=4)
        >>> init.support((2, 256))[1] / (2 * math.pi)  # 64 cycles among 4 layers
        16.0

    References:
        Lindell, Van Veen, Park, Wetzstein. BACON: band-limited coordinate networks for
        multiscale scene representation. CVPR 2022. https://arxiv.org/abs/2112.04645
        Fathony, Sahu, Willmott, Kolter. Multiplicative filter networks. ICLR 2021.
    """
    steps = _steps("jinit.implicit.bacon", frequency, layers, interval)
    place = jnp.floor((2 * steps + 1) * sampling.uniform(key, shape, dtype))
    return scalar(interval, dtype) * (jnp.minimum(place, 2 * steps) - steps)
