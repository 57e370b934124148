"""Weights as vectors of length one."""

import math

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import Base, Initializer, law, shown
from ..marginal import Marginal
from ..settings import Axes, Inexact
from .base import fans_of_base
from .laws import is_normal
from .sums import apart, divided, summed


def _axes(shape: tuple[int, ...], axis) -> tuple[int, ...]:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if not axes or not all(-len(shape) <= each < len(shape) for each in axes):
        raise ValueError(
            "`jinit.normalized` needs `axis` to be an axis of the shape, or several. "
            f"Got {axis} for {shape}."
        )
    return tuple({each % len(shape): None for each in axes})


def _marginal(shape: tuple[int, ...], base: Initializer, axis) -> Marginal:
    n = math.prod(shape[each] for each in _axes(shape, axis))
    if not is_normal(base.marginal(shape)):
        raise TypeError(
            "`jinit.normalized` states the law of one weight where directions are "
            f"uniform: for a normal base of mean 0. Got {shown(base)}."
        )
    return marginal.coordinate(max(n, 1), 1.0)


@law(marginal=_marginal, fans=fans_of_base)
def normalized(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    axis: Axes = -1,
    dtype: Inexact = None,
) -> jax.Array:
    """Vectors of length 1, in the directions that another initializer draws.

        w = w₀ / ‖w₀‖ along the axis,        w₀ ~ base

    Directions of a normal law are uniform on the sphere. For embeddings that are
    compared by their cosine, prototypes, and networks whose weights stay on the sphere;
    `axis=-2` gives every unit of a dense kernel incoming weights of length 1. A vector
    of zeros stays one.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        axis: The axis or axes of a vector.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `base` takes and that has the axis.

    Raises:
        ValueError: If the shape lacks the axis.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.normalized(jinit.normal)(jax.random.key(0), (100, 16))
        >>> bool(jnp.allclose(jnp.linalg.norm(w, axis=-1), 1.0))
        True

    References:
        Salimans, Kingma. Weight normalization: a simple reparameterization to
        accelerate training of deep neural networks. NeurIPS 2016.
        https://arxiv.org/abs/1602.07868
        Loshchilov, Hsieh, Sun, Ginsburg. nGPT: normalized transformer with
        representation learning on the hypersphere. ICLR 2025.
        https://arxiv.org/abs/2410.01131
    """
    axes = _axes(shape, axis)
    w = apart(base(key, shape, dtype))
    largest = jnp.max(jnp.abs(w), axes, keepdims=True)
    # Divided by the largest first, so that no square is lost or infinite.
    w = apart(divided(w, jnp.where(largest > 0, largest, 1)))
    square = summed(jnp.square(jnp.abs(w)), axes)
    return divided(w, apart(jnp.sqrt(jnp.where(square > 0, square, 1))))
