"""S5: one state space for all channels, diagonal, by poles and by B and C."""

import math
from functools import partial
from typing import Any

import jax
import numpy as np

from .._core import law, sampling
from ..marginal import Marginal
from ..settings import Count, Inexact
from .poles import legs, Part, stated, stored
from .shapes import last_two


def _blocks_of_legs(blocks: int, poles: int) -> np.ndarray:
    if poles % blocks:
        raise ValueError(
            f"`jinit.ssm.s5_poles` needs `blocks` to divide the poles. Got {blocks} "
            f"for {poles}."
        )
    return np.tile(legs("jinit.ssm.s5_poles", poles // blocks), blocks)


def _poles_marginal(shape: tuple[int, ...], blocks: int, part: Part | None) -> Marginal:
    return stated("jinit.ssm.s5_poles", partial(_blocks_of_legs, blocks), shape, part)


@law(marginal=_poles_marginal)
def s5_poles(
    _: Any,
    shape: tuple[int, ...],
    /,
    blocks: Count = 1,
    part: Part | None = None,
    dtype: Inexact = None,
) -> jax.Array:
    """The poles of S5: those of HiPPO-LegS without its low-rank part, in blocks.

        λ = (λ of LegS, …, λ of LegS),   `blocks` times

    A state of several small systems rather than a large one, whose frequencies would be
    higher. `jinit.ssm.s5_b` and `jinit.ssm.s5_c` are the matrices around it,
    `jinit.ssm.log_step` the steps, one for each pole, and D is normal of variance 1.

    Args:
        blocks: How many equal systems the state is made of.
        part: What a real parameter holds: see `jinit.ssm.s4d_lin`. S5 stores "real"
            and "imag".
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles)`, the same along the batch: of each conjugate
        pair the half of positive frequency. (The released code has the other half.)

    Raises:
        ValueError: If `blocks` does not divide the poles, for a real dtype without a
            `part`, or a complex one with it.

    Example:
        >>> import jinit
        >>> one = jinit.ssm.s4d_legs(part="imag")(None, (4,))
        >>> two = jinit.ssm.s5_poles(blocks=2, part="imag")(None, (8,))
        >>> bool((two.reshape(2, 4) == one).all())
        True

    References:
        Smith, Warrington, Linderman. Simplified state space layers for sequence
        modeling. ICLR 2023. https://arxiv.org/abs/2208.04933
    """
    formula = partial(_blocks_of_legs, blocks)
    return stored("jinit.ssm.s5_poles", formula, shape, dtype, part)


def _complex_normal(
    where: str, key: jax.Array, shape: tuple[int, ...], dtype: np.dtype, axes: str
) -> jax.Array:
    """Complex normal weights, E|w|² = 1 / (what is summed): whole, or as pairs."""
    whole = sampling.is_complex(dtype)
    _, last = last_two(where, shape, axes if whole else f"{axes[:-1]}, 2)")
    if not whole and (last != 2 or len(shape) < 3):
        raise ValueError(
            f"`{where}` needs a shape `{axes[:-1]}, 2)`, real and imaginary parts, for "
            f"a real dtype. Got {shape} in {dtype.name}."
        )
    variance = 1 / last if whole else 1 / (2 * shape[-2])
    return sampling.normal(key, shape, dtype, math.sqrt(variance))


@law
def s5_b(
    key: jax.Array, shape: tuple[int, ...], /, *, dtype: Inexact = None
) -> jax.Array:
    """The input matrix of S5 in the basis of its poles: complex normal.

        B = V* B₀,   B₀ real normal of variance 1/inputs,
        so that E|b|² = 1/inputs and E b² = 0

    Half of a unitary basis V takes real normal entries to independent complex ones, so
    that these are drawn at once. The released code reads B₀, of shape (states, inputs),
    as (in, out) and divides by the number of states instead.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, poles, inputs)` in a complex dtype; in a real one
        `(*batch, poles, inputs, 2)`, real and imaginary parts, as S5 stores them.

    Raises:
        ValueError: For a real dtype and a last axis other than 2.

    Example:
        >>> import jax, jinit
        >>> b = jinit.ssm.s5_b(jax.random.key(0), (200, 50, 2))
        >>> round(float((b**2).sum(-1).mean()) * 50, 1)
        1.0

    References:
        Smith, Warrington, Linderman. Simplified state space layers for sequence
        modeling. ICLR 2023. https://arxiv.org/abs/2208.04933
    """
    axes = "(*batch, poles, inputs)"
    return _complex_normal("jinit.ssm.s5_b", key, shape, dtype, axes)


@law
def s5_c(
    key: jax.Array, shape: tuple[int, ...], /, *, dtype: Inexact = None
) -> jax.Array:
    """The output matrix of S5 in the basis of its poles: complex normal.

        C = C₀ V,   C₀ complex normal,   E|c|² = 1/poles,   E c² = 0

    where `poles` is the number stored, of each conjugate pair one. As for
    `jinit.ssm.s5_b` the basis leaves no trace in the law.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, outputs, poles)` in a complex dtype; in a real one
        `(*batch, outputs, poles, 2)`, real and imaginary parts, as S5 stores them.

    Raises:
        ValueError: For a real dtype and a last axis other than 2.

    Example:
        >>> import jax, jinit
        >>> c = jinit.ssm.s5_c(jax.random.key(0), (200, 50, 2))
        >>> round(float((c**2).sum(-1).mean()) * 50, 1)
        1.0

    References:
        Smith, Warrington, Linderman. Simplified state space layers for sequence
        modeling. ICLR 2023. https://arxiv.org/abs/2208.04933
    """
    axes = "(*batch, outputs, poles)"
    return _complex_normal("jinit.ssm.s5_c", key, shape, dtype, axes)
