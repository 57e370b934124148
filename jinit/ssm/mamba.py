"""Decay rates of Mamba and of the gated delta nets, by their logarithms."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import law, sampling, scalar
from ..marginal import Marginal
from ..settings import Floating, NonNegative, Positive
from .shapes import last, repeated
from .statements import of_table, of_uniform, ordered


def _rates(shape: tuple[int, ...]) -> np.ndarray:
    states = last("jinit.ssm.mamba_a_log", shape, "(*channels, state)")
    return np.log(np.arange(1.0, states + 1))


@law(marginal=lambda shape: of_table(_rates(shape)))
def mamba_a_log(
    _: Any, shape: tuple[int, ...], /, *, dtype: Floating = None
) -> jax.Array:
    """The logarithms of the decay rates of Mamba 1: S4D-Real.

        A_log = log(1), …, log(N),   A = −exp(A_log)

    The same for every channel. `jinit.ssm.mamba_dt_bias` goes with it, and a skip D of
    ones. Mamba 2 has one rate for each head, `jinit.ssm.mamba2_a_log`; Mamba 3 computes
    its rates from the input and has none to start, but biases of B and C of ones.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*channels, state)`.

    Raises:
        ValueError: For a shape without axes.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> A = -jnp.exp(jinit.ssm.mamba_a_log(None, (8, 4)))
        >>> jnp.round(A[0], 4).tolist()
        [-1.0, -2.0, -3.0, -4.0]

    References:
        Gu, Dao. Mamba: linear-time sequence modeling with selective state spaces.
        COLM 2024. https://arxiv.org/abs/2312.00752
    """
    return repeated(_rates(shape), shape, dtype)


def _log_uniform(shape: tuple[int, ...], low: float, high: float) -> Marginal:
    cdf = lambda x: np.clip((np.exp(x) - low) / (high - low), 0, 1)
    start = math.log(low) if low else -math.inf
    quantile = lambda u, rest: np.log(rest * low + u * high)
    return of_uniform(quantile, (start, math.log(high)), cdf)


def _draw(key: jax.Array, shape, dtype, low: Any, high: Any) -> jax.Array:
    """The logarithm of U(low, high), where no draw is `low` itself, which may be 0."""
    unit = sampling.uniform(key, shape, dtype) + jnp.finfo(dtype).eps / 2
    low, width = scalar(low, dtype), scalar(high - low, dtype)
    return jnp.log(low + width * unit)


@law(marginal=_log_uniform, check=ordered("low", "high"))
def mamba2_a_log(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    low: NonNegative = 1.0,
    high: Positive = 16.0,
    dtype: Floating = None,
) -> jax.Array:
    """The logarithms of the decay rates of Mamba 2: rates uniform between two bounds.

        A_log = log a,   a ~ U(low, high),   A = −exp(A_log)

    One for each head; gated linear attention and Kimi's delta attention start so too.

    Args:
        low: The smallest rate.
        high: The largest rate.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless 0 ≤ `low` < `high`.

    Example:
        >>> import jinit
        >>> [round(end, 3) for end in jinit.ssm.mamba2_a_log.support((24,))]
        [0.0, 2.773]

    References:
        Dao, Gu. Transformers are SSMs: generalized models and efficient algorithms
        through structured state space duality. ICML 2024.
        https://arxiv.org/abs/2405.21060
    """
    return _draw(key, shape, dtype, low, high)


@law(marginal=_log_uniform, check=ordered("low", "high"))
def gated_delta(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    low: NonNegative = 0.0,
    high: Positive = 16.0,
    dtype: Floating = None,
) -> jax.Array:
    """The logarithms of the decay rates of the gated delta nets: rates from 0 up.

        A_log = log a,   a ~ U(low, high),   the decay of a token exp(−a Δ)

    One for each value head, beside `jinit.ssm.mamba_dt_bias`. A rate near 0 is a head
    that hardly forgets; 0 itself, whose logarithm is infinite, is not drawn.

    Args:
        low: The smallest rate.
        high: The largest rate.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless 0 ≤ `low` < `high`.

    Example:
        >>> import math, jinit
        >>> jinit.ssm.gated_delta.mean((8,)) - (math.log(16) - 1)
        0.0

    References:
        Yang, Kautz, Hatamizadeh. Gated delta networks: improving Mamba2 with delta
        rule. ICLR 2025. https://arxiv.org/abs/2412.06464
    """
    return _draw(key, shape, dtype, low, high)
