"""Step sizes of continuous systems: how much time passes from one token to the next."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import marginal
from .._core import law, sampling
from ..marginal import Marginal
from ..settings import Floating, Positive
from .statements import of_uniform, ordered


def log(value: Any) -> Any:
    """The logarithm of a setting, which may be traced."""
    return jnp.log(value) if isinstance(value, Tracer) else math.log(value)


def inverse_softplus(y: Any) -> Any:
    """log(eʸ − 1), in a form that is exact where y is small and finite where large."""
    np = y.__array_namespace__()
    return y + np.log(-np.expm1(-y))


def _log_step_marginal(shape: tuple[int, ...], dt_min: Any, dt_max: Any) -> Marginal:
    return marginal.uniform(math.log(dt_min), math.log(dt_max))


@law(marginal=_log_step_marginal, check=ordered("dt_min", "dt_max"))
def log_step(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    dt_min: Positive = 1e-3,
    dt_max: Positive = 1e-1,
    dtype: Floating = None,
) -> jax.Array:
    """Logarithms of steps, uniform: every scale of time is as likely as every other.

        log Δ ~ U[log dt_min, log dt_max)

    For S4, S4D, DSS and S5, one step for each channel or state. A state with a step Δ
    and a pole −½ remembers about 2/Δ tokens.

    Args:
        dt_min: The smallest step.
        dt_max: The largest step.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape, of which the model takes the exponential.

    Raises:
        ValueError: Unless 0 < `dt_min` < `dt_max`.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> steps = jnp.exp(jinit.ssm.log_step(jax.random.key(0), (1000,)))
        >>> bool(((steps > 0.00099) & (steps < 0.101)).all())
        True

    References:
        Gu, Goel, Ré. Efficiently modeling long sequences with structured state spaces.
        ICLR 2022. https://arxiv.org/abs/2111.00396
    """
    return sampling.uniform(key, shape, dtype, log(dt_min), log(dt_max))


def _dt_bias_marginal(shape: tuple[int, ...], dt_min: Any, dt_max: Any) -> Marginal:
    low, high = math.log(dt_min), math.log(dt_max)

    def cdf(x: np.ndarray) -> np.ndarray:
        step = np.maximum(np.logaddexp(0, x), dt_min)  # softplus
        return np.clip((np.log(step) - low) / (high - low), 0, 1)

    bias = lambda u, _: inverse_softplus(np.exp(low + u * (high - low)))
    ends = inverse_softplus(np.array([dt_min, dt_max]))
    return of_uniform(bias, (float(ends[0]), float(ends[1])), cdf)


@law(marginal=_dt_bias_marginal, check=ordered("dt_min", "dt_max"))
def mamba_dt_bias(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    dt_min: Positive = 1e-3,
    dt_max: Positive = 1e-1,
    dtype: Floating = None,
) -> jax.Array:
    """The bias before the softplus that makes a step: of Mamba 1, 2 and 3.

        bias = softplus⁻¹(Δ) = Δ + log(1 − e^−Δ),   log Δ ~ U[log dt_min, log dt_max)

    Mamba 1 has one for each channel; Mamba 2 and 3 and the gated delta nets have one
    for each head. Weight decay would pull the steps to log 2, 7 to 700 times as long:
    keep it off these biases. The released code raises steps below 1e-4, which do not
    occur here unless `dt_min` asks for them.

    Args:
        dt_min: The smallest step.
        dt_max: The largest step.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless 0 < `dt_min` < `dt_max`.

    Example:
        >>> import jinit
        >>> [round(end, 3) for end in jinit.ssm.mamba_dt_bias.support((5,))]
        [-6.907, -2.252]

    References:
        Gu, Dao. Mamba: linear-time sequence modeling with selective state spaces.
        COLM 2024. https://arxiv.org/abs/2312.00752
        Dao, Gu. Transformers are SSMs: generalized models and efficient algorithms
        through structured state space duality. ICML 2024.
        https://arxiv.org/abs/2405.21060
    """
    step = jnp.exp(sampling.uniform(key, shape, dtype, log(dt_min), log(dt_max)))
    return inverse_softplus(step)
