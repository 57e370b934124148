"""Weights whose variance is a constant over a fan: LeCun, Glorot, He and the rule.

    σ² = gain² / fan

A sum of fan_in products keeps the variance of its inputs if every weight has variance
1 / fan_in; an activation takes some of it away, and the gain puts it back.
"""

import math
from functools import partial
from typing import Any, Literal

import jax

from .. import marginal
from .._activations import squared_gain
from .._core import Fans, fans_of, law, resolve_axes, sampling, scalar, sqrt
from ..marginal import Marginal
from ..settings import Axes, Count, Inexact, NonNegative, TwoFans


Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
Distribution = Literal["truncated_normal", "normal", "uniform"]

# Standard deviations left by a cut at two, of a real and of a complex unit normal.
TRUNCATED_STD = 0.87962566103423978
COMPLEX_TRUNCATED_STD = 0.9619618280082136


def fans_from(where, shape, in_axis, out_axis, batch_axis, groups, fans, **_) -> Fans:
    """The fans that the settings ask for: those given, or those of the shape."""
    if fans is not None:
        return Fans(*fans)
    if in_axis == -2 and len(shape) == 2 and out_axis in (0, -2):
        # How Flax spells an embedding `(vocabulary, features)`: a row is looked up,
        # not summed over, and has unit norm. Both fans are the features.
        return Fans(shape[1], shape[1])
    axes = resolve_axes(shape, in_axis, out_axis, batch_axis, where)
    return fans_of(shape, axes, groups, where)


def fan_of(
    where, shape, mode: Mode, in_axis, out_axis, batch_axis, groups, fans
) -> float:
    """The fan that divides the variance; infinite for a kernel without weights."""
    fan_in, fan_out = fans_from(
        where, shape, in_axis, out_axis, batch_axis, groups, fans
    )
    fan = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": (fan_in * fan_out) ** 0.5,
    }[mode]
    return fan or math.inf


def gained(where, shape, gain: Any, distribution: Distribution, **settings) -> Marginal:
    """The law of one weight of a preset: σ² = gain² / fan."""
    fan = fan_of(where, shape, **settings)
    return marginal_of(squared_gain(gain) / fan, distribution)


def marginal_of(variance: float, distribution: Distribution) -> Marginal:
    """The law of one weight with that variance."""
    stddev = variance**0.5
    match distribution:
        case "uniform":
            return marginal.uniform(-(3**0.5) * stddev, 3**0.5 * stddev)
        case "normal":
            return marginal.normal(0.0, stddev)
        case _:
            return marginal.truncated_normal(0.0, stddev / TRUNCATED_STD)


def draw(key, shape, dtype, variance, distribution: Distribution) -> jax.Array:
    """Independent weights with that variance; complex ones with that E|w|²."""
    real, is_complex = sampling.real(dtype), sampling.is_complex(dtype)
    variance = scalar(variance, real)
    match distribution:
        case "uniform":
            # E w² is 1/3 on [−1, 1) and E|w|² is 1/2 on the unit disk.
            width = sqrt(scalar(2 if is_complex else 3, real) * variance)
            return sampling.symmetric_uniform(key, shape, dtype) * scalar(width, dtype)
        case "normal":
            return sampling.normal(key, shape, dtype, sqrt(variance))
        case _:
            left = COMPLEX_TRUNCATED_STD if is_complex else TRUNCATED_STD
            stddev = scalar(sqrt(variance) / scalar(left, real), dtype)
            return sampling.truncated_normal(key, shape, dtype) * stddev


_NAME = "jinit.variance_scaling"


def _marginal(shape, scale, distribution, **settings) -> Marginal:
    return marginal_of(scale / fan_of(_NAME, shape, **settings), distribution)


@law(marginal=_marginal, fans=partial(fans_from, _NAME))
def variance_scaling(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: NonNegative,
    mode: Mode,
    distribution: Distribution,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    groups: Count = 1,
    fans: TwoFans | None = None,
) -> jax.Array:
    """Weights whose variance is `scale` over a fan: the family of all on this page.

        σ² = scale / fan,   fan = fan_in, fan_out, (fan_in + fan_out) / 2
                                  or √(fan_in · fan_out)

    The truncated normal is cut at ±2 standard deviations and widened so that σ² holds
    after the cut. A complex weight has E|w|² = σ².

    Args:
        scale: The variance times the fan.
        mode: Which fan: "fan_in" keeps the forward signal, "fan_out" the gradient,
            "fan_avg" and "fan_geo_avg" compromise.
        distribution: "truncated_normal", "normal" or "uniform" (on ±√3 σ; a disk if
            complex).
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        groups: Feature groups of a convolution.
        fans: `(fan_in, fan_out)` in place of what the shape says, as for a bias.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Raises:
        ValueError: For a negative `scale`, an unknown `mode` or `distribution`, or
            axes that overlap or are not in the shape.

    Example:
        >>> import jinit
        >>> init = jinit.variance_scaling(2.0, "fan_in", "normal")
        >>> init.std((3, 3, 64, 128)) == (2 / 576) ** 0.5
        True
        >>> init.std((3, 3, 64, 128)) == jinit.he_normal.std((3, 3, 64, 128))
        True
    """
    axes = in_axis, out_axis, batch_axis
    fan = fan_of(_NAME, shape, mode, *axes, groups, fans)
    return draw(key, shape, dtype, scale / fan, distribution)
