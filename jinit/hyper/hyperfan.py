"""Kernels of the last layer of a hypernetwork, by the fans of what it makes.

A head of d inputs h with a kernel H makes weights W = Σ h H of variance

    Var W = d · E h² · Var H

and the network they belong to, the main one, asks for a Var W of its own. An ordinary
law asks for 1 / d instead, so that the main network's signals grow with its fans.

References:
    Chang, Flokas, Lipson. Principled weight initialization for hypernetworks.
    ICLR 2020. https://arxiv.org/abs/2312.08399
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax

from .._activations import squared_gain
from .._core import law
from .._schemes import Distribution, draw, fan_of, marginal_of
from ..marginal import Marginal
from ..settings import Axes, Flag, Floating, Gain, Positive, TwoFans


Makes = Literal["kernel", "bias"]


# gain² / Var W as the main network asks for it, by the fans of its kernel, what is
# made, and whether its bias is made as well; infinite where it asks for zeros.


def _forward(fan_in: float, fan_out: float, makes: Makes, with_bias: bool) -> float:
    if makes == "bias":
        return 2
    return fan_in * (2 if with_bias else 1)


def _backward(fan_in: float, fan_out: float, makes: Makes, with_bias: bool) -> float:
    if makes == "bias":
        return math.inf if fan_in >= fan_out else 1 / (1 - fan_in / fan_out)
    return fan_out


def _harmonic(*main: Any) -> float:
    return (_forward(*main) + _backward(*main)) / 2


def _variance(
    name: str,
    asked: Callable[..., float],
    shape: tuple[int, ...],
    fans,
    makes: Makes,
    with_bias: bool,
    gain: Any,
    second_moment: Any,
    **axes: Any,
) -> Any:
    where = f"jinit.hyper.{name}"
    inputs = fan_of(where, shape, "fan_in", **axes, groups=1, fans=None)
    return squared_gain(gain) / asked(*fans, makes, with_bias) / inputs / second_moment


def _marginal(
    name: str,
    asked: Callable[..., float],
    shape,
    distribution: Distribution,
    **settings,
) -> Marginal:
    return marginal_of(_variance(name, asked, shape, **settings), distribution)


@law(marginal=partial(_marginal, "hyperfan_in", _forward))
def hyperfan_in(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    fans: TwoFans,
    makes: Makes = "kernel",
    with_bias: Flag = False,
    gain: Gain = "relu",
    second_moment: Positive = 1.0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
    *,
    distribution: Distribution = "uniform",
) -> jax.Array:
    """A hypernetwork's head that keeps the signal of the network it makes.

        Var H = gain² / (d · E h² · fan_in)      makes a kernel alone
        Var H = gain² / (d · E h² · 2 fan_in)    a kernel that has a bias made for it
        Var H = gain² / (d · E h² · 2)           that bias

    for d inputs h of the head and the fans of the kernel that it makes. Layers of the
    main network that read E x² = 1 then make pre-activations with E z² = gain², of
    which a kernel and its bias add half each; a ReLU leaves E x² = 1 of them.

    Args:
        fans: `(fan_in, fan_out)` of the kernel that the main network gets, such as
            `jinit.fans(shape)`.
        makes: What comes out of these columns of the head: "kernel" or "bias".
        with_bias: Whether the layer of that kernel has a bias that is made as well.
        gain: Of the main network's activation: a number, a name or the activation.
        second_moment: E h², of what the head reads.
        in_axis: The head's input axis or axes.
        out_axis: Its output axis or axes.
        batch_axis: Axes of independent heads.
        dtype: The dtype to draw when a call names none.
        distribution: "uniform", "normal" or "truncated_normal".

    Returns:
        Weights of shape `(d, entries)`, or as the axes say: `in_axis=0,
        out_axis=(1, 2)` for a head `(d, in, out)`.

    Example:
        >>> import jinit
        >>> head = jinit.hyper.hyperfan_in(jinit.fans((50, 20)), gain=1.0)
        >>> head.std((32, 50 * 20))  # 1 / √(32 · 50)
        0.025

    References:
        Chang, Flokas, Lipson. Principled weight initialization for hypernetworks.
        ICLR 2020, section 4. https://arxiv.org/abs/2312.08399
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    main = fans, makes, with_bias, gain, second_moment
    variance = _variance("hyperfan_in", _forward, shape, *main, **axes)
    return draw(key, shape, dtype, variance, distribution)


@law(marginal=partial(_marginal, "hyperfan_out", _backward))
def hyperfan_out(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    fans: TwoFans,
    makes: Makes = "kernel",
    with_bias: Flag = False,
    gain: Gain = "relu",
    second_moment: Positive = 1.0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
    *,
    distribution: Distribution = "uniform",
) -> jax.Array:
    """A hypernetwork's head that keeps the gradient of the network it makes.

        Var H = gain² / (d · E h² · fan_out)                           a kernel
        Var H = gain² max(0, 1 − fan_in / fan_out) / (d · E h²)        its bias

    for d inputs h of the head. A bias adds to the signal what a kernel so made lacks,
    and nothing where it lacks nothing.

    Args:
        fans: `(fan_in, fan_out)` of the kernel that the main network gets.
        makes: What comes out of these columns of the head: "kernel" or "bias".
        with_bias: Whether the layer of that kernel has a bias that is made as well; of
            no account here.
        gain: Of the main network's activation: a number, a name or the activation.
        second_moment: E h², of what the head reads.
        in_axis: The head's input axis or axes.
        out_axis: Its output axis or axes.
        batch_axis: Axes of independent heads.
        dtype: The dtype to draw when a call names none.
        distribution: "uniform", "normal" or "truncated_normal".

    Returns:
        Weights of shape `(d, entries)`, or as the axes say.

    Example:
        >>> import jinit
        >>> head = jinit.hyper.hyperfan_out((20, 50), gain=1.0)
        >>> head.std((32, 20 * 50))  # 1 / √(32 · 50)
        0.025

    References:
        Chang, Flokas, Lipson. Principled weight initialization for hypernetworks.
        ICLR 2020, section 4. https://arxiv.org/abs/2312.08399
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    main = fans, makes, with_bias, gain, second_moment
    variance = _variance("hyperfan_out", _backward, shape, *main, **axes)
    return draw(key, shape, dtype, variance, distribution)


@law(marginal=partial(_marginal, "hyperfan_harmonic", _harmonic))
def hyperfan_harmonic(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    fans: TwoFans,
    makes: Makes = "kernel",
    with_bias: Flag = False,
    gain: Gain = "relu",
    second_moment: Positive = 1.0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
    *,
    distribution: Distribution = "uniform",
) -> jax.Array:
    """A hypernetwork's head between `hyperfan_in` and `hyperfan_out`, as Glorot's law.

        Var H = 2 / (1 / Var H_in + 1 / Var H_out)

    the harmonic mean: for a kernel without a bias, 2 gain² / (d E h² (fan_in +
    fan_out)). The code of hypnettorch has 2 (1 / Var H_in + 1 / Var H_out) in its
    place, which grows with every size that it should shrink with.

    Args:
        fans: `(fan_in, fan_out)` of the kernel that the main network gets.
        makes: What comes out of these columns of the head: "kernel" or "bias".
        with_bias: Whether the layer of that kernel has a bias that is made as well.
        gain: Of the main network's activation: a number, a name or the activation.
        second_moment: E h², of what the head reads.
        in_axis: The head's input axis or axes.
        out_axis: Its output axis or axes.
        batch_axis: Axes of independent heads.
        dtype: The dtype to draw when a call names none.
        distribution: "uniform", "normal" or "truncated_normal".

    Returns:
        Weights of shape `(d, entries)`, or as the axes say.

    Example:
        >>> import jinit
        >>> head = jinit.hyper.hyperfan_harmonic((30, 70), gain=1.0)
        >>> head.std((32, 30 * 70))  # √(2 / (32 · 100))
        0.025

    References:
        Chang, Flokas, Lipson. Principled weight initialization for hypernetworks.
        ICLR 2020, section 4. https://arxiv.org/abs/2312.08399
    """
    axes = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    main = fans, makes, with_bias, gain, second_moment
    variance = _variance("hyperfan_harmonic", _harmonic, shape, *main, **axes)
    return draw(key, shape, dtype, variance, distribution)
