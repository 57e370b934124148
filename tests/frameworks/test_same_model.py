"""One decoder in linen, NNX and Equinox: every recipe gives it the same laws."""

import collections
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn, nnx

import jinit


WIDTH, HEADS, VOCAB, CONTEXT = 16, 2, 32, 8


class Linen(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        x = nn.Embed(VOCAB, WIDTH)(tokens)
        x = x + nn.Embed(CONTEXT, WIDTH)(jnp.arange(CONTEXT))
        x = x + nn.MultiHeadDotProductAttention(HEADS)(nn.LayerNorm()(x))
        y = nn.gelu(nn.Dense(4 * WIDTH)(nn.LayerNorm()(x)))
        x = x + nn.Dense(WIDTH)(y)
        return nn.Dense(VOCAB)(nn.LayerNorm()(x))


class NNX(nnx.Module):
    def __init__(self, rngs):
        self.tokens = nnx.Embed(VOCAB, WIDTH, rngs=rngs)
        self.positions = nnx.Embed(CONTEXT, WIDTH, rngs=rngs)
        self.norms = nnx.List([nnx.LayerNorm(WIDTH, rngs=rngs) for _ in range(3)])
        self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
        self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
        self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)
        self.head = nnx.Linear(WIDTH, VOCAB, rngs=rngs)

    def __call__(self, tokens):
        x = self.tokens(tokens) + self.positions(jnp.arange(CONTEXT))
        x = x + self.attention(self.norms[0](x))
        x = x + self.down(nnx.gelu(self.up(self.norms[1](x))))
        return self.head(self.norms[2](x))


class Equinox(eqx.Module):
    tokens: eqx.nn.Embedding
    positions: eqx.nn.Embedding
    norms: list[eqx.nn.LayerNorm]
    attention: eqx.nn.MultiheadAttention
    up: eqx.nn.Linear
    down: eqx.nn.Linear
    head: eqx.nn.Linear

    def __init__(self, key):
        biases = {f"use_{x}_bias": True for x in ("query", "key", "value", "output")}
        self.tokens = eqx.nn.Embedding(VOCAB, WIDTH, key=key)
        self.positions = eqx.nn.Embedding(CONTEXT, WIDTH, key=key)
        self.norms = [eqx.nn.LayerNorm(WIDTH) for _ in range(3)]
        self.attention = eqx.nn.MultiheadAttention(HEADS, WIDTH, key=key, **biases)
        self.up = eqx.nn.Linear(WIDTH, 4 * WIDTH, key=key)
        self.down = eqx.nn.Linear(4 * WIDTH, WIDTH, key=key)
        self.head = eqx.nn.Linear(WIDTH, VOCAB, key=key)

    def __call__(self, tokens):
        first, second, last = map(jax.vmap, self.norms)
        x = jax.vmap(self.tokens)(tokens) + jax.vmap(self.positions)(
            jnp.arange(CONTEXT)
        )
        y = first(x)
        x = x + self.attention(y, y, y)
        x = x + jax.vmap(self.down)(jax.nn.gelu(jax.vmap(self.up)(second(x))))
        return jax.vmap(self.head)(last(x))


def laws(model, rules, *shape):
    """How many parameters there are of each role, size, mean and deviation."""
    tokens = jax.ShapeDtypeStruct(shape, "int32")
    plan = jinit.explain(model, tokens, rules=rules)
    return collections.Counter(
        (each.role, math.prod(each.shape), *_moments(each)) for each in plan
    )


def _moments(choice):
    law, shape = choice.initializer, choice.shape
    return f"{law.mean(shape):.4g}", f"{law.std(shape):.4g}"


@pytest.mark.parametrize(
    "rules",
    [
        None,
        jinit.recipes.gpt2(),
        jinit.recipes.t5(head_size=WIDTH // HEADS),
        jinit.recipes.deepnorm(),
        jinit.recipes.t_fixup(),
        jinit.recipes.small_init(),
        jinit.recipes.torch_default(),
    ],
    ids=str,
)
def test_the_framework_does_not_matter(rules):
    expected = laws(Linen(), rules, 1, CONTEXT)
    assert laws(NNX, rules, 1, CONTEXT) == expected
    assert laws(Equinox, rules, CONTEXT) == expected
