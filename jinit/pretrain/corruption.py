"""What a denoising autoencoder has to undo."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp

from .._core import sampling


Noise = Literal["masking", "salt_and_pepper", "gaussian"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Corruption:
    """Noise of a kind and a level; a function of rows and a key.

    Attributes:
        level: The share of the entries that change, or the noise's standard deviation.
        kind: "masking" makes them 0, "salt_and_pepper" 0 or 1 with equal chances;
            "gaussian" adds to all.
    """

    level: float
    kind: Noise = dataclasses.field(default="masking", metadata={"static": True})

    def __call__(self, v: jax.Array, key: jax.Array) -> jax.Array:
        """The rows with noise."""
        if self.kind == "gaussian":
            return v + self.level * sampling.normal(key, v.shape, v.dtype)
        u = sampling.uniform(key, v.shape, v.dtype)
        pepper = self.kind == "salt_and_pepper"
        value = (u < self.level / 2).astype(v.dtype) if pepper else 0
        return jnp.where(u < self.level, value, v)
