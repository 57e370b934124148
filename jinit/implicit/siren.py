"""Kernels of layers whose activation is a sine."""

import math
from typing import Any

import jax

from .. import marginal
from .._core import Fans, law, sampling, scalar
from .._schemes import fan_of, fans_from
from ..marginal import Marginal
from ..settings import Axes, Flag, Floating, Positive


_NAME = "jinit.implicit.siren"


def _bound(shape, first: bool, w0: Any, folded: bool, **axes: Any) -> Any:
    fan = fan_of(_NAME, shape, "fan_in", **axes, groups=1, fans=None)
    bound = 1 / fan if first else math.sqrt(6 / fan) / w0
    return w0 * bound if folded else bound


def _marginal(shape, **settings: Any) -> Marginal:
    bound = _bound(shape, **settings)
    return marginal.uniform(-bound, bound)


def _fans(shape, in_axis, out_axis, batch_axis, **_: Any) -> Fans:
    return fans_from(_NAME, shape, in_axis, out_axis, batch_axis, 1, None)


@law(marginal=_marginal, fans=_fans)
def siren(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    first: Flag = False,
    w0: Positive = 30.0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
    *,
    folded: Flag = False,
) -> jax.Array:
    """Uniform weights for layers y = sin(w0 (x W + b)).

        W ~ U[−c, c),   c = √(6 / fan_in) / w0,   in the first layer c = 1 / fan_in

    The w0 of the activation meets the one below the bound, so that hidden layers pass
    signals and gradients on alike for every w0, while the first layer spans frequencies
    up to w0. The last, linear, layer takes the bound of the hidden ones.

    Pre-activations have variance 1 in the first hidden layer alone. From there their
    variance q goes to 1 − e^(−2q), and with depth to 0.796812: a standard deviation of
    0.892643, not 1.

    Args:
        first: Whether the layer reads the coordinates.
        w0: The factor in the sine.
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, signals.
        dtype: The dtype to draw when a call names none.
        folded: Whether w0 is a factor of the weights, for layers y = sin(x W + b), as
            in tiny-cuda-nn. Such a network starts as the same function.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> from jinit import implicit
        >>> implicit.siren.support((600, 256))  # √(6 / 600) / 30
        (-0.0033333, 0.0033333)
        >>> implicit.siren(first=True, w0=30.0, folded=True).support((2, 256))
        (-15.0, 15.0)

    References:
        Sitzmann, Martel, Bergman, Lindell, Wetzstein. Implicit neural representations
        with periodic activation functions. NeurIPS 2020, section 3.2 and supplement.
        https://arxiv.org/abs/2006.09661
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    bound = _bound(shape, first, w0, folded, **axes)
    return sampling.symmetric_uniform(key, shape, dtype) * scalar(bound, dtype)
