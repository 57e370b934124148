"""S4D: diagonal state-space models, by the poles that they start from."""

from functools import partial
from typing import Any

import jax
import numpy as np

from .._core import law
from ..settings import Inexact
from .poles import legs, Part, stated, stored


def _lin(poles: int) -> np.ndarray:
    return -0.5 + 1j * np.pi * np.arange(poles)


def _inv(poles: int) -> np.ndarray:
    N, n = 2 * poles, np.arange(poles)
    return -0.5 + 1j * (N / np.pi) * (N / (2 * n + 1) - 1)


def _quad(poles: int) -> np.ndarray:
    return -0.5 + 1j * (2 * np.arange(poles) + 1) ** 2 / np.pi


def _real(poles: int) -> np.ndarray:
    return -(np.arange(poles) + 1.0)


_legs = partial(legs, "jinit.ssm.s4d_legs")


@law(marginal=partial(stated, "jinit.ssm.s4d_lin", _lin))
def s4d_lin(
    _: Any,
    shape: tuple[int, ...],
    /,
    part: Part | None = None,
    dtype: Inexact = None,
) -> jax.Array:
    """Poles at evenly spaced frequencies, as in a Fourier series: S4D-Lin.

        λₙ = −½ + i π n,   n = 0, …, N/2 − 1

    The simplest start of a diagonal state-space model. A model of N real states stores
    N/2 poles, one of each conjugate pair, and doubles the real part of its output. The
    input vector is all ones (`jinit.ones`), the output vector complex normal of
    variance 1 (`jinit.normal(1.0)`), the step `jinit.ssm.log_step`.

    Args:
        part: What a real parameter holds: "real" Re λ, "imag" Im λ, "log_decay"
            log(−Re λ), of which the model takes the exponential. A complex one holds
            the poles.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles)`, the same along the batch.

    Raises:
        ValueError: For a real dtype without a `part`, or a complex one with it.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> jinit.ssm.s4d_lin(part="imag")(None, (3,)) / jnp.pi
        Array([0., 1., 2.], dtype=float32)
        >>> jinit.ssm.s4d_lin(None, (3,), jnp.complex64).real
        Array([-0.5, -0.5, -0.5], dtype=float32)

    References:
        Gu, Gupta, Goel, Ré. On the parameterization and initialization of diagonal
        state space models. NeurIPS 2022. https://arxiv.org/abs/2206.11893
    """
    return stored("jinit.ssm.s4d_lin", _lin, shape, dtype, part)


@law(marginal=partial(stated, "jinit.ssm.s4d_inv", _inv))
def s4d_inv(
    _: Any,
    shape: tuple[int, ...],
    /,
    part: Part | None = None,
    dtype: Inexact = None,
) -> jax.Array:
    """Poles at frequencies that fall as an inverse: S4D-Inv.

        λₙ = −½ + i (N/π) (N/(2n+1) − 1),   n = 0, …, N/2 − 1

    A closed form near the poles of `jinit.ssm.s4d_legs`: off by some percent at high
    frequencies and by a fifth at the lowest. N is twice the number of poles stored.

    Args:
        part: What a real parameter holds: see `jinit.ssm.s4d_lin`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles)`, the same along the batch.

    Raises:
        ValueError: For a real dtype without a `part`, or a complex one with it.

    Example:
        >>> import jinit
        >>> round(float(jinit.ssm.s4d_inv(part="imag")(None, (32,))[0]), 2)
        1283.43

    References:
        Gu, Gupta, Goel, Ré. On the parameterization and initialization of diagonal
        state space models. NeurIPS 2022. https://arxiv.org/abs/2206.11893
    """
    return stored("jinit.ssm.s4d_inv", _inv, shape, dtype, part)


@law(marginal=partial(stated, "jinit.ssm.s4d_legs", _legs))
def s4d_legs(
    _: Any,
    shape: tuple[int, ...],
    /,
    part: Part | None = None,
    dtype: Inexact = None,
) -> jax.Array:
    """The poles of HiPPO-LegS without its low-rank part: S4D-LegS.

        λ = the eigenvalues of A + Pᵀ P with Im λ > 0, by falling frequency

    with A of `jinit.ssm.hippo` and P of `jinit.ssm.hippo_correction`. All have the real
    part −½. The closest that a diagonal model comes to S4.

    Args:
        part: What a real parameter holds: see `jinit.ssm.s4d_lin`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles)` with at most 4096 poles, the same along the
        batch.

    Raises:
        ValueError: For more poles, a real dtype without a `part`, or a complex one
            with it.

    Example:
        >>> import jinit
        >>> round(float(jinit.ssm.s4d_legs(part="imag")(None, (32,))[0]), 2)
        1303.27

    References:
        Gu, Gupta, Goel, Ré. On the parameterization and initialization of diagonal
        state space models. NeurIPS 2022. https://arxiv.org/abs/2206.11893
    """
    return stored("jinit.ssm.s4d_legs", _legs, shape, dtype, part)


@law(marginal=partial(stated, "jinit.ssm.s4d_quad", _quad))
def s4d_quad(
    _: Any,
    shape: tuple[int, ...],
    /,
    part: Part | None = None,
    dtype: Inexact = None,
) -> jax.Array:
    """Poles at frequencies that grow as a square: S4D-Quad.

        λₙ = −½ + i (2n+1)² / π,   n = 0, …, N/2 − 1

    A control for `jinit.ssm.s4d_inv`: as wide a range, with most poles at the fast end.

    Args:
        part: What a real parameter holds: see `jinit.ssm.s4d_lin`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles)`, the same along the batch.

    Raises:
        ValueError: For a real dtype without a `part`, or a complex one with it.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.ssm.s4d_quad(part="imag")(None, (3,))
        >>> jnp.round(w * jnp.pi).tolist()
        [1.0, 9.0, 25.0]

    References:
        Gu, Gupta, Goel, Ré. On the parameterization and initialization of diagonal
        state space models. NeurIPS 2022. https://arxiv.org/abs/2206.11893
    """
    return stored("jinit.ssm.s4d_quad", _quad, shape, dtype, part)


@law(marginal=partial(stated, "jinit.ssm.s4d_real", _real))
def s4d_real(
    _: Any,
    shape: tuple[int, ...],
    /,
    part: Part | None = None,
    dtype: Inexact = None,
) -> jax.Array:
    """Real poles, the whole numbers: S4D-Real.

        λₙ = −(n+1),   n = 0, …, N − 1

    The eigenvalues of HiPPO-LegS itself. A real parameter holds them as they are;
    `jinit.ssm.mamba_a_log` is their "log_decay".

    Args:
        part: "log_decay" for log(−λ); else the poles.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles)`, the same along the batch.

    Raises:
        ValueError: For a complex dtype with a `part`.

    Example:
        >>> import jinit
        >>> jinit.ssm.s4d_real(None, (3,)).tolist()
        [-1.0, -2.0, -3.0]

    References:
        Gu, Gupta, Goel, Ré. On the parameterization and initialization of diagonal
        state space models. NeurIPS 2022. https://arxiv.org/abs/2206.11893
    """
    return stored("jinit.ssm.s4d_real", _real, shape, dtype, part)
