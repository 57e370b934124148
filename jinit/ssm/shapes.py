"""What a shape must have for a law that gives each place of its last axes a value."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .._core import sampling


def last(where: str, shape: tuple[int, ...], axes: str) -> int:
    """The length of the last axis; refuses a shape without one."""
    if not shape:
        raise ValueError(f"`{where}` needs a shape `{axes}`. Got ().")
    return shape[-1]


def last_two(where: str, shape: tuple[int, ...], axes: str) -> tuple[int, int]:
    """The lengths of the last two axes; refuses a shape with fewer."""
    if len(shape) < 2:
        raise ValueError(f"`{where}` needs a shape `{axes}`. Got {shape}.")
    return shape[-2], shape[-1]


def repeated(table: ArrayLike, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
    """A table of the last axes, the same along all others."""
    return jnp.broadcast_to(jnp.asarray(table, dtype), shape)


def places(shape: tuple[int, ...], dtype: np.dtype) -> list[jax.Array]:
    """Along each axis of a shape the place of every entry, as real numbers."""
    real = sampling.real(dtype)
    return [jax.lax.broadcasted_iota(real, shape, axis) for axis in range(len(shape))]
