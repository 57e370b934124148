"""One MLP in linen, NNX, Equinox, Haiku and Keras."""

import itertools
from collections.abc import Callable

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import keras
from flax import linen as nn, nnx

from .entry import entry, image


BATCH = (image(32, 24),)


class LinenMLP(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for _ in range(3):
            x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


class NNXMLP(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        widths = (24, 64, 64, 64, 10)
        pairs = itertools.pairwise(widths)
        self.layers = nnx.List([nnx.Linear(m, n, rngs=rngs) for m, n in pairs])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(x))
        return self.layers[-1](x)


@entry(BATCH)
def linen_mlp() -> nn.Module:
    """lecun_normal reads the input, he_normal the others; biases are 0."""
    return LinenMLP()


@entry(BATCH)
def nnx_mlp() -> type[nnx.Module]:
    """As in linen."""
    return NNXMLP


@entry((image(24),))
def equinox_mlp() -> Callable[..., eqx.Module]:
    """As in linen; random biases become 0, and matrices are stored transposed."""

    def make(*, key: jax.Array) -> eqx.Module:
        return eqx.nn.MLP(24, 10, 64, 3, key=key)

    return make


@entry(BATCH)
def haiku_mlp() -> hk.Transformed:
    """As in linen, though biases are broadcast before they are added."""
    return hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([64] * 3 + [10])(x)))


@entry(BATCH)
def haiku_batch_norm() -> hk.TransformedWithState:
    """relu of a normed signal, with state beside the weights: he_normal."""

    def net(x: jax.Array, is_training: bool = True) -> jax.Array:
        for _ in range(3):
            x = hk.BatchNorm(True, True, 0.9)(hk.Linear(64)(x), is_training)
            x = hk.dropout(hk.next_rng_key(), 0.1 * is_training, jax.nn.relu(x))
        return hk.Linear(10)(x)

    return hk.transform_with_state(net)


@entry(BATCH)
def keras_mlp() -> keras.Model:
    """As in linen, from Glorot's uniform law."""
    dense = lambda: keras.layers.Dense(64, "relu")
    layers = [keras.Input((24,)), dense(), dense(), dense(), keras.layers.Dense(10)]
    return keras.Sequential(layers)


@entry(BATCH)
def keras_batch_norm() -> keras.Model:
    """relu of a normed signal: he_normal, in training as in evaluation."""
    layers = keras.layers
    stack = [keras.Input((24,))]
    for _ in range(3):
        stack += [
            layers.Dense(64, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.1),
        ]
    return keras.Sequential([*stack, layers.Dense(10)])


@entry((image(24),))
def equinox_batch_norm() -> Callable[..., tuple[eqx.Module, eqx.nn.State]]:
    """A constructor with state, whose norm works under a named axis: he_normal."""

    class Net(eqx.Module):
        linears: list[eqx.nn.Linear]
        norms: list[eqx.nn.BatchNorm]

        def __init__(self, *, key: jax.Array):
            keys = jax.random.split(key, 4)
            widths = (24, 64, 64, 64, 10)
            self.linears = list(map(_linear, widths, widths[1:], keys))
            self.norms = [eqx.nn.BatchNorm(64, "batch", mode="batch") for _ in range(3)]

        def __call__(
            self, x: jax.Array, state: eqx.nn.State
        ) -> tuple[jax.Array, eqx.nn.State]:
            for linear, norm in zip(self.linears[:-1], self.norms, strict=True):
                x, state = norm(linear(x), state)
                x = jax.nn.relu(x)
            return self.linears[-1](x), state

    return lambda *, key: eqx.nn.make_with_state(Net)(key=key)


def _linear(m: int, n: int, key: jax.Array) -> eqx.nn.Linear:
    return eqx.nn.Linear(m, n, key=key)


def functions(p: list, x: jax.Array) -> jax.Array:
    for w, b in p[:-1]:
        x = jax.nn.relu(x @ w + b)
    return x @ p[-1][0] + p[-1][1]


@entry(BATCH)
def plain_mlp() -> tuple:
    """As in linen, in plain functions."""
    widths = (24, 64, 64, 64, 10)
    draw = lambda m, n: jax.random.normal(jax.random.key(m + n), (m, n)) * m**-0.5
    layers = [(draw(m, n), jnp.zeros(n)) for m, n in itertools.pairwise(widths)]
    return functions, layers
