"""Vision transformers: ViT and SigLIP and CLIP (linen), DINOv3 (Equinox)."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, image, text
from .parts import contrastive, cross_entropy


WIDTH, HEADS, DEPTH, PATCH, SIZE = 64, 4, 3, 4, 16


class EncoderBlock(nn.Module):
    """Norms before, as in big_vision: biases of the MLP are tiny noise."""

    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None, deterministic: bool):
        xavier, tiny = init.xavier_uniform(), init.normal(1e-6)
        dense = lambda n: nn.Dense(n, kernel_init=xavier, bias_init=tiny)
        drop = nn.Dropout(self.dropout, deterministic=deterministic)
        attention = nn.MultiHeadDotProductAttention(HEADS, kernel_init=xavier)
        h = nn.LayerNorm()(x)
        x = x + drop(attention(h, h, mask=mask))
        h = dense(4 * WIDTH)(nn.LayerNorm()(x))
        return x + drop(dense(WIDTH)(drop(nn.gelu(h))))


class Encoder(nn.Module):
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, mask=None, deterministic: bool = True):
        for i in range(DEPTH):
            block = EncoderBlock(self.dropout, name=f"block_{i}")
            x = block(x, mask, deterministic)
        return nn.LayerNorm(name="norm")(x)


def patches(x: jax.Array, use_bias: bool = True) -> jax.Array:
    """A linear layer of each patch, as a convolution named `embedding`."""
    conv = nn.Conv(
        WIDTH, (PATCH, PATCH), PATCH, "VALID", use_bias=use_bias, name="embedding"
    )
    return conv(x).reshape(len(x), -1, WIDTH)


class ViT(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = patches(x)
        cls = self.param("cls", init.zeros, (1, 1, WIDTH))
        x = jnp.concatenate([jnp.tile(cls, (len(x), 1, 1)), x], 1)
        x = x + self.param("pos_embedding", init.normal(0.02), (1, x.shape[1], WIDTH))
        x = nn.Dropout(0.1, deterministic=not train)(x)
        x = Encoder(0.1, name="encoder")(x, deterministic=not train)
        return nn.Dense(10, kernel_init=init.zeros, name="head")(x[:, 0])


PICTURES = image(4, SIZE, SIZE, 3)


@entry(
    (PICTURES,),
    own={"*cls": "zeros", "*head/kernel": "zeros: fine-tuning starts from no opinion"},
    loss=cross_entropy,
)
def vit() -> nn.Module:
    """The class token starts at 0 and reads the patches through attention; a head of 0
    wakes after one step. Positions are small beside what the patches say.
    """
    return ViT()


class AttentionPooling(nn.Module):
    """A learned query asks the patches; an MLP follows (big_vision's MAPHead)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        xavier = init.xavier_uniform()
        probe = self.param("probe", xavier, (1, 1, WIDTH))
        attention = nn.MultiHeadDotProductAttention(HEADS, kernel_init=xavier)
        x = attention(jnp.tile(probe, (len(x), 1, 1)), x)
        h = nn.gelu(nn.Dense(4 * WIDTH, kernel_init=xavier)(nn.LayerNorm()(x)))
        return (x + nn.Dense(WIDTH, kernel_init=xavier)(h))[:, 0]


def unit(x: jax.Array) -> jax.Array:
    return x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + 1e-8)


class SigLIP(nn.Module):
    @nn.compact
    def __call__(self, pixels: jax.Array, ids: jax.Array) -> jax.Array:
        x = patches(pixels)
        positions = init.normal(WIDTH**-0.5)
        x = x + self.param("image_positions", positions, (1, x.shape[1], WIDTH))
        x = AttentionPooling(name="pool")(Encoder(name="image")(x))
        y = nn.Embed(96, WIDTH, name="words")(ids)
        y = y + self.param("text_positions", positions, (1, y.shape[1], WIDTH))
        y = nn.Dense(WIDTH, name="text_head")(Encoder(name="text")(y)[:, -1])
        scale = self.param("t", init.constant(math.log(10.0)), (1,))
        bias = self.param("b", init.constant(-10.0), (1,))
        return unit(x) @ unit(y).T * jnp.exp(scale) + bias


def sigmoid_loss(logits: jax.Array, key: jax.Array) -> jax.Array:
    """Each pair is a question of its own: together or not."""
    del key
    signs = 2 * jnp.eye(len(logits)) - 1
    return -jax.nn.log_sigmoid(signs * logits).sum() / len(logits)


@entry(
    (PICTURES, text(4, 12)),
    own={"params/t": "log 10", "params/b": "-10: almost no pair belongs together"},
    loss=sigmoid_loss,
)
def siglip() -> nn.Module:
    """The query of the pool is learned, and reads no data: its layer has the role and
    the fans of any other, so that neither it nor the query's kernel dies at 0.
    """
    return SigLIP()


class CLIP(nn.Module):
    @nn.compact
    def __call__(self, pixels: jax.Array, ids: jax.Array) -> jax.Array:
        x = patches(pixels, use_bias=False)
        cls = self.param("class_embedding", init.normal(WIDTH**-0.5), (WIDTH,))
        cls = jnp.broadcast_to(cls, (len(x), 1, WIDTH))
        x = jnp.concatenate([cls, x], 1)
        x = x + self.param(
            "image_positions", init.normal(WIDTH**-0.5), (x.shape[1], WIDTH)
        )
        x = Encoder(name="image")(nn.LayerNorm(name="pre_norm")(x))[:, 0]
        y = nn.Embed(96, WIDTH, embedding_init=init.normal(0.02), name="words")(ids)
        y = y + self.param("text_positions", init.normal(0.01), (y.shape[1], WIDTH))
        y = Encoder(name="text")(y, nn.make_causal_mask(ids))
        y = y[jnp.arange(len(y)), ids.argmax(-1)]  # the end of the text
        project = lambda name: nn.Dense(32, use_bias=False, name=name)
        x, y = project("image_projection")(x), project("text_projection")(y)
        scale = self.param("logit_scale", init.constant(math.log(1 / 0.07)), ())
        return unit(x) @ unit(y).T * jnp.exp(scale)


@entry(
    (PICTURES, text(4, 12)),
    own={"*logit_scale": "log(1 / .07)"},
    loss=contrastive,
)
def clip() -> nn.Module:
    """Two towers, a contrast of unit vectors: the projections' size is undone, the
    temperature is their author's. Words and positions share a variance.
    """
    return CLIP()


class DINOBlock(eqx.Module):
    norm_1: eqx.nn.LayerNorm
    norm_2: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    up: eqx.nn.Linear
    down: eqx.nn.Linear
    scale_1: jax.Array
    scale_2: jax.Array
    rope: eqx.nn.RotaryPositionalEmbedding

    def __init__(self, key: jax.Array):
        keys = jax.random.split(key, 3)
        self.norm_1, self.norm_2 = eqx.nn.LayerNorm(WIDTH), eqx.nn.LayerNorm(WIDTH)
        self.attention = eqx.nn.MultiheadAttention(
            HEADS, WIDTH, use_output_bias=True, key=keys[0]
        )
        self.up = eqx.nn.Linear(WIDTH, 4 * WIDTH, key=keys[1])
        self.down = eqx.nn.Linear(4 * WIDTH, WIDTH, key=keys[2])
        self.scale_1 = self.scale_2 = jnp.full(WIDTH, 1e-5)
        self.rope = eqx.nn.RotaryPositionalEmbedding(WIDTH // HEADS)

    def __call__(self, x: jax.Array) -> jax.Array:
        turn = jax.vmap(self.rope, in_axes=1, out_axes=1)
        heads = lambda q, k, v: (turn(q), turn(k), v)
        h = jax.vmap(self.norm_1)(x)
        x = x + self.scale_1 * self.attention(h, h, h, process_heads=heads)
        h = jax.vmap(self.up)(jax.vmap(self.norm_2)(x))
        return x + self.scale_2 * jax.vmap(self.down)(jax.nn.gelu(h))


class DINOv3(eqx.Module):
    embed: eqx.nn.Conv2d
    cls: jax.Array
    registers: jax.Array
    blocks: list[DINOBlock]
    norm: eqx.nn.LayerNorm

    def __init__(self, *, key: jax.Array):
        keys = jax.random.split(key, DEPTH + 3)
        self.embed = eqx.nn.Conv2d(3, WIDTH, PATCH, PATCH, key=keys[0])
        self.cls = 0.02 * jax.random.normal(keys[1], (1, WIDTH))
        self.registers = 0.02 * jax.random.normal(keys[2], (4, WIDTH))
        self.blocks = [DINOBlock(key) for key in keys[3:]]
        self.norm = eqx.nn.LayerNorm(WIDTH)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.embed(x).reshape(WIDTH, -1).T
        x = jnp.concatenate([self.cls, self.registers, x])
        for block in self.blocks:
            x = block(x)
        return jax.vmap(self.norm)(x)[0]


@entry((image(3, SIZE, SIZE),), own={"*scale_?": "1e-05: branches start closed"})
def dinov3() -> type[eqx.Module]:
    """LayerScale stays at 1e-5, so that branches need no factor of depth besides.
    Registers and the class token are the size of a table of positions.
    """
    return DINOv3
