"""He's laws: variance over the number of inputs, twice for what a ReLU takes."""

from functools import partial
from typing import Any

import jax

from .._activations import squared_gain
from .._core import alias, law
from ..marginal import Marginal
from ..settings import Axes, Count, Finite, Gain, Inexact, TwoFans
from .variance_scaling import Distribution, draw, fan_of, fans_from, marginal_of, Mode


def _square(gain: Any, negative_slope: float) -> Any:
    """gain²; a leaky ReLU of slope a passes (1 + a²) / 2 of E z²."""
    return squared_gain(gain) if gain is not None else 2 / (1 + negative_slope**2)


def _marginal(
    where, shape, gain, negative_slope, distribution: Distribution, **settings
) -> Marginal:
    fan = fan_of(where, shape, **settings)
    return marginal_of(_square(gain, negative_slope) / fan, distribution)


@law(
    marginal=partial(_marginal, "jinit.he_normal"),
    fans=partial(fans_from, "jinit.he_normal"),
)
def he_normal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    negative_slope: Finite = 0.0,
    gain: Gain | None = None,
    mode: Mode = "fan_in",
    distribution: Distribution = "truncated_normal",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Truncated normal that keeps the second moment through ReLU layers.

        σ² = gain² / fan_in,   gain² = 2 / (1 + negative_slope²)

    A ReLU passes half of E z²; the factor two puts it back. Also `kaiming_normal`.
    `mode="fan_out"` keeps the gradient instead; `gain` replaces √2 and the slope.

    Args:
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        negative_slope: The slope of a leaky ReLU below zero.
        gain: In place of √2 and the slope, as in the other presets: a number, an
            activation's name or the activation.
        mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        groups: Feature groups of a convolution.
        fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> import jinit
        >>> jinit.he_normal.std((200, 10))
        0.1
        >>> jinit.he_normal(negative_slope=1.0).std((100, 10))
        0.1

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers: surpassing human-level
        performance on ImageNet classification. ICCV 2015, equations 10 and 15.
        https://arxiv.org/abs/1502.01852
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.he_normal", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, _square(gain, negative_slope) / fan, distribution)


@law(
    marginal=partial(_marginal, "jinit.he_uniform"),
    fans=partial(fans_from, "jinit.he_uniform"),
)
def he_uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    negative_slope: Finite = 0.0,
    gain: Gain | None = None,
    mode: Mode = "fan_in",
    distribution: Distribution = "uniform",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Uniform weights that keep the second moment through ReLU layers.

        W ~ U(−b, b),   b = √(6 / ((1 + negative_slope²) fan_in))

    Also `kaiming_uniform`. `negative_slope=5**0.5` gives `jinit.fan_in_uniform`.

    Args:
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        negative_slope: The slope of a leaky ReLU below zero.
        gain: In place of √2 and the slope, as in the other presets: a number, an
            activation's name or the activation.
        mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        groups: Feature groups of a convolution.
        fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> import jinit
        >>> jinit.he_uniform.support((600, 10))
        (-0.1, 0.1)

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers: surpassing human-level
        performance on ImageNet classification. ICCV 2015, equations 10 and 15.
        https://arxiv.org/abs/1502.01852
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.he_uniform", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, _square(gain, negative_slope) / fan, distribution)


kaiming_normal = alias("kaiming_normal", he_normal)
kaiming_uniform = alias("kaiming_uniform", he_uniform)
