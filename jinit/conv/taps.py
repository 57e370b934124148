"""Filters of a few equal taps at random places: random shifts of the image."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import marginal
from .._activations import gain as gain_of
from .._core import law, sampling, scalar
from ..marginal import Marginal
from ..settings import Count, Floating, Gain
from .channels import require_spatial


# The root of the energy ∑w² of a unit under U(−1/√fan_in, 1/√fan_in).
_GAIN = 3**-0.5
_WORD = np.dtype("uint32")


def _tap(shape: tuple[int, ...], gain: Any, count: int) -> Any:
    """The weight of each of `count` taps in every filter of a unit."""
    return gain_of(gain) / math.sqrt(max(count * shape[-2], 1))


def _impulse_marginal(shape, gain) -> Marginal:
    taps = require_spatial("jinit.conv.impulse", shape)
    return marginal.two_points(_tap(shape, gain, 1), 1 / max(taps, 1))


@law(marginal=_impulse_marginal)
def impulse(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Gain = _GAIN,
    dtype: Floating = None,
) -> jax.Array:
    """Filters of a single tap at a random place: each shifts its input by some pixels.

        W[p, i, o] = gain / √in   at one random place p of each filter (i, o), else 0

    For the depthwise kernels of ConvMixer and its kin. Mixing channels after such
    shifts makes any filter, so that depthwise kernels which are never trained do nearly
    as well as trained ones; as a start they train faster than noise.

    Args:
        gain: The root of ∑w² in a unit, as a number or an activation. By default
            √(1/3), that of U(−1/√fan_in, 1/√fan_in).
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*spatial, in, out)`; in a depthwise kernel `in` is 1.

    Raises:
        ValueError: For a shape without spatial axes.

    Example:
        >>> import jax, jinit
        >>> w = jinit.conv.impulse(jax.random.key(0), (5, 5, 1, 64))
        >>> set((w != 0).sum((0, 1)).ravel().tolist())
        {1}

    References:
        Zheng, Li, Lucey. Convolutional initialization for data-efficient vision
        transformers. 2024. https://arxiv.org/abs/2401.12511
    """
    taps = require_spatial("jinit.conv.impulse", shape)
    *_, n_in, n_out = shape
    place = sampling.bits(key, (n_in, n_out), _WORD) % _WORD.type(taps)
    here = lax.broadcasted_iota(_WORD, (taps, n_in, n_out), 0) == place[None]
    tap = scalar(_tap(shape, gain, 1), dtype)
    return jnp.where(here, tap, 0).reshape(shape)


def _box_marginal(shape, taps: int, gain) -> Marginal:
    places = require_spatial("jinit.conv.box", shape)
    taps = min(taps, places)
    return marginal.two_points(_tap(shape, gain, taps), taps / max(places, 1))


@law(marginal=_box_marginal)
def box(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    taps: Count = 3,
    gain: Gain = _GAIN,
    dtype: Floating = None,
) -> jax.Array:
    """Filters of a few equal taps at random places, `jinit.conv.impulse` for one.

        W[p, i, o] = gain / √(k in)   at k random places p of each filter (i, o), else 0

    The energy ∑w² of a unit is gain² for every number of taps.

    Args:
        taps: k, how many of each filter's weights are not zero; at most all.
        gain: The root of ∑w² in a unit, as a number or an activation. By default
            √(1/3), that of U(−1/√fan_in, 1/√fan_in).
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*spatial, in, out)`.

    Raises:
        ValueError: For a shape without spatial axes.

    Example:
        >>> import jax, jinit
        >>> w = jinit.conv.box(taps=4)(jax.random.key(0), (5, 5, 1, 64))
        >>> set((w != 0).sum((0, 1)).ravel().tolist())
        {4}

    References:
        Zheng, Li, Lucey. Convolutional initialization for data-efficient vision
        transformers. 2024. https://arxiv.org/abs/2401.12511
    """
    places = require_spatial("jinit.conv.box", shape)
    taps = min(taps, places)
    chosen = sampling.chosen(key, (places, *shape[-2:]), taps)
    tap = scalar(_tap(shape, gain, taps), dtype)
    return jnp.where(chosen, tap, 0).reshape(shape)
