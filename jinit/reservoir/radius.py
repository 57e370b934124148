"""Square kernels brought to a spectral radius."""

import jax
import jax.numpy as jnp

from .._core import scalar


def require_square(where: str, shape: tuple[int, ...]) -> int:
    """The number of units of a recurrent kernel `(*batch, n, n)`."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(
            f"`{where}` needs the shape of a recurrent kernel, `(*batch, n, n)`. "
            f"Got {shape}."
        )
    return shape[-1]


def to_radius(w: jax.Array, radius: float, symmetric: bool = False) -> jax.Array:
    """The matrices times what brings their largest eigenvalue to the radius.

    A matrix whose eigenvalues are all 0 stays as it is.
    """
    w = jax.lax.optimization_barrier(w)
    values = jnp.linalg.eigvalsh(w) if symmetric else jnp.linalg.eigvals(w)
    largest = jnp.max(jnp.abs(values), -1, keepdims=True)[..., None]
    one = jnp.ones((), largest.dtype)
    factor = scalar(radius, largest.dtype) / jnp.where(largest > 0, largest, one)
    kept = jnp.where(largest > 0, jax.lax.optimization_barrier(factor), one)
    return w * kept.astype(w.dtype)
