"""Kernels before a sub-pixel upsampling, which start as a nearest-neighbor one."""

from typing import Literal

import jax
import jax.numpy as jnp

from .._core import Base, Fans, Initializer, law
from .._schemes import lecun_normal
from ..marginal import Marginal
from ..settings import AnyDType, Count


Order = Literal["depth_to_space", "pixel_shuffle"]


def _small(shape: tuple[int, ...], factor: int) -> tuple[int, ...]:
    """The shape of the kernel that is copied."""
    if len(shape) < 3:
        raise ValueError(
            "`jinit.conv.icnr` needs a convolution's shape, `(*spatial, in, out)`. "
            f"Got {shape}."
        )
    copies = factor ** (len(shape) - 2)
    if shape[-1] % copies:
        raise ValueError(
            "`jinit.conv.icnr` needs `factor` to the number of spatial axes to divide "
            f"the output channels. Got {factor}^{len(shape) - 2} for {shape[-1]} "
            f"channels of {shape}."
        )
    return (*shape[:-1], shape[-1] // copies)


def _marginal(shape, factor: int, base: Initializer, order: Order) -> Marginal:
    return base.marginal(_small(shape, factor))


def _fans(shape, factor: int, base: Initializer, order: Order) -> Fans:
    return base.fans(_small(shape, factor))


@law(marginal=_marginal, fans=_fans)
def icnr(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    factor: Count = 2,
    base: Base = lecun_normal,
    dtype: AnyDType = None,
    *,
    order: Order = "depth_to_space",
) -> jax.Array:
    """A sub-pixel convolution that starts as nearest-neighbor upsampling.

        W[…, :, c's copies] = W₀[…, :, c],   W₀ ~ base, of factorᵈ times fewer outputs

    The layer computes factorᵈ values for each position (d spatial axes) and the
    rearrangement after it lays them side by side. Drawn independently they make a
    checkerboard; drawn alike, each position is one color, and training smooths from
    there. Which outputs are laid side by side depends on the framework: with the wrong
    `order` the checkerboard stays.

    Args:
        factor: How many times larger each spatial axis becomes.
        base: What the smaller kernel is drawn by, or what `jinit.get` takes for it.
        dtype: The dtype to draw when a call names none.
        order: How the rearrangement reads the outputs. "depth_to_space", with the
            channel as the fastest (TensorFlow, Keras, and
            `einops "(i j c) -> i j c"`); "pixel_shuffle", with the channel as the
            slowest (PyTorch, `"(c i j) -> i j c"`).

    Returns:
        Weights of shape `(*spatial, in, out · factorᵈ)`.

    Raises:
        ValueError: If `factorᵈ` does not divide the outputs, or without spatial axes.

    Example:
        >>> import jax, jinit
        >>> w = jinit.conv.icnr(jax.random.key(0), (3, 3, 8, 12))
        >>> bool((w.reshape(3, 3, 8, 4, 3) == w[..., None, :3]).all())
        True

    References:
        Aitken, Ledig, Theis, Caballero, Wang, Shi. Checkerboard artifact free
        sub-pixel convolution. 2017. https://arxiv.org/abs/1707.02937
    """
    small = _small(shape, factor)
    w, copies = base(key, small, dtype), factor ** (len(shape) - 2)
    return jnp.tile(w, copies) if order == "depth_to_space" else w.repeat(copies, -1)
