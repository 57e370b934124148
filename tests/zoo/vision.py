"""Models that read images."""

import jax.numpy as jnp
from flax import linen as nn


class Bottleneck(nn.Module):
    filters: int
    strides: int

    @nn.compact
    def __call__(self, x):
        norm = lambda: nn.BatchNorm(use_running_average=False)
        y = nn.relu(norm()(nn.Conv(self.filters, (1, 1), use_bias=False)(x)))
        y = nn.Conv(self.filters, (3, 3), self.strides, use_bias=False)(y)
        y = nn.relu(norm()(y))
        y = norm()(nn.Conv(4 * self.filters, (1, 1), use_bias=False)(y))
        if x.shape != y.shape:
            x = nn.Conv(4 * self.filters, (1, 1), self.strides, use_bias=False)(x)
            x = norm()(x)
        return nn.relu(x + y)


class ResNet(nn.Module):
    stages: tuple[int, ...] = (3, 4, 6, 3)
    filters: int = 64
    classes: int = 1000

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(self.filters, (7, 7), 2, use_bias=False)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=False)(x))
        x = nn.max_pool(x, (3, 3), (2, 2), "SAME")
        for i, blocks in enumerate(self.stages):
            for j in range(blocks):
                strides = 2 if i > 0 and j == 0 else 1
                x = Bottleneck(self.filters * 2**i, strides)(x)
        return nn.Dense(self.classes)(x.mean((1, 2)))


class EncoderBlock(nn.Module):
    width: int
    heads: int

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(self.heads)(y, y)
        y = nn.gelu(nn.Dense(4 * self.width)(nn.LayerNorm()(x)))
        return x + nn.Dense(self.width)(y)


class ViT(nn.Module):
    width: int = 768
    depth: int = 12
    heads: int = 12
    patch: int = 16

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(self.width, (self.patch,) * 2, self.patch, name="embed")(x)
        x = x.reshape(len(x), -1, self.width)
        cls = self.param("cls", nn.initializers.zeros, (1, 1, self.width))
        x = jnp.concatenate([jnp.tile(cls, (len(x), 1, 1)), x], 1)
        init = nn.initializers.normal(0.02)
        x = x + self.param("positions", init, (1, x.shape[1], self.width))
        for _ in range(self.depth):
            x = EncoderBlock(self.width, self.heads)(x)
        return nn.Dense(1000, name="head")(nn.LayerNorm()(x)[:, 0])


class UNet(nn.Module):
    width: int = 16

    @nn.compact
    def __call__(self, x):
        skips = []
        for i in range(3):
            x = nn.relu(nn.Conv(self.width * 2**i, (3, 3), name=f"down{i}")(x))
            skips.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.relu(nn.Conv(self.width * 8, (3, 3), name="middle")(x))
        for i in reversed(range(3)):
            x = nn.ConvTranspose(
                self.width * 2**i, (2, 2), strides=(2, 2), name=f"grow{i}"
            )(x)
            x = jnp.concatenate([x, skips[i]], -1)
            x = nn.relu(nn.Conv(self.width * 2**i, (3, 3), name=f"up{i}")(x))
        return nn.Conv(2, (1, 1), name="head")(x)


class MixerBlock(nn.Module):
    tokens: int = 64
    channels: int = 256

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm()(x).swapaxes(1, 2)
        y = nn.Dense(self.tokens, name="tokens_in")(y)
        y = nn.Dense(x.shape[1], name="tokens_out")(nn.gelu(y))
        x = x + y.swapaxes(1, 2)
        y = nn.Dense(self.channels, name="channels_in")(nn.LayerNorm()(x))
        return x + nn.Dense(x.shape[2], name="channels_out")(nn.gelu(y))


class Mixer(nn.Module):
    depth: int = 4

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(64, (4, 4), 4, name="stem")(x)
        x = x.reshape(len(x), -1, 64)
        for _ in range(self.depth):
            x = MixerBlock()(x)
        return nn.Dense(10, name="head")(nn.LayerNorm()(x).mean(1))
