"""The same GPT in linen, NNX, Equinox and PyTorch: pre-norm blocks, unscanned."""

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import linen as nn, nnx


WIDTH, HEADS, VOCAB, CONTEXT = 512, 8, 8192, 256
TOKENS = jax.ShapeDtypeStruct((1, CONTEXT), jnp.int32)


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        y, mask = nn.LayerNorm()(x), nn.make_causal_mask(x[..., 0])
        x = x + nn.MultiHeadDotProductAttention(HEADS, name="attention")(y, mask=mask)
        y = nn.gelu(nn.Dense(4 * WIDTH, name="up")(nn.LayerNorm()(x)))
        return x + nn.Dense(WIDTH, name="down")(y)


class GPT(nn.Module):
    layers: int

    @nn.compact
    def __call__(self, tokens):
        x = nn.Embed(VOCAB, WIDTH, name="tokens")(tokens)
        x = x + nn.Embed(CONTEXT, WIDTH, name="positions")(jnp.arange(tokens.shape[1]))
        for i in range(self.layers):
            x = Block(name=f"block{i}")(x)
        return nn.Dense(VOCAB, use_bias=False, name="head")(nn.LayerNorm()(x))


class NNXBlock(nnx.Module):
    def __init__(self, rngs):
        self.norm1 = nnx.LayerNorm(WIDTH, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
        self.norm2 = nnx.LayerNorm(WIDTH, rngs=rngs)
        self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
        self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

    def __call__(self, x):
        mask = nnx.make_causal_mask(x[..., 0])
        x = x + self.attention(self.norm1(x), mask=mask)
        return x + self.down(nnx.gelu(self.up(self.norm2(x))))


class NNXGPT(nnx.Module):
    def __init__(self, layers, rngs):
        self.tokens = nnx.Embed(VOCAB, WIDTH, rngs=rngs)
        self.positions = nnx.Embed(CONTEXT, WIDTH, rngs=rngs)
        self.blocks = nnx.List([NNXBlock(rngs) for _ in range(layers)])
        self.norm = nnx.LayerNorm(WIDTH, rngs=rngs)
        self.head = nnx.Linear(WIDTH, VOCAB, use_bias=False, rngs=rngs)

    def __call__(self, tokens):
        x = self.tokens(tokens) + self.positions(jnp.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class EquinoxBlock(eqx.Module):
    norm1: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    norm2: eqx.nn.LayerNorm
    up: eqx.nn.Linear
    down: eqx.nn.Linear

    def __init__(self, key):
        keys = jax.random.split(key, 3)
        biases = {
            f"use_{name}_bias": True for name in ("query", "key", "value", "output")
        }
        self.norm1 = eqx.nn.LayerNorm(WIDTH)
        self.attention = eqx.nn.MultiheadAttention(HEADS, WIDTH, key=keys[0], **biases)
        self.norm2 = eqx.nn.LayerNorm(WIDTH)
        self.up = eqx.nn.Linear(WIDTH, 4 * WIDTH, key=keys[1])
        self.down = eqx.nn.Linear(4 * WIDTH, WIDTH, key=keys[2])

    def __call__(self, x):
        y = jax.vmap(self.norm1)(x)
        x = x + self.attention(y, y, y, mask=jnp.tri(len(x), dtype=bool))
        mlp = lambda y: self.down(jax.nn.gelu(self.up(self.norm2(y))))
        return x + jax.vmap(mlp)(x)


class EquinoxGPT(eqx.Module):
    tokens: eqx.nn.Embedding
    positions: eqx.nn.Embedding
    blocks: list[EquinoxBlock]
    norm: eqx.nn.LayerNorm
    head: eqx.nn.Linear

    def __init__(self, layers, key):
        keys = jax.random.split(key, layers + 3)
        self.tokens = eqx.nn.Embedding(VOCAB, WIDTH, key=keys[0])
        self.positions = eqx.nn.Embedding(CONTEXT, WIDTH, key=keys[1])
        self.head = eqx.nn.Linear(WIDTH, VOCAB, use_bias=False, key=keys[2])
        self.blocks = [EquinoxBlock(each) for each in keys[3:]]
        self.norm = eqx.nn.LayerNorm(WIDTH)

    def __call__(self, tokens):
        x = jax.vmap(self.tokens)(tokens)
        x = x + jax.vmap(self.positions)(jnp.arange(len(tokens)))
        for block in self.blocks:
            x = block(x)
        return jax.vmap(lambda y: self.head(self.norm(y)))(x)


def torch_gpt(layers: int):
    """The modules of the same GPT, which is all that its initialization needs."""
    import torch

    block = lambda: torch.nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH)
    return torch.nn.ModuleList(
        [
            torch.nn.Embedding(VOCAB, WIDTH),
            torch.nn.Embedding(CONTEXT, WIDTH),
            *(block() for _ in range(layers)),
            torch.nn.LayerNorm(WIDTH),
            torch.nn.Linear(WIDTH, VOCAB, bias=False),
        ]
    )
