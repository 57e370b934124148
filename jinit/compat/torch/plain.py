"""One plain distribution for every weight, whatever the shape."""

from typing import Any

import jax
import jax.numpy as jnp

from ... import marginal
from ..._core import law, sampling, scalar, warn
from ...marginal import Marginal
from ...settings import AnyDType, Finite, Floating, NonNegative, Positive


def _ordered(where: str, a: float, b: float) -> None:
    if a > b:
        raise ValueError(f"`{where}` needs `a` of at most `b`. Got a={a} and b={b}.")


@law(marginal=lambda shape, a, b: marginal.uniform(a, b), check=_ordered)
def uniform_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    a: Finite = 0.0,
    b: Finite = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Torch's uniform weights between two bounds.

        W ~ U[a, b)

    Args:
        a: The lower bound.
        b: The upper bound.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: For an `a` above `b`.

    Example:
        >>> from jinit.compat import torch
        >>> torch.uniform_(-1, 3).mean((5,))
        1.0

    References:
        torch.nn.init.uniform_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return sampling.uniform(key, shape, dtype, a, b)


@law(marginal=lambda shape, mean, std: marginal.normal(mean, std))
def normal_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    mean: Finite = 0.0,
    std: NonNegative = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Torch's normal weights, by default of standard deviation 1.

        W ~ N(mean, std²)

    The mean stands before the standard deviation. (`jinit.normal` has it after.)

    Args:
        mean: The mean.
        std: The standard deviation.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: For a negative `std`.

    Example:
        >>> from jinit.compat import torch
        >>> torch.normal_(0, 0.02).std((5,))
        0.02

    References:
        torch.nn.init.normal_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return sampling.normal(key, shape, dtype, std) + scalar(mean, dtype)


def between(where: str, mean: Any, std: Any, a: Any, b: Any) -> None:
    """Refuses an empty interval, and one too far from the mean for float32."""
    if a >= b:
        raise ValueError(f"`{where}` needs `a` below `b`. Got a={a} and b={b}.")
    away = max(a - mean, mean - b) / std
    if away > 4:
        raise ValueError(
            f"`{where}` needs `mean` within 4 `std` of the interval. Got mean={mean} "
            f"and std={std} for [{a}, {b}]."
        )
    if away > 2:
        warn(
            f"`{where}` takes `a` and `b` as they are, not in standard deviations. Got "
            f"[{a}, {b}], which lies {away:.2g} `std` from mean={mean}."
        )


def cut(shape: tuple[int, ...], mean, std, a, b) -> Marginal:
    """The law of one weight of `truncated`."""
    return marginal.truncated_normal(mean, std, (a - mean) / std, (b - mean) / std)


def truncated(key, shape, dtype, mean, std, a, b) -> jax.Array:
    """Normal weights kept to `[a, b]`, which rounding does not leave."""
    z = sampling.truncated_normal(key, shape, dtype, (a - mean) / std, (b - mean) / std)
    w = z * scalar(std, dtype) + scalar(mean, dtype)
    return jnp.clip(w, scalar(a, dtype), scalar(b, dtype))


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
    """Torch's truncated normal, whose cuts are weights and not standard deviations.

        W ~ N(mean, std²) given a ≤ W ≤ b

    With a small `std`, as `trunc_normal_(std=0.02)` in many transformers, the default
    cuts lie a hundred standard deviations out: this is the plain normal law. With
    `std=1` the weights have a standard deviation of 0.88.

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
        UserWarning: For a mean of more than 2 `std` outside, as torch.

    Example:
        >>> from jinit.compat import torch
        >>> torch.trunc_normal_(std=0.02).std((5,))
        0.02
        >>> torch.trunc_normal_().std((5,))
        0.8796257

    References:
        torch.nn.init.trunc_normal_.
        https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return truncated(key, shape, dtype, mean, std, a, b)


@law(marginal=lambda shape, val: marginal.values(val))
def constant_(
    _: Any, shape: tuple[int, ...], /, val: Finite, dtype: AnyDType = None
) -> jax.Array:
    """Torch's constant: all weights equal to `val`.

    Args:
        val: The value.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> from jinit.compat import torch
        >>> torch.constant_(0.3)(None, (2,)).tolist()
        [0.3, 0.3]

    References:
        torch.nn.init.constant_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return jnp.full(shape, val, dtype)


@law(marginal=lambda shape: marginal.values(1.0))
def ones_(_: Any, shape: tuple[int, ...], /, *, dtype: AnyDType = None) -> jax.Array:
    """Torch's ones.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> from jinit.compat import torch
        >>> torch.ones_(None, (2,)).tolist()
        [1.0, 1.0]

    References:
        torch.nn.init.ones_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return jnp.ones(shape, dtype)


@law(marginal=lambda shape: marginal.values(0.0))
def zeros_(_: Any, shape: tuple[int, ...], /, *, dtype: AnyDType = None) -> jax.Array:
    """Torch's zeros.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> from jinit.compat import torch
        >>> torch.zeros_(None, (2,)).tolist()
        [0.0, 0.0]

    References:
        torch.nn.init.zeros_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    return jnp.zeros(shape, dtype)
