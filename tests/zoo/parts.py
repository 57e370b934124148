"""What several models of the zoo share: losses, attention, tables."""

from typing import Any

import jax
import jax.numpy as jnp


def mask(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.bool_)


def squared_error(outputs: Any, key: jax.Array) -> jax.Array:
    """Distance from targets that are noise of variance 1."""
    distance = lambda y: jnp.mean((y - jax.random.normal(key, y.shape)) ** 2)
    return sum(map(distance, jax.tree.leaves(outputs)), jnp.zeros(()))


def cross_entropy(logits: jax.Array, key: jax.Array) -> jax.Array:
    """Labels that are drawn once, to be learned by heart."""
    labels = jax.random.randint(key, logits.shape[:-1], 0, logits.shape[-1])
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1)
    return -jnp.mean(chosen)


def contrastive(logits: jax.Array, key: jax.Array) -> jax.Array:
    """Each image belongs to its own text (the key chooses nothing)."""
    del key
    own = lambda z: jnp.mean(jnp.diagonal(jax.nn.log_softmax(z)))
    return -(own(logits) + own(logits.T)) / 2


def split_heads(x: jax.Array, heads: int) -> jax.Array:
    return x.reshape(*x.shape[:-1], heads, -1)


def attend(
    q: jax.Array, k: jax.Array, v: jax.Array, bias: Any = 0.0, *, scale: bool = True
) -> jax.Array:
    """Softmax attention of `(..., length, heads, width)`, heads joined at the end."""
    q = q / q.shape[-1] ** 0.5 if scale else q
    logits = jnp.einsum("...qhd,...khd->...hqk", q, k) + bias
    y = jnp.einsum("...hqk,...khd->...qhd", jax.nn.softmax(logits), v)
    return y.reshape(*y.shape[:-2], -1)


def hide(visible: jax.Array) -> jax.Array:
    """What is added to the logits so that the rest is not seen."""
    return jnp.where(visible, 0.0, -1e9)


def causal(length: int) -> jax.Array:
    return hide(jnp.tril(jnp.ones((length, length), bool)))


def sines(positions: jax.Array, width: int, slowest: float = 1e4) -> jax.Array:
    """The table of sines and cosines of Vaswani et al."""
    rates = slowest ** -jnp.linspace(0.0, 1.0, width // 2)
    angles = positions[..., None] * rates
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1)


def rotate(x: jax.Array) -> jax.Array:
    """Rotary positions of `(..., length, heads, width)`."""
    rates = 1e4 ** -jnp.linspace(0.0, 1.0, x.shape[-1] // 2)
    angles = (jnp.arange(x.shape[-3])[:, None] * rates)[:, None]
    a, b = jnp.split(x, 2, -1)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)


def inverse_softplus(y: jax.Array) -> jax.Array:
    return y + jnp.log(-jnp.expm1(-y))


def log_uniform(
    key: jax.Array, shape: tuple[int, ...], low: float, high: float
) -> jax.Array:
    logs = jax.random.uniform(key, shape, minval=jnp.log(low), maxval=jnp.log(high))
    return jnp.exp(logs)
