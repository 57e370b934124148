"""Recurrent nets: xLSTM, RWKV and an LSTM encoder-decoder."""

import jax
import jax.numpy as jnp
import keras
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, image, text
from .parts import cross_entropy, split_heads, squared_error


WIDTH, HEADS, DEPTH, LENGTH = 64, 4, 2, 16


class MLSTM(nn.Module):
    """A matrix memory in its parallel form, with exponential gates."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        spread = lambda key, shape, dtype: jnp.linspace(3.0, 6.0, *shape, dtype=dtype)
        gate = lambda name, bias: nn.Dense(
            HEADS, kernel_init=init.zeros, bias_init=bias, name=name
        )
        dense = lambda name: nn.Dense(WIDTH, use_bias=False, name=name)
        left, right = jnp.split(nn.Dense(2 * WIDTH, name="up")(x), 2, -1)
        conv = nn.Conv(WIDTH, (4,), padding="CAUSAL", feature_group_count=WIDTH)
        local = nn.silu(conv(left))
        q, k, v = dense("q")(local), dense("k")(local), dense("v")(left)
        gates = jnp.concatenate([q, k, v], -1)
        keep = jax.nn.log_sigmoid(gate("forget", spread)(gates)).cumsum(1)
        write = gate("input", init.normal(0.1))(gates)
        seen = jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool))[None, :, :, None]
        decay = keep[:, :, None] - keep[:, None] + write[:, None]  # (b, to, from, head)
        decay = jnp.where(seen, decay, -jnp.inf)
        top = decay.max(2, keepdims=True)
        q, k, v = (split_heads(each, HEADS) for each in (q, k, v))
        scores = jnp.einsum("bqhd,bkhd->bqkh", q, k / k.shape[-1] ** 0.5)
        scores = scores * jnp.exp(decay - top)
        size = jnp.maximum(jnp.abs(scores.sum(2)), jnp.exp(-top[:, :, 0]))
        y = jnp.einsum("bqkh,bkhd->bqhd", scores, v) / (size[..., None] + 1e-6)
        y = nn.LayerNorm(name="head_norm")(y).reshape(x.shape)
        skip = self.param("skip", init.ones, (WIDTH,))
        return nn.Dense(WIDTH, name="down")((y + skip * local) * nn.silu(right))


class SLSTM(nn.Module):
    """A scalar memory with exponential gates and a recurrent kernel per head."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = WIDTH // HEADS
        gates = nn.Dense(4 * WIDTH, use_bias=False, name="gates")(x)
        gates = gates.reshape(*x.shape[:2], HEADS, 4 * width)
        kernel = self.param("recurrent", init.zeros, (HEADS, width, 4 * width))
        forget = lambda key, shape: (
            jnp.zeros(shape).at[:, width : 2 * width].set(jnp.linspace(3.0, 6.0, width))
        )
        bias = self.param("bias", forget, (HEADS, 4 * width))

        def step(carry: tuple, now: jax.Array) -> tuple:
            y, c, n, m = carry
            now = now + jnp.einsum("bhi,hij->bhj", y, kernel) + bias
            i, f, z, o = jnp.split(now, 4, -1)
            f = jax.nn.log_sigmoid(f)
            top = jnp.maximum(f + m, i)
            i, f = jnp.exp(i - top), jnp.exp(f + m - top)
            c, n = f * c + i * jnp.tanh(z), f * n + i
            y = jax.nn.sigmoid(o) * c / jnp.maximum(n, 1e-6)
            return (y, c, n, top), y

        start = (jnp.zeros((x.shape[0], HEADS, width)),) * 4
        y = jax.lax.scan(step, start, gates.swapaxes(0, 1))[1].swapaxes(0, 1)
        return nn.Dense(WIDTH, name="down")(nn.LayerNorm()(y).reshape(x.shape))


class XLSTM(nn.Module):
    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        x = nn.Embed(96, WIDTH)(ids)
        for i, layer in enumerate((MLSTM, SLSTM, MLSTM)):
            x = x + layer(name=f"block_{i}")(nn.LayerNorm()(x))
        return nn.Dense(96, use_bias=False, name="head")(nn.LayerNorm()(x))


XLSTM_OWN = {
    "*/forget/bias": "3..6: remembers from the start, each head for another time",
    "*/forget/kernel": "zeros",
    "*/input/kernel": "zeros",
    "*/input/bias": "drawn: N(0, .1²)",
    "*/recurrent": "zeros",
    "*block_1/bias": "3..6 in the part of the forget gate, else 0",
    "*/skip": "ones",
}


@entry((text(4, LENGTH),), own=XLSTM_OWN, loss=cross_entropy)
def xlstm() -> nn.Module:
    """Gates start open and independent of the input, as their kernels and biases say;
    all else are kernels by fan, `down` closes a branch.
    """
    return XLSTM()


def rwkv_weights(key: jax.Array) -> dict:
    """The starts of RWKV-4: decays and mixes by channel and layer, zero projections."""
    keys = iter(jax.random.split(key, 99))
    channels = jnp.arange(WIDTH) / (WIDTH - 1)
    norm = lambda: {"scale": jnp.ones(WIDTH), "bias": jnp.zeros(WIDTH)}
    draw = lambda m, n: jax.random.normal(next(keys), (m, n)) * m**-0.5

    def block(i: int) -> dict:
        late, early = i / (DEPTH - 1), 1 - i / DEPTH
        zigzag = (jnp.arange(WIDTH) + 1) % 3 - 1
        mix = channels**early
        return {
            "norm_1": norm(),
            "decay": -5 + 8 * channels ** (0.7 + 1.3 * late),
            "first": jnp.log(0.3) + 0.5 * zigzag,
            "mix": {"k": mix, "v": mix + 0.3 * late, "r": mix / 2},
            "key": draw(WIDTH, WIDTH),
            "value": draw(WIDTH, WIDTH),
            "receptance": jnp.zeros((WIDTH, WIDTH)),
            "output": jnp.zeros((WIDTH, WIDTH)),
            "norm_2": norm(),
            "channel_mix": {"k": mix, "r": mix},
            "channel_key": draw(WIDTH, 4 * WIDTH),
            "channel_value": jnp.zeros((4 * WIDTH, WIDTH)),
            "channel_receptance": jnp.zeros((WIDTH, WIDTH)),
        }

    return {
        "embed": jax.random.uniform(next(keys), (96, WIDTH), minval=-1e-4, maxval=1e-4),
        "norm_in": norm(),
        "blocks": [block(i) for i in range(DEPTH)],
        "norm_out": norm(),
        "head": draw(WIDTH, 96),
    }


def layer_norm(p: dict, x: jax.Array) -> jax.Array:
    return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * p["scale"] + p["bias"]


def rwkv(p: dict, ids: jax.Array) -> jax.Array:
    x = layer_norm(p["norm_in"], p["embed"][ids])
    for block in p["blocks"]:
        x = x + time_mix(block, layer_norm(block["norm_1"], x))
        x = x + channel_mix(block, layer_norm(block["norm_2"], x))
    return layer_norm(p["norm_out"], x) @ p["head"]


def shifted(x: jax.Array, mix: dict) -> list[jax.Array]:
    """The input, mixed per channel with that of the step before."""
    before = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return [x * mix[name] + before * (1 - mix[name]) for name in sorted(mix)]


def time_mix(p: dict, x: jax.Array) -> jax.Array:
    k, r, v = shifted(x, p["mix"])
    k, v, r = k @ p["key"], v @ p["value"], jax.nn.sigmoid(r @ p["receptance"])
    keep = jnp.exp(-jnp.exp(p["decay"]))

    def step(carry: tuple, now: tuple) -> tuple:
        (above, below), (k, v) = carry, now
        bonus = jnp.exp(p["first"] + k)
        y = (above + bonus * v) / (below + bonus)
        return (keep * above + jnp.exp(k) * v, keep * below + jnp.exp(k)), y

    start = (jnp.zeros_like(x[:, 0]),) * 2
    y = jax.lax.scan(step, start, (k.swapaxes(0, 1), v.swapaxes(0, 1)))[1]
    return (r * y.swapaxes(0, 1)) @ p["output"]


def channel_mix(p: dict, x: jax.Array) -> jax.Array:
    k, r = shifted(x, p["channel_mix"])
    h = jnp.square(jax.nn.relu(k @ p["channel_key"]))
    return jax.nn.sigmoid(r @ p["channel_receptance"]) * (h @ p["channel_value"])


RWKV_OWN = {
    "*decay": "by channel: from fast to slow",
    "*first": "by channel: log .3 and a zigzag",
    "*mix/?": "by channel",
}


@entry((text(4, LENGTH),), name="rwkv", own=RWKV_OWN, loss=cross_entropy)
def rwkv_functions() -> tuple:
    """Plain functions: vectors stay as given; of matrices, given as arrays, none tells
    that its zeros were chosen, and each is drawn by fan. `output` and `channel_value`
    close branches.
    """
    return rwkv, rwkv_weights(jax.random.key(0))


@entry(
    ([image(4, LENGTH, 8), image(4, LENGTH, 6)],),
    own={"*bias": "1 in the part of the forget gate, else 0"},
    loss=squared_error,
)
def lstm_seq2seq() -> keras.Model:
    """The decoder starts from the encoder's state. Recurrent kernels are orthogonal,
    gate by gate; forget gates start open.
    """
    source, target = keras.Input((LENGTH, 8)), keras.Input((LENGTH, 6))
    _, *state = keras.layers.LSTM(WIDTH, return_state=True, name="encoder")(source)
    decoder = keras.layers.LSTM(WIDTH, return_sequences=True, name="decoder")
    y = keras.layers.Dense(6, name="head")(decoder(target, initial_state=state))
    return keras.Model([source, target], y)
