"""Autoencoders: with tied weights, and of noisy inputs."""

import itertools

import jax
import jax.numpy as jnp
from flax import nnx

from .entry import entry, image


def tied_weights(key: jax.Array) -> dict:
    keys = jax.random.split(key)
    return {
        "outer": jax.random.normal(keys[0], (64, 48)) * 0.1,
        "inner": jax.random.normal(keys[1], (48, 32)) * 0.1,
        "hidden_biases": [jnp.zeros(48), jnp.zeros(32)],
        "visible_biases": [jnp.zeros(48), jnp.zeros(64)],
    }


def tied(p: dict, x: jax.Array) -> jax.Array:
    """Each matrix is read forth and, transposed, back."""
    (b, c), (d, e) = p["hidden_biases"], p["visible_biases"]
    code = jnp.tanh(jnp.tanh(x @ p["outer"] + b) @ p["inner"] + c)
    return jnp.tanh(code @ p["inner"].T + d) @ p["outer"].T + e


@entry((image(16, 64),))
def tied_autoencoder() -> tuple:
    """Tied, not recurrent: fans of both uses, as Xavier has it."""
    return tied, tied_weights(jax.random.key(0))


class Denoising(nnx.Module):
    """Entries are dropped and noise is added; the clean input is wanted back."""

    def __init__(self, rngs: nnx.Rngs):
        widths = (64, 48, 32, 48, 64)
        pairs = itertools.pairwise(widths)
        self.layers = nnx.List([nnx.Linear(m, n, rngs=rngs) for m, n in pairs])
        self.drop = nnx.Dropout(0.3, rngs=rngs)
        self.rngs = rngs

    def __call__(self, x: jax.Array) -> jax.Array:
        if not self.drop.deterministic:
            x = x + 0.5 * jax.random.normal(self.rngs.noise(), x.shape)
        x = self.drop(x)
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(x))
        return self.layers[-1](x)


@entry((image(16, 64),))
def denoising_autoencoder() -> nnx.Module:
    """Dropped entries, scaled by 1/keep, have a larger second moment: (1 + 1/4) / .7,
    which the first kernel evens out; random streams are no weights.
    """
    return Denoising(nnx.Rngs(params=0, noise=1, dropout=2))
