"""Sums whose bits depend on nothing but their terms."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def apart(w: jax.Array) -> jax.Array:
    """The same numbers, rounded before anything is made of them.

    XLA joins factors that it knows, and a product with the sum after it, in one program
    and not in another. No number lies beyond the bound, which keeps it from the latter.
    """
    if jnp.iscomplexobj(w):
        return jax.lax.complex(apart(w.real), apart(w.imag))
    return jnp.maximum(jax.lax.optimization_barrier(w), jnp.finfo(w.dtype).min)


def divided(w: jax.Array, by: jax.Array) -> jax.Array:
    """The weights over real numbers, by parts: a complex quotient squares them."""
    if jnp.iscomplexobj(w):
        return jax.lax.complex(w.real / by, w.imag / by)
    return w / by


def summed(w: jax.Array, axes: Sequence[int]) -> jax.Array:
    """The sum along axes, which stay with size 1.

    Halves are added until one term is left: in the same order however XLA fuses it and
    devices share it, and with an error that grows with the logarithm of the count.
    """
    front = jnp.moveaxis(apart(w), axes, range(len(axes)))
    x = front.reshape(-1, *front.shape[len(axes) :])
    while len(x) > 1:
        half = len(x) // 2
        both = x[:half] + x[half : 2 * half]
        x = jnp.concatenate([both, x[2 * half :]])
    return jnp.expand_dims(x[0], axes)
