"""An initializer times a number, or times one for each slice."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from .._core import Base, check, law, requirement, shown
from ..marginal import Marginal, values
from ..settings import AnyDType, Finite, Values
from .base import fans_of_base
from .laws import mixture


@requirement("a finite real number, or an array of them")
def _factor(where: str, what: str, value: Any) -> Any:
    if not np.ndim(value):
        return check(where, what, Finite, value)
    factors = check(where, what, Values, value)
    if isinstance(factors, Tracer):
        return factors
    if not (np.isrealobj(factors.array) and np.isfinite(factors.array).all()):
        raise ValueError(
            f"`{where}` needs `{what}` to be finite real numbers. Got {shown(value)}."
        )
    return factors


Factor = Annotated[ArrayLike | Sequence[Any], _factor]


def _marginal(shape: tuple[int, ...], base, factor) -> Marginal:
    of = base.marginal(shape)
    if not np.ndim(factor):
        return _times(of, factor)
    each, counts = np.unique(_fitting(shape, factor), return_counts=True)
    laws = [_times(of, one) for one in each.tolist()]
    return mixture(laws, (counts / counts.sum()).tolist())


def _fitting(shape: tuple[int, ...], factor: Any) -> np.ndarray:
    factors = np.asarray(factor)
    try:
        fits = np.broadcast_shapes(factors.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "`jinit.scaled` needs a `factor` that broadcasts to the shape. "
            f"Got factors of shape {factors.shape} for {shape}."
        )
    return factors


def _times(of: Marginal, factor: float) -> Marginal:
    """The law of a weight times a number."""
    if not factor:
        return values(0.0)
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
    factor: Factor = 1.0,
    dtype: AnyDType = None,
) -> jax.Array:
    """The weights of another initializer, times a factor.

        w = factor · w₀,        w₀ ~ base

    At every shape the standard deviation is |factor| times that of `base`; a factor of
    1 gives the same bits. Weights are multiplied in at least float32 and rounded once.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        factor: The factor, or an array of them that broadcasts to the shape: of shape
            (layers, 1, 1), one for each layer of a stack.
        dtype: The dtype to draw when a call names none; that of `base` is not asked.

    Returns:
        Weights of any shape that `base` takes.

    Raises:
        TypeError: If `base` is no initializer.
        ValueError: If an array of factors does not broadcast to the shape.

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
    w = jax.lax.optimization_barrier(base(key, shape, dtype))
    if np.ndim(factor):
        factor = jnp.asarray(_fitting(shape, factor), w.dtype)
    return factor * w
