"""Arrays whose slices along some axes are drawn by one law: all alike, or each anew."""

import math

import jax
import jax.numpy as jnp

from .._core import Base, Fans, Initializer, law
from ..marginal import Marginal
from ..settings import AnyDType, Axes


def _apart(where: str, shape: tuple[int, ...], axis: Axes) -> tuple[list[int], ...]:
    """The axes counted from 0, their sizes, and those of a slice."""
    given = (axis,) if isinstance(axis, int) else axis
    axes = [each % max(len(shape), 1) for each in given]
    inside = all(-len(shape) <= each < len(shape) for each in given)
    if not inside or len({*axes}) < len(axes):
        raise ValueError(
            f"`{where}` needs `axis` to be axes of the shape that differ. "
            f"Got {axis} for {shape}."
        )
    rest = [size for each, size in enumerate(shape) if each not in axes]
    return axes, [shape[each] for each in axes], rest


def _fans(where: str):
    def fans(shape: tuple[int, ...], base: Initializer, axis: Axes) -> Fans:
        return base.fans(_apart(where, shape, axis)[-1])

    return fans


def _marginal(where: str):
    def one_weight(shape: tuple[int, ...], base: Initializer, axis: Axes) -> Marginal:
        return base.marginal(_apart(where, shape, axis)[-1])

    return one_weight


@law(marginal=_marginal("jinit.repeated"), fans=_fans("jinit.repeated"))
def repeated(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    axis: Axes = 0,
    dtype: AnyDType = None,
) -> jax.Array:
    """One draw of another initializer, repeated along an axis.

        w[i] = w₀  for all i,        w₀ ~ base

    For members of an ensemble or heads that start alike, and for a kernel that is
    inflated along a new axis: with `jinit.scaled(..., 1 / n)` around it, a still film
    of n frames looks to the inflated kernel as the picture did to `base`.

    Args:
        base: The initializer of a slice, or what `jinit.get` takes for one.
        axis: The axis or axes along which all slices are equal.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `base` takes without `axis`. The fans are those of a
        slice.

    Raises:
        ValueError: If the shape lacks an axis.

    Example:
        >>> import jax, jinit
        >>> init = jinit.repeated(jinit.he_normal, axis=0)
        >>> w = init(jax.random.key(0), (5, 3, 3, 16, 32))
        >>> bool((w[0] == w[4]).all()), init.fans(w.shape)
        (True, Fans(fan_in=144, fan_out=288))

    References:
        Carreira, Zisserman. Quo vadis, action recognition? A new model and the
        Kinetics dataset. CVPR 2017, section 2.4. https://arxiv.org/abs/1705.07750
    """
    axes, _, rest = _apart("jinit.repeated", shape, axis)
    return jnp.broadcast_to(jnp.expand_dims(base(key, rest, dtype), axes), shape)


@law(marginal=_marginal("jinit.stacked"), fans=_fans("jinit.stacked"))
def stacked(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    axis: Axes = 0,
    dtype: AnyDType = None,
) -> jax.Array:
    """Independent draws of another initializer, stacked along an axis.

        w[i] ~ base,  independent,  each from its own key of jax.random.split

    For the layers of a scan, experts and heads under any law: where a law has
    `batch_axis` it does the same, and here each slice is what `base` itself draws.

    Args:
        base: The initializer of a slice, or what `jinit.get` takes for one.
        axis: The axis or axes along which the slices are stacked.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `base` takes without `axis`. The fans are those of a
        slice.

    Raises:
        ValueError: If the shape lacks an axis.

    Example:
        >>> import jax, jinit
        >>> init = jinit.stacked(jinit.normal(1.0), axis=0)
        >>> w = init(jax.random.key(0), (4, 8, 8))
        >>> third = jax.random.split(jax.random.key(0), 4)[2]
        >>> bool((w[2] == jinit.normal(1.0)(third, (8, 8))).all())
        True
    """
    axes, sizes, rest = _apart("jinit.stacked", shape, axis)
    keys = jax.random.split(key, math.prod(sizes))
    w = jax.vmap(lambda key: base(key, rest, dtype))(keys)
    return jnp.moveaxis(w.reshape(*sizes, *rest), range(len(axes)), axes)
