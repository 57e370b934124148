"""Networks of sequences: text by a GPT, sums by an LSTM, copies by a state space."""

import math
from pydoc_data import topics
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from .._schemes import uniform_range
from .data import cut, standardized
from .losses import cross_entropy, squared_error
from .task import Task


BYTES = 128  # of ASCII


class Decoder(nn.Module):
    """A pre-norm transformer block that sees what came before."""

    heads: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width, mask = x.shape[-1], nn.make_causal_mask(x[..., 0])
        attention = nn.MultiHeadDotProductAttention(self.heads)
        x = x + attention(nn.LayerNorm()(x), mask=mask)
        h = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(x)))
        return x + nn.Dense(width)(h)


class GPT(nn.Module):
    """Bytes and their places, blocks, and a head for the next byte."""

    width: int
    depth: int
    heads: int

    @nn.compact
    def __call__(self, tokens: jax.Array) -> jax.Array:
        length = tokens.shape[-1]
        x = nn.Embed(BYTES, self.width, name="tokens")(tokens)
        x = x + nn.Embed(length, self.width, name="positions")(jnp.arange(length))
        for _ in range(self.depth):
            x = Decoder(self.heads)(x)
        return nn.Dense(BYTES, use_bias=False, name="head")(nn.LayerNorm()(x))


class LSTM(nn.Module):
    """A recurrent layer, whose last output a linear head reads."""

    units: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        states = jnp.asarray(nn.RNN(nn.OptimizedLSTMCell(self.units))(x))
        return nn.Dense(1, name="head")(states[:, -1])[:, 0]


class StateSpace(nn.Module):
    """A diagonal complex recurrence, poles on a ring as in the LRU, then a gated layer.

    s_t = λ s_{t-1} + √(1 − |λ|²) B x_t,      y_t = Re(C s_t)
    """

    states: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        n, width = self.states, x.shape[-1]
        nu = self.param("nu", uniform_range(math.log(1e-3), math.log(0.2)), (n,))
        theta = self.param("theta", uniform_range(0.0, math.pi), (n,))
        poles = jnp.exp(-jnp.exp(nu) + 1j * theta)
        h = nn.LayerNorm()(x)
        into = jax.lax.complex(nn.Dense(n, name="B_re")(h), nn.Dense(n, name="B_im")(h))
        into = jnp.sqrt(1 - jnp.abs(poles) ** 2) * into
        join = lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1])
        poles = jnp.broadcast_to(poles, into.shape)
        _, s = jax.lax.associative_scan(join, (poles, into), axis=1)
        y = nn.Dense(width, name="C_re")(s.real) + nn.Dense(width, name="C_im")(s.imag)
        y = nn.gelu(y)
        return x + y * nn.sigmoid(nn.Dense(width, name="gate")(y))


class StateSpaces(nn.Module):
    """Symbols, state spaces in residual blocks, and a head for the symbols."""

    symbols: int
    width: int
    states: int
    depth: int

    @nn.compact
    def __call__(self, tokens: jax.Array) -> jax.Array:
        x = nn.Embed(self.symbols, self.width, name="tokens")(tokens)
        for _ in range(self.depth):
            x = StateSpace(self.states)(x)
        return nn.Dense(self.symbols, name="head")(nn.LayerNorm()(x))


def text_gpt() -> Task:
    """Pieces of 32 bytes of Python's help, no two alike, and the byte after each."""
    text = "\n\n".join(topics.topics[name] for name in sorted(topics.topics))
    codes = np.frombuffer(text.encode("ascii", "ignore"), np.uint8).astype(np.int32)
    pieces = np.unique(codes[: len(codes) // 33 * 33].reshape(-1, 33), axis=0)
    pieces = np.random.default_rng(0).permutation(pieces)
    data = cut(pieces[:, :-1], pieces[:, 1:], 8, 48, 12)
    about = "the next byte of Python's help, by a GPT of two blocks"
    return Task("text-gpt", GPT(32, 2, 4), cross_entropy, *data, about)


def adding_lstm() -> Task:
    """Numbers and marks; the target is the sum of the two that are marked."""
    rng, rows, length, count, held_out = np.random.default_rng(0), 32, 20, 48, 12
    shape = (rows * (count + held_out), length)
    numbers, marks = rng.standard_normal(shape), np.zeros(shape)
    half = length // 2
    for first, many in ((0, half), (half, length - half)):
        np.put_along_axis(marks, first + rng.integers(many, size=(len(marks), 1)), 1, 1)
    inputs = np.stack([numbers, standardized(marks)], axis=-1).astype(np.float32)
    sums = standardized((numbers * marks).sum(1))
    about = "the sum of two marked numbers among 20, by an LSTM"
    data = cut(inputs, sums, rows, count, held_out)
    return Task("adding-lstm", LSTM(32), squared_error, *data, about)


def copy_ssm() -> Task:
    """Symbols, then as many blanks; the target is the symbols again, in their order."""
    rng, rows, length, count, held_out = np.random.default_rng(0), 32, 8, 48, 12
    symbols = rng.integers(1, 9, (rows * (count + held_out), length), np.int32)
    blanks = np.zeros_like(symbols)
    tokens = np.concatenate([symbols, blanks], axis=1)
    about = "eight symbols copied after the last of them, by diagonal state spaces"
    model = StateSpaces(9, 32, 32, 2)
    data = cut(tokens, symbols, rows, count, held_out)
    return Task("copy-ssm", model, _second_half, *data, about)


def _second_half(logits: jax.Array, symbols: Any) -> jax.Array:
    return cross_entropy(logits[:, symbols.shape[1] :], symbols)
