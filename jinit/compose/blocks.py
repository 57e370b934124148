"""Kernels that are several in one, side by side: fused projections, gates."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp

from .._core import check, Fans, Initializer, law, requirement, shown
from ..marginal import Marginal
from ..settings import AnyDType, Axis, Count
from .base import Bases
from .laws import mixture


@requirement("the sizes of the blocks, or how many equal ones there are")
def _sizes(where: str, what: str, value: Any) -> int | tuple[int, ...]:
    if not isinstance(value, tuple):
        return check(where, what, Count, value)
    if not value:
        raise ValueError(f"`{where}` needs a size in `{what}`. Got ().")
    return tuple(check(where, what, Count, each) for each in value)


MANY = 16  # blocks, from where on one draw of all costs less than one of each
Sizes = Annotated[int | tuple[int, ...], _sizes]


def _one_law_each(where: str, base: Any, sizes: Any, axis: Any) -> None:
    count = sizes if isinstance(sizes, int) else len(sizes)
    if isinstance(base, tuple) and len(base) != count:
        raise ValueError(
            f"`{where}` needs one initializer, or one for each of {count} blocks. "
            f"Got {len(base)}: {shown(base)}."
        )


def _parts(
    shape: tuple[int, ...], base: Any, sizes: Any, axis: int
) -> list[tuple[Initializer, tuple[int, ...]]]:
    """Each block's law and shape."""
    if not -len(shape) <= axis < len(shape):
        raise ValueError(
            "`jinit.blocks` needs `axis` to be an axis of the shape. "
            f"Got {axis} for {shape}."
        )
    whole = shape[axis]
    if isinstance(sizes, int):
        equal = whole % sizes == 0
        sizes = (whole // sizes,) * sizes if equal else (sizes,)
    if sum(sizes) != whole:
        raise ValueError(
            "`jinit.blocks` needs `sizes` that add up to the axis, or a number of "
            f"blocks that divides it. Got {shown(sizes)} for axis {axis} of {shape}."
        )
    laws = base if isinstance(base, tuple) else (base,) * len(sizes)
    before, after = shape[:axis], shape[axis:][1:]
    shapes = [(*before, size, *after) for size in sizes]
    return list(zip(laws, shapes, strict=True))


def _marginal(shape: tuple[int, ...], base, sizes, axis) -> Marginal:
    parts = _parts(shape, base, sizes, axis)
    shares = [part[axis] / max(shape[axis], 1) for _, part in parts]
    return mixture([init.marginal(part) for init, part in parts], shares)


def _fans(shape: tuple[int, ...], base, sizes, axis) -> Fans:
    each = [init.fans(part) for init, part in _parts(shape, base, sizes, axis)]
    if len({*each}) > 1:
        raise ValueError(
            "`jinit.blocks` states the fans of blocks that have the same. Got "
            f"{', '.join(map(str, each))}."
        )
    return each[0]


@law(marginal=_marginal, fans=_fans, check=_one_law_each)
def blocks(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Bases,
    sizes: Sizes,
    axis: Axis = -1,
    dtype: AnyDType = None,
) -> jax.Array:
    """Several kernels in one: each block is drawn alone, with its own fans.

        W = [W₁ | W₂ | … ],    Wᵢ ~ base of the shape of block i

    For fused projections (QKV, gate and up) and the gates of a recurrent layer. Drawn
    as one kernel, Glorot's law would take the outputs of all blocks together for its
    fan out, and an orthogonal law would make no block orthogonal.

    Args:
        base: The initializer of a block, or a tuple of one for each.
        sizes: The sizes of the blocks along `axis`, or how many equal ones there are.
        axis: The axis along which the blocks stand side by side.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape whose axis the sizes add up to.

    Raises:
        ValueError: If they do not; for a tuple of more or fewer laws than blocks.

    Example:
        >>> import jax, jinit
        >>> qkv = jinit.blocks(jinit.glorot_uniform, 3)
        >>> qkv.std((64, 192)) == jinit.glorot_uniform.std((64, 64))
        True
        >>> bias = jinit.blocks((jinit.zeros, jinit.ones, jinit.zeros), (2, 1, 2))
        >>> bias(jax.random.key(0), (5,)).tolist()  # of a gate that starts open
        [0.0, 0.0, 1.0, 0.0, 0.0]
    """
    parts = _parts(shape, base, sizes, axis)
    keys = jax.random.split(key, len(parts))
    init, part = parts[0]
    alike = not isinstance(base, tuple) and all(other == part for _, other in parts)
    if alike and len(parts) > MANY:
        w = jax.vmap(lambda key: init(key, part, dtype))(keys)
        return jnp.moveaxis(w, 0, axis % len(shape)).reshape(shape)
    drawn = [
        init(key, part, dtype) for key, (init, part) in zip(keys, parts, strict=True)
    ]
    return jnp.concatenate(drawn, axis)
