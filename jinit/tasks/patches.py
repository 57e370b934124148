"""Networks of patches on images: a vision transformer and an MLP-Mixer."""

import jax
from flax import linen as nn

from .data import images
from .losses import cross_entropy
from .task import Task


class Attention(nn.Module):
    """A pre-norm transformer block."""

    heads: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        x = x + nn.MultiHeadDotProductAttention(self.heads)(nn.LayerNorm()(x))
        h = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(x)))
        return x + nn.Dense(width)(h)


class Mixing(nn.Module):
    """Two MLPs in turn: across patches, then across channels."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        patches, width = x.shape[-2:]
        h = nn.LayerNorm()(x).swapaxes(-1, -2)
        h = nn.Dense(patches)(nn.gelu(nn.Dense(2 * patches)(h)))
        x = x + h.swapaxes(-1, -2)
        h = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(x)))
        return x + nn.Dense(width)(h)


class Patches(nn.Module):
    """Patches of 2 x 2 pixels, blocks, and a head that reads their mean."""

    width: int
    depth: int
    heads: int = 0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Conv(self.width, (2, 2), 2, name="patches")(x)
        x = x.reshape(len(x), -1, self.width)
        if self.heads:
            law = nn.initializers.normal(0.02)
            x = x + self.param("positions", law, x.shape[1:])
        for _ in range(self.depth):
            x = Attention(self.heads)(x) if self.heads else Mixing()(x)
        return nn.Dense(10, name="head")(nn.LayerNorm()(x).mean(1))


def digits_vit() -> Task:
    model, data = Patches(32, 2, heads=4), images("digits", 16, 88, 24)
    about = "digits by a vision transformer of two blocks"
    return Task("digits-vit", model, cross_entropy, *data, about)


def digits_mixer() -> Task:
    model, data = Patches(32, 3), images("digits", 16, 88, 24)
    about = "digits by an MLP-Mixer of three blocks"
    return Task("digits-mixer", model, cross_entropy, *data, about)
