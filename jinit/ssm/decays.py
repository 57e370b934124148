"""Decays over time that are set once: of heads and of long convolutions."""

import math
from typing import Any

import jax
import numpy as np

from .._core import law
from ..settings import Flag, Floating, Positive
from .shapes import last, repeated
from .statements import of_table, ordered
from .steps import log


def _hyena(shape: tuple[int, ...], fast: Any, slow: Any, target: Any) -> Any:
    channels = last("jinit.ssm.hyena_decay", shape, "(*batch, channels)")
    slowest, fastest = log(target) / slow, log(target) / fast
    return slowest + (fastest - slowest) * np.linspace(0, 1, channels)


def _hyena_check(where: str, fast: float, slow: float, target: float) -> None:
    ordered("fast", "slow")(where, fast=fast, slow=slow)
    if target >= 1:
        raise ValueError(f"`{where}` needs `target` below 1. Got {target!r}.")


@law(
    marginal=lambda shape, **settings: of_table(_hyena(shape, **settings)),
    check=_hyena_check,
)
def hyena_decay(
    _: Any,
    shape: tuple[int, ...],
    /,
    fast: Positive = 0.3,
    slow: Positive = 1.5,
    target: Positive = 0.01,
    dtype: Floating = None,
) -> jax.Array:
    """The decay rates of Hyena's filters, even over the channels.

        δ = linspace(log(target) / slow, log(target) / fast),   window exp(−t |δ|)

    on times t from 0 to 1. The window falls to `target` at t = `slow` in the first
    channel, behind the end of the sequence, and at t = `fast` in the last.

    Args:
        fast: When the last channel's window has fallen to `target`.
        slow: When the first one's has.
        target: What the window falls to.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, channels)`, negative as the released code stores
        them; the same along the batch.

    Raises:
        ValueError: Unless 0 < `fast` < `slow` and 0 < `target` < 1.

    Example:
        >>> import jinit
        >>> [round(rate, 3) for rate in jinit.ssm.hyena_decay.support((64,))]
        [-15.351, -3.07]

    References:
        Poli et al. Hyena hierarchy: towards larger convolutional language models.
        ICML 2023. https://arxiv.org/abs/2302.10866
    """
    return repeated(_hyena(shape, fast, slow, target), shape, dtype)


def _retnet(shape: tuple[int, ...], log: bool) -> np.ndarray:
    heads = last("jinit.ssm.retnet_decay", shape, "(*batch, heads)")
    lost = np.exp2(-5.0 - np.arange(heads))
    return np.log1p(-lost) if log else 1 - lost


@law(marginal=lambda shape, log: of_table(_retnet(shape, log)))
def retnet_decay(
    _: Any,
    shape: tuple[int, ...],
    /,
    log: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """The decays of RetNet's heads, each of which remembers twice as long as the last.

        γ = 1 − 2^(−5−h),   h = 0, …, heads − 1

    Args:
        log: Whether to return log γ, which keeps its digits in any dtype.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, heads)`, the same along the batch.

    Raises:
        ValueError: For a shape without axes.

    Example:
        >>> import jinit
        >>> (1 / (1 - jinit.ssm.retnet_decay(None, (4,)))).tolist()  # steps
        [32.0, 64.0, 128.0, 256.0]

    References:
        Sun et al. Retentive network: a successor to transformer for large language
        models. 2023. https://arxiv.org/abs/2307.08621
    """
    return repeated(_retnet(shape, log), shape, dtype)


def _alibi(shape: tuple[int, ...]) -> np.ndarray:
    heads = last("jinit.ssm.alibi_slopes", shape, "(*batch, heads)")
    whole = 2 ** int(math.log2(max(heads, 1)))  # the largest power of 2 within
    h = np.arange(heads, dtype=np.float64)
    # Beyond it, every other slope of twice as many heads.
    power = np.where(h < whole, 8 * (h + 1), 4 * (2 * (h - whole) + 1))
    return np.exp2(-power / whole)


@law(marginal=lambda shape: of_table(_alibi(shape)))
def alibi_slopes(
    _: Any, shape: tuple[int, ...], /, *, dtype: Floating = None
) -> jax.Array:
    """The slopes by which attention falls with distance, a head at a time: ALiBi.

        slope = 2^(−8 (h+1) / heads),   h = 0, …, heads − 1

    for a power of 2. Other numbers of heads take the slopes of the largest power of 2
    within, and then every other one of the next power, 2^(−4 (2j+1) / power).

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, heads)`, the same along the batch, to multiply by
        −distance.

    Raises:
        ValueError: For a shape without axes.

    Example:
        >>> import jinit
        >>> jinit.ssm.alibi_slopes(None, (4,)).tolist()
        [0.25, 0.0625, 0.015625, 0.00390625]

    References:
        Press, Smith, Lewis. Train short, test long: attention with linear biases
        enables input length extrapolation. ICLR 2022. https://arxiv.org/abs/2108.12409
    """
    return repeated(_alibi(shape), shape, dtype)
