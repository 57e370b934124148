"""Generators of images: DiT, a diffusion U-Net (Keras) and StyleGAN2."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import keras
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, image, text
from .parts import attend, sines, split_heads


WIDTH, HEADS, DEPTH = 64, 4, 2


def modulate(x: jax.Array, shift: jax.Array, scale: jax.Array) -> jax.Array:
    x = nn.LayerNorm(use_bias=False, use_scale=False)(x)
    return x * (1 + scale[:, None]) + shift[:, None]


class DiTBlock(nn.Module):
    """Six vectors of the condition scale, shift and gate attention and MLP."""

    @nn.compact
    def __call__(self, x: jax.Array, c: jax.Array) -> jax.Array:
        xavier = init.xavier_uniform()
        dense = lambda n: nn.Dense(n, kernel_init=xavier)
        zero = nn.Dense(6 * WIDTH, kernel_init=init.zeros, name="modulation")
        a, b, gate_1, d, e, gate_2 = jnp.split(zero(nn.silu(c)), 6, -1)
        q, k, v = jnp.split(dense(3 * WIDTH)(modulate(x, a, b)), 3, -1)
        q, k, v = (split_heads(each, HEADS) for each in (q, k, v))
        x = x + gate_1[:, None] * dense(WIDTH)(attend(q, k, v))
        h = nn.gelu(dense(4 * WIDTH)(modulate(x, d, e)))
        return x + gate_2[:, None] * dense(WIDTH)(h)


class DiT(nn.Module):
    @nn.compact
    def __call__(
        self, x: jax.Array, time: jax.Array, label: jax.Array, train: bool = False
    ) -> jax.Array:
        b, size = x.shape[:2]
        normal, zeros = init.normal(0.02), init.zeros
        embed = nn.Conv(WIDTH, (2, 2), 2, kernel_init=init.xavier_uniform())
        x = embed(x).reshape(b, -1, WIDTH)
        table = sines(jnp.arange(x.shape[1]), WIDTH)
        x = x + self.param("positions", lambda key: table)
        t = nn.Dense(WIDTH, kernel_init=normal, name="time_in")(sines(time, 32))
        c = nn.Dense(WIDTH, kernel_init=normal, name="time_out")(nn.silu(t))
        if train:  # the last class is none, for guidance without a classifier
            dropped = jax.random.bernoulli(self.make_rng("dropout"), 0.1, (b,))
            label = jnp.where(dropped, 16, label)
        c = c + nn.Embed(17, WIDTH, embedding_init=normal, name="labels")(label)
        for i in range(DEPTH):
            x = DiTBlock(name=f"block_{i}")(x, c)
        last = nn.Dense(2 * WIDTH, kernel_init=zeros, name="modulation")(nn.silu(c))
        x = modulate(x, *jnp.split(last, 2, -1))
        x = nn.Dense(2 * 2 * 4, kernel_init=zeros, name="head")(x)
        half = size // 2
        return (
            x.reshape(b, half, half, 2, 2, 4).swapaxes(2, 3).reshape(b, size, size, 4)
        )


@entry(
    (image(4, 8, 8, 4), image(4), text(4)),
    own={
        "*modulation/kernel": "zeros: every block starts as the identity",
        "*head/kernel": "zeros",
        "*positions": "a table of sines and cosines",
    },
    ids=16,
)
def dit() -> nn.Module:
    """adaLN-zero stays: gates of 0 close the branches, whose kernels then need no
    factor of depth. Time and label are summed and share a variance.
    """
    return DiT()


def unet_block(x: Any, time: Any, width: int, name: str) -> Any:
    layers = keras.layers
    skip = x if x.shape[-1] == width else layers.Conv2D(width, 1)(x)
    h = layers.GroupNormalization(8)(x)
    h = layers.Conv2D(width, 3, padding="same")(keras.activations.swish(h))
    h = h + layers.Dense(width)(keras.activations.swish(time))[:, None, None, :]
    h = keras.activations.swish(layers.GroupNormalization(8)(h))
    h = layers.Dropout(0.1)(h)
    last = layers.Conv2D(
        width, 3, padding="same", kernel_initializer="zeros", name=f"{name}_last"
    )
    return skip + last(h)


def unet_attention(x: Any) -> Any:
    layers = keras.layers
    _, height, width, channels = x.shape
    h = layers.Reshape((height * width, channels))(layers.GroupNormalization(8)(x))
    h = layers.MultiHeadAttention(2, channels // 2)(h, h)
    return x + layers.Reshape((height, width, channels))(h)


@entry(
    ([image(2, 8, 8, 3), image(2, 32)],),
    own={"*_last/kernel": "zeros: blocks start as skips", "head/kernel": "zeros"},
)
def unet() -> keras.Model:
    """Blocks start as their skips: their last convolution and that of the head are 0.
    A step's embedding is added within the branch and is no stream of its own.
    """
    layers = keras.layers
    x, time = pixels, steps = keras.Input((8, 8, 3)), keras.Input((32,))
    time = layers.Dense(64, activation="swish")(time)
    time = layers.Dense(64)(time)
    x = layers.Conv2D(16, 3, padding="same")(x)
    skips = []
    for width in (16, 32):
        x = unet_block(x, time, width, f"down_{width}")
        skips.append(x)
        x = layers.AveragePooling2D(2)(x)
    x = unet_attention(unet_block(x, time, 32, "middle"))
    for width in (32, 16):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Concatenate()([x, skips.pop()])
        x = unet_block(x, time, width, f"up_{width}")
    x = keras.activations.swish(layers.GroupNormalization(8)(x))
    head = layers.Conv2D(3, 3, padding="same", kernel_initializer="zeros", name="head")
    return keras.Model([pixels, steps], head(x))


class Equalized(nn.Module):
    """A dense layer of N(0, 1/rate²) weights, scaled by rate/√fan at run time."""

    features: int
    rate: float = 1.0
    bias: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1], self.features)
        w = self.param("weight", init.normal(1 / self.rate), shape)
        b = self.param("bias", init.constant(self.bias), shape[1:])
        return x @ (w * self.rate * shape[0] ** -0.5) + b * self.rate


def leaky(x: jax.Array) -> jax.Array:
    """Leaky relu with the gain that keeps the second moment (almost)."""
    return jax.nn.leaky_relu(x, 0.2) * math.sqrt(2)


class Styled(nn.Module):
    """A convolution whose input channels are scaled by a style, and whose outputs are
    brought back to variance 1."""

    features: int
    size: int = 3
    demodulate: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, style: jax.Array) -> jax.Array:
        shape = (self.size, self.size, x.shape[-1], self.features)
        w = self.param("weight", init.normal(1.0), shape)
        s = Equalized(x.shape[-1], bias=1.0, name="affine")(style)
        w = w / math.sqrt(math.prod(shape[:3])) * s[:, None, None, :, None]
        if self.demodulate:
            w = w * jax.lax.rsqrt((w**2).sum((1, 2, 3), keepdims=True) + 1e-8)
        conv = lambda x, w: jax.lax.conv_general_dilated(
            x[None], w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )[0]
        return jax.vmap(conv)(x, w)


class StyleGAN2(nn.Module):
    """Mapping of 4 layers, a learned constant, three resolutions with skips to RGB."""

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        w = z * jax.lax.rsqrt(jnp.mean(z**2, -1, keepdims=True) + 1e-8)
        for i in range(4):
            w = leaky(Equalized(WIDTH, rate=0.01, name=f"mapping_{i}")(w))
        x = self.param("const", init.normal(1.0), (1, 4, 4, WIDTH))
        x = jnp.tile(x, (len(z), 1, 1, 1))
        rgb = jnp.zeros((len(z), 4, 4, 3))
        for i, width in enumerate((WIDTH, WIDTH, 32)):
            if i:
                twice = lambda a: jax.image.resize(
                    a, (len(z), 2 * a.shape[1], 2 * a.shape[2], a.shape[3]), "bilinear"
                )
                x, rgb = twice(x), twice(rgb)
            x = Styled(width, name=f"conv_{i}")(x, w)
            strength = self.param(f"noise_{i}", init.zeros, ())
            noise = jax.random.normal(jax.random.key(i), x.shape[1:3])
            x = leaky(x + strength * noise[:, :, None])
            rgb = rgb + Styled(3, 1, demodulate=False, name=f"rgb_{i}")(x, w)
        return rgb


@entry(
    (image(4, 32),),
    own={"*affine/bias": "ones: styles start at 1", "*noise_?": "zeros"},
)
def stylegan2() -> nn.Module:
    """Rates stand in the computation: weights want N(0, 1), and N(0, 100²) in the
    mapping. Demodulation undoes a convolution's size. The constant is N(0, 1).
    """
    return StyleGAN2()
