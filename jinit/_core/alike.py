"""Arrays that meet: brought to one dtype and shape, whatever JAX is told to forbid."""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp


def alike(*arrays: Any) -> list[jax.Array]:
    """The arrays as JAX's own rules promote them, where they are forbidden as well."""
    with promoting():
        dtype = jnp.result_type(*arrays)
    return jnp.broadcast_arrays(*(jnp.asarray(each, dtype) for each in arrays))


def promoting() -> contextlib.AbstractContextManager:
    """Promotion as a rule, for what is not ours and relies on it, such as optax."""
    return jax.numpy_dtype_promotion("standard")
