"""Full models, as `(apply, parameter shapes, input shapes)`: nothing is allocated."""

from typing import Any

import jax
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


class RMSNorm(nn.Module):
    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * scale


class DecoderBlock(nn.Module):
    width: int
    heads: int

    @nn.compact
    def __call__(self, x, _):
        y, mask = RMSNorm()(x), nn.make_causal_mask(x[..., 0])
        attention = nn.MultiHeadDotProductAttention(self.heads, use_bias=False)
        x = x + attention(y, y, mask=mask)
        y = RMSNorm()(x)
        dense = lambda n, name: nn.Dense(n, use_bias=False, name=name)
        y = nn.silu(dense(3 * self.width, "gate")(y)) * dense(3 * self.width, "up")(y)
        return x + dense(self.width, "down")(y), None


class GPT(nn.Module):
    """Scanned and rematerialized blocks or a loop of them, SwiGLU, tied embeddings."""

    depth: int = 12
    width: int = 256
    heads: int = 8
    vocab: int = 1000
    scanned: bool = True

    @nn.compact
    def __call__(self, tokens):
        embed = nn.Embed(self.vocab, self.width, name="tokens")
        positions = nn.Embed(tokens.shape[1], self.width, name="positions")
        x = embed(tokens) + positions(jnp.arange(tokens.shape[1]))
        if self.scanned:
            block = nn.scan(
                nn.remat(DecoderBlock, prevent_cse=False),
                variable_axes={"params": 0},
                split_rngs={"params": True},
                length=self.depth,
            )
            x, _ = block(self.width, self.heads, name="blocks")(x, None)
        for i in range(0 if self.scanned else self.depth):
            x, _ = DecoderBlock(self.width, self.heads, name=f"block{i}")(x, None)
        return embed.attend(RMSNorm(name="norm")(x))


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


class MoE(nn.Module):
    """A residual block of experts with dense routing."""

    experts: int = 4
    width: int = 32

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm()(x)
        gates = nn.softmax(nn.Dense(self.experts, use_bias=False, name="router")(y))
        init = nn.initializers.lecun_normal(batch_axis=0)
        shape = (self.experts, self.width, 2 * self.width)
        up = self.param("up", init, shape)
        down = self.param("down", init, (shape[0], shape[2], shape[1]))
        y = nn.relu(jnp.einsum("btd,edf->ebtf", y, up))
        y = jnp.einsum("ebtf,efd->ebtd", y, down)
        return x + jnp.einsum("ebtd,bte->btd", y, gates)


def image(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def text(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.int32)


def shapes(module: nn.Module, x: Any) -> tuple[Any, Any, Any]:
    params = jax.eval_shape(module.init, jax.random.key(0), x)
    return lambda v, x: module.apply(v, x, mutable=True)[0], params, x


ZOO = {
    "ResNet-50": lambda: shapes(ResNet(), image(2, 224, 224, 3)),
    "ViT-B/16": lambda: shapes(ViT(), image(2, 224, 224, 3)),
    "GPT": lambda: shapes(GPT(), text(2, 16)),
    "tied LM": lambda: shapes(GPT(depth=2, scanned=False), text(2, 16)),
    "U-Net": lambda: shapes(UNet(), image(2, 32, 32, 3)),
    "Mixer": lambda: shapes(Mixer(), image(2, 32, 32, 3)),
    "MoE": lambda: shapes(MoE(), image(2, 8, 32)),
}
