"""Networks of coordinates: a SIREN that learns a picture from half of its pixels."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ..datasets import load
from .data import cut, standardized
from .losses import squared_error
from .task import Task


class SIREN(nn.Module):
    """Sines of 30 times a linear map."""

    width: int
    depth: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for _ in range(self.depth):
            x = jnp.sin(30 * nn.Dense(self.width)(x))
        return nn.Dense(1, name="head")(x)[:, 0]


def pixels_siren() -> Task:
    """Four digits beside each other, a pixel of four held out."""
    digits = load("mnist")[0][:4].reshape(2, 2, 28, 28)
    picture = digits.swapaxes(1, 2).reshape(56, 56)
    side = np.linspace(-1, 1, len(picture), dtype=np.float32)
    places = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    order = np.random.default_rng(0).permutation(len(places))
    inputs, targets = places[order], standardized(picture.ravel())[order]
    about = "a picture from three quarters of its pixels, by a SIREN of four layers"
    data = cut(inputs, targets, 128, 18, 6)
    return Task("pixels-siren", SIREN(64, 4), squared_error, *data, about)
