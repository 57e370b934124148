"""Kernels that interpolate: upsampling to learn from."""

import functools
from typing import Any

import jax
import numpy as np

from .._core import law
from ..marginal import Marginal
from ..settings import Count, Inexact
from .channels import diagonal, diagonal_marginal, require_groups


def _taps(spatial: tuple[int, ...]) -> np.ndarray:
    """The product of a triangle along every axis, highest in the middle."""
    return functools.reduce(np.multiply.outer, map(_triangle, spatial))


def _triangle(size: int) -> np.ndarray:
    factor = (size + 1) // 2
    center = (size - 1) / 2
    return 1 - np.abs(np.arange(size) - center) / factor


def _marginal(shape, groups: int) -> Marginal:
    require_groups("jinit.conv.bilinear", shape, groups)
    return diagonal_marginal(_taps(shape[:-2]), shape, groups)


@law(marginal=_marginal)
def bilinear(
    _: Any,
    shape: tuple[int, ...],
    /,
    dtype: Inexact = None,
    *,
    groups: Count = 1,
) -> jax.Array:
    """A transposed convolution that starts as linear interpolation.

        W[i, j, c, c] = w_i w_j,   w_i = 1 − |i − (k − 1)/2| / f,   f = ⌈k / 2⌉

    For upsampling by a stride f with a kernel of size k = 2f − (f mod 2), as in fully
    convolutional networks: each of the fᵈ output phases is a weighted mean, so that a
    constant stays constant and a ramp a ramp. Channels are not mixed; weights between
    different channels are 0. Any number of spatial axes: linear, bilinear, trilinear.

    Args:
        dtype: The dtype to draw when a call names none.
        groups: Feature groups of the convolution; as many as channels in a depthwise
            one.

    Returns:
        Weights of shape `(*spatial, in / groups, out)`.

    Raises:
        ValueError: Without spatial axes, or if `groups` does not divide the outputs.

    Example:
        >>> import jinit
        >>> jinit.conv.bilinear(None, (4, 1, 1)).ravel().tolist()
        [0.25, 0.75, 0.75, 0.25]

    References:
        Long, Shelhamer, Darrell. Fully convolutional networks for semantic
        segmentation. CVPR 2015, section 3.3. https://arxiv.org/abs/1411.4038
    """
    require_groups("jinit.conv.bilinear", shape, groups)
    return diagonal(_taps(shape[:-2]), shape, groups, dtype)
