"""Biases that choose the frequencies of a sine of variable period."""

import jax

from .. import marginal
from .._core import law, sampling, scalar
from ..settings import Floating, NonNegative


@law(marginal=lambda shape, bound: marginal.uniform(-bound, bound))
def finer_bias(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    bound: NonNegative,
    dtype: Floating = None,
) -> jax.Array:
    """Uniform biases for the first layer of FINER, y = sin(w0 (|z| + 1) z).

        b ~ U[−k, k)

    The further z is from 0, the faster this sine goes: its phase has the slope
    w0 (2 |z| + 1). So a bias chooses the frequency of its unit, and k the highest:
    w0 (2k + 1) at the origin. Kernels, and the biases of the other layers, are those of
    `jinit.implicit.siren`.

    Args:
        bound: The half width k, which depends on the signal. It has no default, as the
            authors' code draws such biases only where a user sets it.
        dtype: The dtype to draw when a call names none.

    Returns:
        Biases of any shape.

    Example:
        >>> from jinit import implicit
        >>> implicit.finer_bias(5.0).support((256,))
        (-5.0, 5.0)

    References:
        Liu, Zhu, Zhang, Fu, Deng, Ma, Guo, Cao. FINER: flexible spectral-bias tuning in
        implicit neural representation by variable-periodic activation functions.
        CVPR 2024. https://arxiv.org/abs/2312.02434
    """
    return sampling.symmetric_uniform(key, shape, dtype) * scalar(bound, dtype)
