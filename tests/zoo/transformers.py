"""Language models of linen: GPT-2 and BERT."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, text
from .parts import attend, causal, cross_entropy, mask, split_heads


VOCABULARY, WIDTH, HEADS, DEPTH, LENGTH = 96, 64, 4, 3, 16
POSITIONS = jnp.broadcast_to(jnp.arange(LENGTH), (4, LENGTH))
SEGMENTS = (POSITIONS >= LENGTH // 2).astype(jnp.int32)


class GPT2Block(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool) -> jax.Array:
        dense = lambda n, std=0.02: nn.Dense(n, kernel_init=init.normal(std))
        drop = nn.Dropout(0.1, deterministic=deterministic)
        closing = 0.02 / (2 * DEPTH) ** 0.5
        q, k, v = jnp.split(dense(3 * WIDTH)(nn.LayerNorm()(x)), 3, -1)
        q, k, v = (split_heads(each, HEADS) for each in (q, k, v))
        x = x + drop(dense(WIDTH, closing)(attend(q, k, v, causal(x.shape[1]))))
        h = nn.gelu(dense(4 * WIDTH)(nn.LayerNorm()(x)))
        return x + drop(dense(WIDTH, closing)(h))


class GPT2(nn.Module):
    @nn.compact
    def __call__(
        self, ids: jax.Array, positions: jax.Array, deterministic: bool = True
    ) -> jax.Array:
        wte = nn.Embed(VOCABULARY, WIDTH, embedding_init=init.normal(0.02), name="wte")
        wpe = nn.Embed(32, WIDTH, embedding_init=init.normal(0.01), name="wpe")
        x = nn.Dropout(0.1, deterministic=deterministic)(wte(ids) + wpe(positions))
        for i in range(DEPTH):
            x = GPT2Block(name=f"h_{i}")(x, deterministic)
        return wte.attend(nn.LayerNorm(name="ln_f")(x))


@entry((text(4, LENGTH), POSITIONS), loss=cross_entropy)
def gpt2() -> nn.Module:
    """Tokens and positions are summed: the two tables share a variance, and that of
    the tokens is the head too, so that logits want 1/√d. Projections close branches.
    """
    return GPT2()


class BERTLayer(nn.Module):
    @nn.compact
    def __call__(
        self, x: jax.Array, visible: jax.Array, deterministic: bool
    ) -> jax.Array:
        normal = init.normal(0.02)
        attention = nn.MultiHeadDotProductAttention(
            HEADS, kernel_init=normal, dropout_rate=0.1, deterministic=deterministic
        )
        drop = nn.Dropout(0.1, deterministic=deterministic)
        x = nn.LayerNorm()(x + drop(attention(x, mask=visible[:, None, None])))
        h = nn.gelu(nn.Dense(4 * WIDTH, kernel_init=normal)(x))
        h = nn.Dense(WIDTH, kernel_init=normal)(h)
        return nn.LayerNorm()(x + drop(h))


class BERT(nn.Module):
    @nn.compact
    def __call__(
        self,
        ids: jax.Array,
        segments: jax.Array,
        visible: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        table = lambda n, name: nn.Embed(
            n, WIDTH, embedding_init=init.normal(0.02), name=name
        )
        word = table(VOCABULARY, "word")
        x = word(ids) + table(32, "position")(POSITIONS[:1])
        x = nn.LayerNorm()(x + table(2, "segment")(segments))
        x = nn.Dropout(0.1, deterministic=deterministic)(x)
        for i in range(DEPTH):
            x = BERTLayer(name=f"layer_{i}")(x, visible, deterministic)
        x = nn.Dense(WIDTH, kernel_init=init.normal(0.02), name="transform")(x)
        bias = self.param("bias", init.zeros, (VOCABULARY,))
        return word.attend(nn.LayerNorm()(nn.gelu(x))) + bias


@entry((text(4, LENGTH), SEGMENTS, mask(4, LENGTH)), loss=cross_entropy)
def bert() -> nn.Module:
    """Three tables are summed and share a variance (the norm behind them undoes its
    size, not the shares). Norms stand after the sums; the mask is no stream.
    """
    return BERT()
