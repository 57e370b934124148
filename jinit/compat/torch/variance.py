"""Weights whose variance is a constant over a fan of a kernel `(out, in, *spatial)`."""

import math
from functools import partial
from typing import Any, Literal

import jax

from ... import marginal
from ..._core import Fans, law, sampling, scalar, sqrt
from ...marginal import Marginal
from ...settings import Finite, Floating, NonNegative
from .gains import GAINS


Mode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]


def fans_of(where: str, shape: tuple[int, ...], **_: Any) -> Fans:
    """The fans of torch: those of axes 1 and 0, times the receptive field.

    A transposed convolution has its kernel as `(in, out, *spatial)`; torch takes it for
    any other.
    """
    if len(shape) < 2:
        raise ValueError(
            f"`{where}` needs a shape of two or more axes, `(out, in, *spatial)`. "
            f"Got {shape}."
        )
    n_out, n_in, *spatial = shape
    return Fans(n_in * math.prod(spatial), n_out * math.prod(spatial))


def normal_marginal(shape, *, std: Any, **settings) -> Marginal:
    """The law of one weight of a normal law whose `std` depends on the shape."""
    return marginal.normal(0.0, std(shape, **settings))


def uniform_marginal(shape, *, std: Any, **settings) -> Marginal:
    """The law of one weight of a uniform law whose `std` depends on the shape."""
    bound = math.sqrt(3) * std(shape, **settings)
    return marginal.uniform(-bound, bound)


def symmetric(key, shape, dtype, std) -> jax.Array:
    """Uniform weights around zero with that standard deviation."""
    bound = scalar(math.sqrt(3) * std, dtype)
    return sampling.symmetric_uniform(key, shape, dtype) * bound


def _xavier_std(where: str, shape, gain: Any) -> Any:
    return gain * math.sqrt(2 / (sum(fans_of(where, shape)) or math.inf))


_xavier_uniform_std = partial(_xavier_std, "jinit.compat.torch.xavier_uniform_")
_xavier_normal_std = partial(_xavier_std, "jinit.compat.torch.xavier_normal_")


@law(
    marginal=partial(uniform_marginal, std=_xavier_uniform_std),
    fans=partial(fans_of, "jinit.compat.torch.xavier_uniform_"),
)
def xavier_uniform_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: NonNegative = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Torch's Glorot law, uniform.

        W ~ U[−b, b),   b = gain √(6 / (fan_in + fan_out))

    Args:
        gain: The gain, such as `calculate_gain` gives it.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of fewer than two axes, or a negative `gain`.

    Example:
        >>> from jinit.compat import torch
        >>> torch.xavier_uniform_(gain=2.0).support((250, 350))
        (-0.2, 0.2)

    References:
        torch.nn.init.xavier_uniform_.
        https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return symmetric(key, shape, dtype, _xavier_uniform_std(shape, gain))


@law(
    marginal=partial(normal_marginal, std=_xavier_normal_std),
    fans=partial(fans_of, "jinit.compat.torch.xavier_normal_"),
)
def xavier_normal_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: NonNegative = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Torch's Glorot law, normal and without a cut.

        W ~ N(0, σ²),   σ = gain √(2 / (fan_in + fan_out))

    Args:
        gain: The gain, such as `calculate_gain` gives it.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of fewer than two axes, or a negative `gain`.

    Example:
        >>> from jinit.compat import torch
        >>> torch.xavier_normal_.std((2, 6, 5, 5))
        0.1

    References:
        torch.nn.init.xavier_normal_.
        https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return sampling.normal(key, shape, dtype, _xavier_normal_std(shape, gain))


def _kaiming_std(where: str, shape, a: Any, mode: Mode, nonlinearity: str) -> Any:
    fan = getattr(fans_of(where, shape), mode) or math.inf
    is_leaky = nonlinearity == "leaky_relu"
    gain = sqrt(2 / (1 + a**2)) if is_leaky else GAINS[nonlinearity]
    return gain / math.sqrt(fan)


_kaiming_uniform_std = partial(_kaiming_std, "jinit.compat.torch.kaiming_uniform_")
_kaiming_normal_std = partial(_kaiming_std, "jinit.compat.torch.kaiming_normal_")


@law(
    marginal=partial(uniform_marginal, std=_kaiming_uniform_std),
    fans=partial(fans_of, "jinit.compat.torch.kaiming_uniform_"),
)
def kaiming_uniform_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    a: Finite = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    dtype: Floating = None,
) -> jax.Array:
    """Torch's He law, uniform.

        W ~ U[−b, b),   b = gain √(3 / fan)

    `kaiming_uniform_(5**0.5)` is how `torch.nn.Linear` and the convolutions start their
    kernels: b = 1 / √fan_in.

    Args:
        a: The negative slope of a leaky ReLU; others ignore it.
        mode: "fan_in" or "fan_out".
        nonlinearity: What follows, a name of `calculate_gain`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of fewer than two axes, or an unknown name.

    Example:
        >>> from jinit.compat import torch
        >>> torch.kaiming_uniform_(5**0.5).support((10, 400))
        (-0.05, 0.05)

    References:
        torch.nn.init.kaiming_uniform_.
        https://docs.pytorch.org/docs/stable/nn.init.html
    """
    std = _kaiming_uniform_std(shape, a, mode, nonlinearity)
    return symmetric(key, shape, dtype, std)


@law(
    marginal=partial(normal_marginal, std=_kaiming_normal_std),
    fans=partial(fans_of, "jinit.compat.torch.kaiming_normal_"),
)
def kaiming_normal_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    a: Finite = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    dtype: Floating = None,
) -> jax.Array:
    """Torch's He law, normal and without a cut.

        W ~ N(0, σ²),   σ = gain / √fan

    Args:
        a: The negative slope of a leaky ReLU; others ignore it.
        mode: "fan_in" or "fan_out".
        nonlinearity: What follows, a name of `calculate_gain`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of fewer than two axes, or an unknown name.

    Example:
        >>> from jinit.compat import torch
        >>> torch.kaiming_normal_(mode="fan_out").std((8, 3, 5, 5))
        0.1

    References:
        torch.nn.init.kaiming_normal_.
        https://docs.pytorch.org/docs/stable/nn.init.html
    """
    std = _kaiming_normal_std(shape, a, mode, nonlinearity)
    return sampling.normal(key, shape, dtype, std)
