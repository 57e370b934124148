"""One filter for every channel: kernels that are diagonal in their channels."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from ..marginal import Marginal


def require_spatial(where: str, shape: tuple[int, ...], axes: int | None = None) -> int:
    """The number of taps of a filter; refuses a kernel without spatial axes."""
    if len(shape) < 3 or len(shape) - 2 != (axes or len(shape) - 2):
        form = "`(height, width, in, out)`" if axes == 2 else "`(*spatial, in, out)`"
        raise ValueError(f"`{where}` needs a convolution's shape, {form}. Got {shape}.")
    return math.prod(shape[:-2])


def require_groups(where: str, shape: tuple[int, ...], groups: int) -> None:
    """Refuses groups that do not divide the outputs."""
    require_spatial(where, shape)
    if shape[-1] % groups:
        raise ValueError(
            f"`{where}` needs `groups` to divide the output channels. "
            f"Got groups={groups} for {shape[-1]} channels of {shape}."
        )


def diagonal(taps: np.ndarray, shape, groups: int, dtype: np.dtype) -> jax.Array:
    """The kernel that filters each channel by `taps`, and does not mix channels."""
    *_, n_in, n_out = shape
    channels = jnp.tile(jnp.eye(n_in, n_out // groups, dtype=dtype), groups)
    return jnp.asarray(taps, dtype)[..., None, None] * jnp.broadcast_to(channels, shape)


def diagonal_marginal(taps: np.ndarray, shape, groups: int) -> Marginal:
    """An entry of `diagonal`, picked at random."""
    *_, n_in, n_out = shape
    kept, total = groups * min(n_in, n_out // groups), n_in * n_out
    common = math.gcd(kept, total) or 1
    return diluted(np.tile(taps, kept // common), (total - kept) // common * taps.size)


def diluted(weights: np.ndarray, zeros: int) -> Marginal:
    """An entry of an array, picked at random, with so many zeros beside it."""
    entries = np.concatenate([np.ravel(weights), np.zeros(zeros)])
    return marginal.values(entries if entries.size else 0.0)
