"""timm's truncated normals, and its variance over a fan of torch."""

from functools import partial
from typing import Any, Literal

import jax

from ... import marginal
from ..._core import law, sampling, scalar, sqrt
from ...marginal import Marginal
from ...settings import Bound, Finite, Floating, NonNegative, Positive
from ..torch.plain import between, cut, truncated
from ..torch.variance import fans_of, symmetric


Mode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["truncated_normal", "normal", "uniform"]

TRUNCATED_STD = 0.87962566103423978  # of a unit normal cut at two


@law(marginal=cut, check=between)
def trunc_normal_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    mean: Finite = 0.0,
    std: Positive = 1.0,
    a: Finite = -2.0,
    b: Finite = 2.0,
    dtype: Floating = None,
) -> jax.Array:
    """The truncated normal of timm and torch, whose cuts are weights.

        W ~ N(mean, std²) given a ≤ W ≤ b

    timm starts its transformers with `trunc_normal_(std=0.02)`: at ±2 nothing is cut.

    Args:
        mean: The mean before the cut.
        std: The standard deviation before the cut.
        a: The least weight.
        b: The greatest weight.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless `a < b`, and for a mean of more than 4 `std` outside.

    Warns:
        UserWarning: For a mean of more than 2 `std` outside, as timm.

    Example:
        >>> from jinit.compat import timm
        >>> timm.trunc_normal_(std=0.02).std((5,))
        0.02

    References:
        timm.layers.weight_init.trunc_normal_.
        https://github.com/huggingface/pytorch-image-models
    """
    return truncated(key, shape, dtype, mean, std, a, b)


def _ordered(where: str, a: float, b: float, **_: Any) -> None:
    if a >= b:
        raise ValueError(f"`{where}` needs `a` below `b`. Got a={a} and b={b}.")


@law(
    marginal=lambda shape, mean, std, a, b: marginal.truncated_normal(mean, std, a, b),
    check=_ordered,
)
def trunc_normal_tf_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    mean: Finite = 0.0,
    std: NonNegative = 1.0,
    a: Bound = -2.0,
    b: Bound = 2.0,
    dtype: Floating = None,
) -> jax.Array:
    """The truncated normal of TensorFlow and JAX in timm: cuts in standard deviations.

        W = mean + std z,   z ~ N(0, 1) given a < z < b

    As `jinit.truncated_normal`, with torch's names.

    Args:
        mean: What is added to every weight.
        std: The standard deviation before the cut.
        a: The lower cut, in units of `std`.
        b: The upper cut, in units of `std`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless `a < b`.

    Example:
        >>> from jinit.compat import timm
        >>> timm.trunc_normal_tf_(std=0.02).std((5,))
        0.0175925

    References:
        timm.layers.weight_init.trunc_normal_tf_.
        https://github.com/huggingface/pytorch-image-models
    """
    z = sampling.truncated_normal(key, shape, dtype, a, b)
    return z * scalar(std, dtype) + scalar(mean, dtype)


def _variance(where: str, shape, scale: Any, mode: Mode) -> Any:
    fan_in, fan_out = fans_of(where, shape)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    return scale / (fan[mode] or float("inf"))


def _of_variance(variance: float, distribution: Distribution) -> Marginal:
    std = variance**0.5
    match distribution:
        case "uniform":
            return marginal.uniform(-(3**0.5) * std, 3**0.5 * std)
        case "normal":
            return marginal.normal(0.0, std)
        case _:
            return marginal.truncated_normal(0.0, std / TRUNCATED_STD)


def _draw(key, shape, dtype, variance, distribution: Distribution) -> jax.Array:
    std = sqrt(variance)
    match distribution:
        case "uniform":
            return symmetric(key, shape, dtype, std)
        case "normal":
            return sampling.normal(key, shape, dtype, std)
        case _:
            z = sampling.truncated_normal(key, shape, dtype)
            return z * scalar(std / TRUNCATED_STD, dtype)


_SCALING = "jinit.compat.timm.variance_scaling_"
_LECUN = "jinit.compat.timm.lecun_normal_"


@law(
    marginal=lambda shape, scale, mode, distribution: _of_variance(
        _variance(_SCALING, shape, scale, mode), distribution
    ),
    fans=partial(fans_of, _SCALING),
)
def variance_scaling_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: NonNegative = 1.0,
    mode: Mode = "fan_in",
    distribution: Distribution = "normal",
    dtype: Floating = None,
) -> jax.Array:
    """Weights whose variance is `scale` over a fan of torch.

        σ² = scale / fan

    A truncated normal is cut at ±2 and widened, so that σ² holds after the cut.

    Args:
        scale: The variance times the fan.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of fewer than two axes, a negative `scale` or an unknown
            name.

    Example:
        >>> from jinit.compat import timm
        >>> timm.variance_scaling_(2.0, "fan_out").std((8, 3, 5, 5))
        0.1

    References:
        timm.layers.weight_init.variance_scaling_.
        https://github.com/huggingface/pytorch-image-models
    """
    variance = _variance(_SCALING, shape, scale, mode)
    return _draw(key, shape, dtype, variance, distribution)


@law(
    marginal=lambda shape: _of_variance(
        _variance(_LECUN, shape, 1.0, "fan_in"), "truncated_normal"
    ),
    fans=partial(fans_of, _LECUN),
)
def lecun_normal_(
    key: jax.Array, shape: tuple[int, ...], /, *, dtype: Floating = None
) -> jax.Array:
    """LeCun's law in torch's layout: `variance_scaling_` with a truncated normal.

        σ² = 1 / fan_in

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of fewer than two axes.

    Example:
        >>> from jinit.compat import timm
        >>> timm.lecun_normal_.std((7, 4, 5, 5))
        0.1

    References:
        timm.layers.weight_init.lecun_normal_.
        https://github.com/huggingface/pytorch-image-models
    """
    variance = _variance(_LECUN, shape, 1.0, "fan_in")
    return _draw(key, shape, dtype, variance, "truncated_normal")
