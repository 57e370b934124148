"""Small networks of the recipes that no model of the zoo is like, from their papers."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from tests.zoo.parts import attend, split_heads


class StandardConv(nn.Module):
    """A convolution whose kernel has mean 0 and variance 1/fan_in for every output,
    times a learned gain."""

    features: int
    size: int = 1
    stride: int = 1
    groups: int = 1

    @nn.compact
    def __call__(self, x):
        shape = (self.size, self.size, x.shape[-1] // self.groups, self.features)
        w = self.param("kernel", init.lecun_normal(), shape)
        gain = self.param("gain", init.ones, (self.features,))
        mean, variance = w.mean((0, 1, 2)), w.var((0, 1, 2))
        fan_in = math.prod(shape[:-1])
        w = (w - mean) * gain / jnp.sqrt(jnp.maximum(fan_in * variance, 1e-4))
        y = jax.lax.conv_general_dilated(
            x, w, (self.stride,) * 2, "SAME", feature_group_count=self.groups,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return y + self.param("bias", init.zeros, (self.features,))


class NFBlock(nn.Module):
    width: int
    beta: float
    stride: int
    gamma: float

    @nn.compact
    def __call__(self, x):
        phi = lambda x: nn.gelu(x) * self.gamma
        y = phi(x) * self.beta
        shortcut = x
        if self.stride > 1 or x.shape[-1] != self.width:
            pooled = nn.avg_pool(y, (2, 2), (2, 2), "SAME") if self.stride > 1 else y
            shortcut = StandardConv(self.width, name="shortcut")(pooled)
        y = phi(StandardConv(self.width // 2, name="conv_0")(y))
        y = StandardConv(self.width // 2, 3, self.stride, 2, name="conv_1")(y)
        y = StandardConv(self.width, name="conv_2")(phi(y))
        squeezed = nn.relu(nn.Dense(self.width // 2, name="squeeze")(y.mean((1, 2))))
        gate = nn.sigmoid(nn.Dense(self.width, name="excite")(squeezed))
        y = 2 * gate[:, None, None] * y
        y = y * self.param("skip_gain", init.zeros, ())
        return 0.2 * y + shortcut


class NFNet(nn.Module):
    gamma: float = 1.7015043497085571

    @nn.compact
    def __call__(self, x):
        phi = lambda x: nn.gelu(x) * self.gamma
        x = StandardConv(16, 3, 2, name="stem_0")(x)
        x = StandardConv(16, 3, name="stem_1")(phi(x))
        for i, (width, beta, stride) in enumerate(
            [(32, 1.0, 1), (32, 1.04**-0.5, 1), (64, 1.08**-0.5, 2)]
        ):
            x = NFBlock(width, beta, stride, self.gamma, name=f"block_{i}")(x)
        x = phi(StandardConv(128, name="last")(x)).mean((1, 2))
        return nn.Dense(10, name="head")(x)


class CaiTBlock(nn.Module):
    heads: int = 2

    @nn.compact
    def __call__(self, x, tokens=None):
        width = x.shape[-1]
        h = nn.LayerNorm()(x if tokens is None else jnp.concatenate([x, tokens], 1))
        q = nn.Dense(width, name="q")(h[:, : x.shape[1]])
        k, v = nn.Dense(width, name="k")(h), nn.Dense(width, name="v")(h)
        q, k, v = (split_heads(each, self.heads) for each in (q, k, v))
        scale = lambda name: self.param(name, init.constant(0.5), (width,))
        x = x + scale("gamma_1") * nn.Dense(width, name="out")(attend(q, k, v))
        h = nn.gelu(nn.Dense(4 * width, name="up")(nn.LayerNorm()(x)))
        return x + scale("gamma_2") * nn.Dense(width, name="down")(h)


class CaiT(nn.Module):
    """Layers of patches, then two in which the class token alone asks."""

    depth: int
    scanned: bool = False
    width: int = 8

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(self.width, (4, 4), 4, "VALID", name="patches")(x)
        x = x.reshape(len(x), -1, self.width)
        at = init.truncated_normal(0.02)
        x = x + self.param("positions", at, (1, x.shape[1], self.width))
        if self.scanned:
            step = lambda block, x, _: (block(x), None)
            scan = nn.scan(
                step, {"params": 0}, split_rngs={"params": True}, length=self.depth
            )
            x, _ = scan(CaiTBlock(name="blocks"), x, None)
        else:
            for i in range(self.depth):
                x = CaiTBlock(name=f"block_{i}")(x)
        cls = self.param("cls", at, (1, 1, self.width))
        cls = jnp.tile(cls, (len(x), 1, 1))
        for i in range(2):
            cls = CaiTBlock(name=f"class_{i}")(cls, x)
        x = nn.LayerNorm(name="norm")(jnp.concatenate([cls, x], 1))[:, 0]
        return nn.Dense(10, name="head")(x)


def unit(x, axes, eps=1e-4):
    """Of root mean square 1 along axes."""
    return x / (jnp.sqrt((x**2).mean(axes, keepdims=True)) + eps)


def mix(a, b, t=0.3):
    """A sum of two signals that keeps their size."""
    return ((1 - t) * a + t * b) / math.sqrt((1 - t) ** 2 + t**2)


def mp_silu(x):
    return nn.silu(x) / 0.596


class MPConv(nn.Module):
    """A convolution, or a linear layer, whose kernel has norm `gain` per output."""

    features: int
    size: int | None = None

    @nn.compact
    def __call__(self, x: jax.Array, gain: float | jax.Array = 1.0) -> jax.Array:
        window = () if self.size is None else (self.size,) * 2
        shape = (*window, x.shape[-1], self.features)
        w = self.param("weight", init.normal(1.0), shape)
        axes = tuple(range(len(shape) - 1))
        w = unit(w, axes) * (gain / math.sqrt(math.prod(shape[:-1])))
        if self.size is None:
            return x @ w
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )


class EDM2Block(nn.Module):
    @nn.compact
    def __call__(self, x, emb):
        width = x.shape[-1]
        x = unit(x, -1)
        h = MPConv(width, 3, name="conv_0")(mp_silu(x))
        gain = self.param("emb_gain", init.zeros, ())
        c = MPConv(width, name="emb")(emb, gain) + 1
        h = MPConv(width, 3, name="conv_1")(mp_silu(h * c[:, None, None]))
        x = mix(x, h)
        b, n, m, _ = x.shape
        qkv = MPConv(3 * width, 1, name="qkv")(x).reshape(b, n * m, 3, 2, -1)
        q, k, v = jnp.moveaxis(unit(qkv, -1), 2, 0)
        return mix(x, MPConv(width, 1, name="proj")(attend(q, k, v).reshape(x.shape)))


class EDM2(nn.Module):
    width: int = 16

    @nn.compact
    def __call__(self, x, noise, label):
        circle = lambda key, shape: 2 * math.pi * jax.random.uniform(key, shape)
        turns = lambda key, shape: 2 * math.pi * jax.random.normal(key, shape)
        rates = self.param("rates", turns, (self.width,))
        phases = self.param("phases", circle, (self.width,))
        waves = math.sqrt(2) * jnp.cos(noise[:, None] * rates + phases)
        emb = MPConv(self.width, name="noise")(waves)
        label = MPConv(self.width, name="label")(label * math.sqrt(label.shape[-1]))
        emb = mp_silu(mix(emb, label, 0.5))
        x = jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1)
        x = MPConv(self.width, 3, name="first")(x)
        for i in range(2):
            x = EDM2Block(name=f"block_{i}")(x, emb)
        return MPConv(3, 3, name="last")(x, self.param("out_gain", init.zeros, ()))
