"""An initializer times a number."""

import dataclasses

import jax
import numpy as np

from .._core import Base, law
from ..marginal import Marginal, values
from ..settings import AnyDType, Finite
from .base import fans_of_base


def _marginal(shape: tuple[int, ...], base, factor: float) -> Marginal:
    if not factor:
        return values(0.0)
    of = base.marginal(shape)
    low, high = sorted(factor * end for end in of.support)
    mean, std = factor * of.mean, abs(factor) * of.std
    cdf = lambda x: of.cdf(x / factor)
    if factor < 0:  # P(cW ≤ x) = 1 − P(W < x/c)
        cdf = lambda x: 1 - of.cdf(np.nextafter(x / factor, -np.inf))
    return dataclasses.replace(of, mean=mean, std=std, support=(low, high), cdf=cdf)


@law(marginal=_marginal, fans=fans_of_base)
def scaled(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    factor: Finite = 1.0,
    dtype: AnyDType = None,
) -> jax.Array:
    """The weights of another initializer, times a factor.

        w = factor · w₀,        w₀ ~ base

    At every shape the standard deviation is |factor| times that of `base`; a factor of
    1 gives the same bits. Weights are multiplied in at least float32 and rounded once.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        factor: The factor.
        dtype: The dtype to draw when a call names none; that of `base` is not asked.

    Returns:
        Weights of any shape that `base` takes.

    Raises:
        TypeError: If `base` is no initializer.

    Example:
        >>> import jinit
        >>> from jinit.compose import scaled
        >>> init = scaled(jinit.orthogonal, 0.5)
        >>> init
        scaled(base=orthogonal(), factor=0.5)
        >>> init.std((64, 64)) / jinit.orthogonal.std((64, 64))
        0.5
    """
    # A factor of its own: XLA would join it with another where both are known.
    return factor * jax.lax.optimization_barrier(base(key, shape, dtype))
