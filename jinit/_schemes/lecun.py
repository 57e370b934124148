"""LeCun's laws and the classic heuristic: variance over the number of inputs."""

from functools import partial

import jax

from .._activations import squared_gain
from .._core import law
from ..settings import Axes, Count, Gain, Inexact, TwoFans
from .variance_scaling import Distribution, draw, fan_of, fans_from, gained, Mode


@law(
    marginal=partial(gained, "jinit.fan_in_uniform"),
    fans=partial(fans_from, "jinit.fan_in_uniform"),
)
def fan_in_uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    gain: Gain = 3**-0.5,
    mode: Mode = "fan_in",
    distribution: Distribution = "uniform",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Uniform within one over the square root of the fan: the classic heuristic.

        W ~ U(−1/√fan_in, 1/√fan_in),   σ² = 1 / (3 fan_in)

    The rule of thumb for a unit with d inputs, and PyTorch's default for Linear and
    Conv, for the bias too (`fans=(d, 1)`). It keeps sums of d inputs of variance 1 off
    saturation, but with variance 1/3: each linear layer shrinks the signal by 0.58.
    `jinit.lecun_uniform` is the same law without the loss.

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
        >>> jinit.fan_in_uniform.support((100, 10))
        (-0.1, 0.1)
        >>> jinit.fan_in_uniform(fans=(100, 10)).support((10,))  # the layer's bias
        (-0.1, 0.1)

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, equation 1.
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.fan_in_uniform", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, squared_gain(gain) / fan, distribution)


@law(
    marginal=partial(gained, "jinit.lecun_normal"),
    fans=partial(fans_from, "jinit.lecun_normal"),
)
def lecun_normal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    mode: Mode = "fan_in",
    distribution: Distribution = "truncated_normal",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Truncated normal that keeps the variance of a linear layer's input.

        σ² = gain² / fan_in,   gain = 1

    For linear layers, SELU networks, and activations with slope 1 at zero; the default
    of Flax. For another activation name it: `lecun_normal(gain="gelu")`.

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
        >>> jinit.lecun_normal.std((100, 10))
        0.1
        >>> round(jinit.lecun_normal(gain="gelu").std((100, 10)), 4)
        0.1534

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. Neural Networks: Tricks of the
        Trade, 1998, section 4.6.
        Klambauer, Unterthiner, Mayr, Hochreiter. Self-normalizing neural networks.
        NeurIPS 2017. https://arxiv.org/abs/1706.02515
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.lecun_normal", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, squared_gain(gain) / fan, distribution)


@law(
    marginal=partial(gained, "jinit.lecun_uniform"),
    fans=partial(fans_from, "jinit.lecun_uniform"),
)
def lecun_uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    mode: Mode = "fan_in",
    distribution: Distribution = "uniform",
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Uniform weights that keep the variance of a linear layer's input.

        W ~ U(−b, b),   b = gain √(3 / fan_in),   gain = 1

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
        >>> jinit.lecun_uniform.support((300, 10))
        (-0.1, 0.1)

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. Neural Networks: Tricks of the
        Trade, 1998, section 4.6.
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of("jinit.lecun_uniform", shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, squared_gain(gain) / fan, distribution)
