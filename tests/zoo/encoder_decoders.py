"""Encoder-decoders of linen with masks: T5 and BART."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, text
from .parts import attend, causal, cross_entropy, hide, mask, split_heads


VOCABULARY, WIDTH, HEADS, LENGTH = 96, 64, 4, 16


class RMSNorm(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        size = jax.lax.rsqrt(jnp.mean(x**2, -1, keepdims=True) + 1e-6)
        return x * size * self.param("weight", init.ones, (x.shape[-1],))


class T5Attention(nn.Module):
    """Logits without 1/√d: the queries' own law has it."""

    @nn.compact
    def __call__(self, x: jax.Array, context: jax.Array, bias: jax.Array) -> jax.Array:
        width = WIDTH // HEADS
        dense = lambda std, name: nn.Dense(
            WIDTH, use_bias=False, kernel_init=init.normal(std), name=name
        )
        q = dense((WIDTH * width) ** -0.5, "q")(x)
        k, v = (dense(WIDTH**-0.5, name)(context) for name in "kv")
        q, k, v = (split_heads(each, HEADS) for each in (q, k, v))
        y = attend(q, k, v, bias, scale=False)
        return dense(WIDTH**-0.5, "o")(y)


class RelativeBias(nn.Module):
    """A value per head for each of the buckets of distance; a decoder hides ahead."""

    causal: bool

    @nn.compact
    def __call__(self, length: int) -> jax.Array:
        distance = jnp.arange(length) - jnp.arange(length)[:, None]
        buckets = jnp.clip(distance + 8, 0, 15)
        table = nn.Embed(16, HEADS, embedding_init=init.normal(WIDTH**-0.5))
        bias = table(buckets).transpose(2, 0, 1)
        return bias + causal(length) if self.causal else bias


class T5Block(nn.Module):
    gated: bool

    @nn.compact
    def __call__(
        self, x: jax.Array, bias: jax.Array, memory: tuple, deterministic: bool
    ) -> jax.Array:
        drop = nn.Dropout(0.1, deterministic=deterministic)
        dense = lambda n, std: nn.Dense(n, use_bias=False, kernel_init=init.normal(std))
        h = RMSNorm()(x)
        x = x + drop(T5Attention(name="self")(h, h, bias))
        if memory:
            x = x + drop(T5Attention(name="cross")(RMSNorm()(x), *memory))
        h, wide = RMSNorm()(x), 4 * WIDTH
        inner = dense(wide, WIDTH**-0.5)(h)
        inner = nn.relu(inner)
        if self.gated:
            inner = nn.gelu(inner) * dense(wide, WIDTH**-0.5)(h)
        return x + drop(dense(WIDTH, wide**-0.5)(drop(inner)))


class T5(nn.Module):
    tied: bool

    @nn.compact
    def __call__(
        self,
        source: jax.Array,
        visible: jax.Array,
        target: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        shared = nn.Embed(VOCABULARY, WIDTH, embedding_init=init.normal(1.0))
        drop = nn.Dropout(0.1, deterministic=deterministic)
        hidden = hide(visible[:, None, None])

        def stack(ids: jax.Array, name: str, memory: tuple = ()) -> jax.Array:
            x = drop(shared(ids))
            bias = RelativeBias(bool(memory), name=f"{name}_bias")(ids.shape[1])
            bias = bias if memory else bias + hidden
            for i in range(2):
                block = T5Block(not self.tied, name=f"{name}_{i}")
                x = block(x, bias, memory, deterministic)
            return drop(RMSNorm(name=f"{name}_norm")(x))

        memory = stack(source, "encoder")
        x = stack(target, "decoder", (memory, hidden))
        if self.tied:
            return shared.attend(x * WIDTH**-0.5)
        head = nn.Dense(
            VOCABULARY, use_bias=False, kernel_init=init.normal(WIDTH**-0.5)
        )
        return head(x)


PAIR = (text(4, LENGTH), mask(4, LENGTH), text(4, LENGTH))


@entry(PAIR, loss=cross_entropy)
def t5() -> nn.Module:
    """The head is the table, read by x/√d: the table wants std 1. Queries carry the
    1/√width that the logits lack. Masks and shared biases are no streams.
    """
    return T5(tied=True)


@entry(PAIR, loss=cross_entropy)
def t5_untied() -> nn.Module:
    """One table with two look-ups and a head of its own (v1.1, gated): the table is
    not tied, so that it keeps std 1 and the head has 1/√d.
    """
    return T5(tied=False)


class BARTLayer(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, bias: jax.Array, memory: tuple = ()) -> jax.Array:
        dense = lambda n: nn.Dense(n, kernel_init=init.normal(0.02))

        def attention(x: jax.Array, context: jax.Array, bias: jax.Array) -> jax.Array:
            q, k, v = (
                split_heads(dense(WIDTH)(h), HEADS) for h in (x, context, context)
            )
            return dense(WIDTH)(attend(q, k, v, bias))

        x = nn.LayerNorm()(x + attention(x, x, bias))
        if memory:
            x = nn.LayerNorm()(x + attention(x, *memory))
        return nn.LayerNorm()(x + dense(WIDTH)(nn.gelu(dense(4 * WIDTH)(x))))


class BART(nn.Module):
    @nn.compact
    def __call__(
        self, source: jax.Array, visible: jax.Array, target: jax.Array
    ) -> jax.Array:
        shared = nn.Embed(VOCABULARY, WIDTH, embedding_init=init.normal(0.02))
        hidden = hide(visible[:, None, None])

        def embed(ids: jax.Array, name: str) -> jax.Array:
            positions = nn.Embed(
                34, WIDTH, embedding_init=init.normal(0.02), name=f"{name}_positions"
            )
            x = shared(ids) + positions(jnp.arange(ids.shape[1]) + 2)
            return nn.LayerNorm(name=f"{name}_norm")(x)

        memory = embed(source, "encoder")
        for i in range(2):
            memory = BARTLayer(name=f"encoder_{i}")(memory, hidden)
        x = embed(target, "decoder")
        for i in range(2):
            layer = BARTLayer(name=f"decoder_{i}")
            x = layer(x, causal(target.shape[1]), (memory, hidden))
        bias = self.param("final_logits_bias", init.zeros, (VOCABULARY,))
        return shared.attend(x) + bias


@entry(PAIR, loss=cross_entropy)
def bart() -> nn.Module:
    """Norms after the sums, on both sides. One table is read twice and is the head:
    1/√d; each side's positions share the variance of its tokens.
    """
    return BART()
