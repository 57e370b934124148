"""Splines on edges: the coefficients and the scale of what is beside them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import Fans, law, sampling, scalar
from .._schemes import fan_of, fans_from
from ..marginal import Marginal
from ..settings import Axes, Count, Finite, Floating, NonNegative


def _intervals(shape: tuple[int, ...], order: int) -> int:
    intervals = shape[-1] - order if shape else 0
    if intervals < 1:
        raise ValueError(
            "`jinit.implicit.kan_spline` needs a last axis of intervals + order "
            f"coefficients, with an interval or more. Got {shape} for order={order}."
        )
    return intervals


@functools.lru_cache(maxsize=64)
def _fit(intervals: int, order: int) -> np.ndarray:
    """The coefficients of least norm of the spline through given values at the knots.

    The basis is that of B-splines on equal intervals, which go on beyond both ends. At
    the knots each of them has the same few values, by the recursion of Cox and de Boor.
    """
    values = np.ones(1)
    for degree in range(1, order + 1):
        place, before = np.arange(degree + 1), np.pad(values, 1)
        values = (place * before[1:] + (degree + 1 - place) * before[:-1]) / degree
    basis = np.zeros((intervals + 1, intervals + order))
    for knot, row in enumerate(basis):
        row[knot : knot + order + 1] = values[::-1][: len(row) - knot]
    return np.linalg.pinv(basis)


@law
def kan_spline(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    noise: NonNegative = 0.1,
    order: Count = 3,
    dtype: Floating = None,
) -> jax.Array:
    """B-spline coefficients of random functions, for Kolmogorov-Arnold networks.

        s(t) ~ U[−1/2, 1/2) · noise / G   at each of the G + 1 knots t,

    independently; between the knots s is the spline of that order. Of all coefficients
    with these values the law takes those of least norm, as least squares do.

    Args:
        noise: How far apart the values at the knots are, times G. efficient-kan has
            0.1, pykan 0.3 for a network and 0.5 for a layer.
        order: The degree of the polynomials, 3 for cubic ones.
        dtype: The dtype to draw when a call names none.

    Returns:
        Coefficients of shape `(in, out, G + order)`, or with any axes before the last:
        the last holds those of one function on G equal intervals, of a grid that goes
        on by `order` intervals at both ends.

    Raises:
        ValueError: For a last axis of `order` coefficients or fewer.

    Example:
        >>> import jax
        >>> from jinit import implicit
        >>> c = implicit.kan_spline(noise=0.5)(jax.random.key(0), (8, 8, 5 + 3))
        >>> values = (c[..., :-2] + 4 * c[..., 1:-1] + c[..., 2:]) / 6  # at the knots
        >>> bool(abs(values).max() <= 0.5 / 5 / 2)
        True

    References:
        Liu, Wang, Vaidya, Ruehle, Halverson, Soljačić, Hou, Tegmark. KAN:
        Kolmogorov-Arnold networks. ICLR 2025. https://arxiv.org/abs/2404.19756
    """
    intervals = _intervals(shape, order)
    knots = (*shape[:-1], intervals + 1)
    values = sampling.symmetric_uniform(key, knots, dtype)
    values *= scalar(noise / (2 * intervals), dtype)
    fit = jnp.broadcast_to(_fit(intervals, order).astype(dtype), (*shape, knots[-1]))
    return (values[..., None, :] * fit).sum(-1)


_NAME = "jinit.implicit.kan_base"


def _ends(shape, mean: Any, spread: Any, **axes: Any) -> tuple[Any, Any]:
    root = fan_of(_NAME, shape, "fan_in", **axes, groups=1, fans=None) ** 0.5
    return (mean - spread) / root, (mean + spread) / root


def _marginal(shape, **settings: Any) -> Marginal:
    return marginal.uniform(*_ends(shape, **settings))


def _fans(shape, in_axis, out_axis, batch_axis, **_: Any) -> Fans:
    return fans_from(_NAME, shape, in_axis, out_axis, batch_axis, 1, None)


@law(marginal=_marginal, fans=_fans)
def kan_base(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    mean: Finite = 0.0,
    spread: NonNegative = 1.0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
) -> jax.Array:
    """Uniform weights of the base activation beside the splines of a KAN layer.

        w ~ U[mean − spread, mean + spread) / √fan_in

    as in pykan. There the factor of the splines, one to an edge, is 1 / √fan_in:
    `kan_base(mean=1.0, spread=0.0)`.

    efficient-kan gives its `scale_base` s to PyTorch as the slope of a leaky ReLU,
    U(±√(6 / ((1 + 5 s²) fan_in))), so that a larger scale makes smaller weights. At
    s = 1 both are the default here.

    Args:
        mean: The mean, times √fan_in.
        spread: The half width, times √fan_in.
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, or as the axes say.

    Example:
        >>> from jinit import implicit
        >>> implicit.kan_base(mean=1.0, spread=0.5).support((25, 8))
        (0.1, 0.3)

    References:
        Liu, Wang, Vaidya, Ruehle, Halverson, Soljačić, Hou, Tegmark. KAN:
        Kolmogorov-Arnold networks. ICLR 2025. https://arxiv.org/abs/2404.19756
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    return sampling.uniform(key, shape, dtype, *_ends(shape, mean, spread, **axes))
