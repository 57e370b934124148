"""Glorot's laws: variance over the mean of the two fans."""

from functools import partial

import jax

from .._activations import squared_gain
from .._core import alias, law
from ..settings import Axes, Count, Gain, Inexact, TwoFans
from .variance_scaling import Distribution, draw, fan_of, fans_from, gained, Mode


@law(
    marginal=partial(gained, "jinit.glorot_normal"),
    fans=partial(fans_from, "jinit.glorot_normal"),
)
def glorot_normal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    mode: Mode = "fan_avg",
    distribution: Distribution = "truncated_normal",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Truncated normal between what the signal and what the gradient ask for.

        σ² = 2 gain² / (fan_in + fan_out),   gain = 1

    For tanh and other odd activations with slope 1 at zero. Also `xavier_normal`.

    Args:
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        gain: The multiplier of 1/√fan: a number, an activation's name or the
            activation.
        mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        groups: Feature groups of a convolution.
        fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> import jinit
        >>> jinit.glorot_normal.std((150, 50))
        0.1

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, equation 12.
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.glorot_normal", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, squared_gain(gain) / fan, distribution)


@law(
    marginal=partial(gained, "jinit.glorot_uniform"),
    fans=partial(fans_from, "jinit.glorot_uniform"),
)
def glorot_uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    mode: Mode = "fan_avg",
    distribution: Distribution = "uniform",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Uniform between what the signal and what the gradient ask for.

        W ~ U(−b, b),   b = gain √(6 / (fan_in + fan_out)),   gain = 1

    For tanh and other odd activations with slope 1 at zero; the default of Keras. Also
    `xavier_uniform`; `glorot_uniform(gain="relu")` is Lasagne's.

    Args:
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        gain: The multiplier of 1/√fan: a number, an activation's name or the
            activation.
        mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        groups: Feature groups of a convolution.
        fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> import jinit
        >>> jinit.glorot_uniform.support((450, 150))
        (-0.1, 0.1)

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, equation 16.
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.glorot_uniform", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, squared_gain(gain) / fan, distribution)


@law(
    marginal=partial(gained, "jinit.sigmoid_uniform"),
    fans=partial(fans_from, "jinit.sigmoid_uniform"),
)
def sigmoid_uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    gain: Gain = 4.0,
    mode: Mode = "fan_avg",
    distribution: Distribution = "uniform",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Glorot's uniform law for the logistic sigmoid, four times as wide.

        W ~ U(−b, b),   b = 4 √(6 / (fan_in + fan_out))

    The sigmoid has slope 1/4 at zero; four times the weights make up for it.

    Args:
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        gain: The multiplier of 1/√fan: a number, an activation's name or the
            activation.
        mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        groups: Feature groups of a convolution.
        fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> import jinit
        >>> jinit.sigmoid_uniform.support((450, 150))
        (-0.4, 0.4)

    References:
        Bengio. Practical recommendations for gradient-based training of deep
        architectures. Neural Networks: Tricks of the Trade, 2012, section 3.1.
        https://arxiv.org/abs/1206.5533
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.sigmoid_uniform", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, squared_gain(gain) / fan, distribution)


xavier_normal = alias("xavier_normal", glorot_normal)
xavier_uniform = alias("xavier_uniform", glorot_uniform)
