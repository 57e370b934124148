"""The named members of variance scaling: the classic heuristic, LeCun, Glorot, He."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec

import jax

from .._activations.gains import Gain, squared_gain
from .._core.initializer import law
from .._core.registry import alias
from .._core.settings import Axes, Count, Finite, Inexact
from ..marginal import Marginal
from .variance_scaling import (
    Distribution,
    draw,
    fans_from,
    marginal_of,
    Mode,
    TwoFans,
    variance,
)


P = ParamSpec("P")


def _preset(gain: float, mode: Mode, distribution: Distribution):
    """A member of the family, named and described by the function it decorates."""
    own_gain, own_mode, own_distribution = gain, mode, distribution

    def member(described: Callable[[], None]):
        def weights(
            key: jax.Array,
            shape: tuple[int, ...],
            /,
            in_axis: Axes = -2,
            out_axis: Axes = -1,
            batch_axis: Axes = (),
            dtype: Inexact = None,
            *,
            gain: Gain = own_gain,
            mode: Mode = own_mode,
            distribution: Distribution = own_distribution,
            groups: Count = 1,
            fans: TwoFans | None = None,
        ) -> jax.Array:
            axes = in_axis, out_axis, batch_axis
            sigma2 = variance(
                where, shape, squared_gain(gain), mode, *axes, groups, fans
            )
            return draw(key, shape, dtype, sigma2, distribution)

        def stated(shape, gain, distribution, **settings) -> Marginal:
            sigma2 = variance(where, shape, squared_gain(gain), **settings)
            return marginal_of(sigma2, distribution)

        where = f"jinit.{described.__name__}"
        named = _described(weights, described)
        return law(marginal=stated, fans=partial(fans_from, where))(named)

    return member


def _rectifier_preset(distribution: Distribution):
    """As `_preset`, with He's gain, which a negative slope may replace."""
    own_distribution = distribution

    def scale(gain: Any, negative_slope: float) -> float:
        return squared_gain(gain) if gain is not None else 2 / (1 + negative_slope**2)

    def member(described: Callable[[], None]):
        def weights(
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
            distribution: Distribution = own_distribution,
            groups: Count = 1,
            fans: TwoFans | None = None,
        ) -> jax.Array:
            axes = in_axis, out_axis, batch_axis
            sigma2 = variance(
                where, shape, scale(gain, negative_slope), mode, *axes, groups, fans
            )
            return draw(key, shape, dtype, sigma2, distribution)

        def stated(shape, gain, negative_slope, distribution, **settings) -> Marginal:
            sigma2 = variance(where, shape, scale(gain, negative_slope), **settings)
            return marginal_of(sigma2, distribution)

        where = f"jinit.{described.__name__}"
        named = _described(weights, described)
        return law(marginal=stated, fans=partial(fans_from, where))(named)

    return member


_SETTINGS = """
Args:
    in_axis: Input axis or axes.
    out_axis: Output axis or axes.
    batch_axis: Axes of independent kernels: stacked layers, experts.
    dtype: The dtype to draw when a call names none.
    gain: The multiplier of 1/√fan: a number, an activation's name or the activation.
    mode: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
    distribution: "truncated_normal", "normal" or "uniform".
    groups: Feature groups of a convolution.
    fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

Returns:
    Weights of shape `(*spatial, in, out)`, or as the axes say.

"""


def _described(draw: Callable[P, jax.Array], by: Callable[[], None]):
    """`draw` under the name and docstring of `by`, with the shared settings added."""
    claim, example, rest = inspect.cleandoc(by.__doc__ or "").partition("Example:\n")
    draw.__name__ = draw.__qualname__ = by.__name__
    draw.__doc__ = claim.rstrip() + "\n" + _SETTINGS + example + rest
    return draw


@_preset(gain=3**-0.5, mode="fan_in", distribution="uniform")
def fan_in_uniform():
    """Uniform within one over the square root of the fan: the classic heuristic.

        W ~ U(−1/√fan_in, 1/√fan_in),   σ² = 1 / (3 fan_in)

    The rule of thumb for a unit with d inputs, and PyTorch's default for Linear and
    Conv, for the bias too (`fans=(d, 1)`). It keeps sums of d inputs of variance 1 off
    saturation, but with variance 1/3: each linear layer shrinks the signal by 0.58.
    `jinit.lecun_uniform` is the same law without the loss.

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


@_preset(gain=1.0, mode="fan_in", distribution="truncated_normal")
def lecun_normal():
    """Truncated normal that keeps the variance of a linear layer's input.

        σ² = gain² / fan_in,   gain = 1

    For linear layers, SELU networks, and activations with slope 1 at zero; the default
    of Flax. For another activation name it: `lecun_normal(gain="gelu")`.

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


@_preset(gain=1.0, mode="fan_in", distribution="uniform")
def lecun_uniform():
    """Uniform weights that keep the variance of a linear layer's input.

        W ~ U(−b, b),   b = gain √(3 / fan_in),   gain = 1

    Example:
        >>> import jinit
        >>> jinit.lecun_uniform.support((300, 10))
        (-0.1, 0.1)

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. Neural Networks: Tricks of the
        Trade, 1998, section 4.6.
    """


@_preset(gain=1.0, mode="fan_avg", distribution="truncated_normal")
def glorot_normal():
    """Truncated normal between what the signal and what the gradient ask for.

        σ² = 2 gain² / (fan_in + fan_out),   gain = 1

    For tanh and other odd activations with slope 1 at zero. Also `xavier_normal`.

    Example:
        >>> import jinit
        >>> jinit.glorot_normal.std((150, 50))
        0.1

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, equation 12.
    """


@_preset(gain=1.0, mode="fan_avg", distribution="uniform")
def glorot_uniform():
    """Uniform between what the signal and what the gradient ask for.

        W ~ U(−b, b),   b = gain √(6 / (fan_in + fan_out)),   gain = 1

    For tanh and other odd activations with slope 1 at zero; the default of Keras. Also
    `xavier_uniform`; `glorot_uniform(gain="relu")` is Lasagne's.

    Example:
        >>> import jinit
        >>> jinit.glorot_uniform.support((450, 150))
        (-0.1, 0.1)

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, equation 16.
    """


@_preset(gain=4.0, mode="fan_avg", distribution="uniform")
def sigmoid_uniform():
    """Glorot's uniform law for the logistic sigmoid, four times as wide.

        W ~ U(−b, b),   b = 4 √(6 / (fan_in + fan_out))

    The sigmoid has slope 1/4 at zero; four times the weights make up for it.

    Example:
        >>> import jinit
        >>> jinit.sigmoid_uniform.support((450, 150))
        (-0.4, 0.4)

    References:
        Bengio. Practical recommendations for gradient-based training of deep
        architectures. Neural Networks: Tricks of the Trade, 2012, section 3.1.
        https://arxiv.org/abs/1206.5533
    """


@_rectifier_preset(distribution="truncated_normal")
def he_normal():
    """Truncated normal that keeps the second moment through ReLU layers.

        σ² = gain² / fan_in,   gain² = 2 / (1 + negative_slope²)

    A ReLU passes half of E z²; the factor two puts it back. Also `kaiming_normal`.
    `mode="fan_out"` keeps the gradient instead; `gain` replaces √2 and the slope.

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


@_rectifier_preset(distribution="uniform")
def he_uniform():
    """Uniform weights that keep the second moment through ReLU layers.

        W ~ U(−b, b),   b = √(6 / ((1 + negative_slope²) fan_in))

    Also `kaiming_uniform`. `negative_slope=5**0.5` gives `jinit.fan_in_uniform`.

    Example:
        >>> import jinit
        >>> jinit.he_uniform.support((600, 10))
        (-0.1, 0.1)

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers: surpassing human-level
        performance on ImageNet classification. ICCV 2015, equations 10 and 15.
        https://arxiv.org/abs/1502.01852
    """


xavier_normal = alias("xavier_normal", glorot_normal)
xavier_uniform = alias("xavier_uniform", glorot_uniform)
kaiming_normal = alias("kaiming_normal", he_normal)
kaiming_uniform = alias("kaiming_uniform", he_uniform)
