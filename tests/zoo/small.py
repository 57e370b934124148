"""Small models of every kind, as `(apply, params, input)`, made once."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import linen as nn, nnx

from .adapters import drawn
from .entry import normals


class MLP(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(8)(x))
        x = jnp.tanh(nn.Dense(6, use_bias=False)(x))
        return nn.Dense(3)(x)


class BatchNormMLP(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.silu(nn.BatchNorm(use_running_average=False)(nn.Dense(8)(x)))
        return nn.Dense(3)(x)


class CNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(8, (3, 3))(x))
        x = nn.relu(nn.Conv(16, (3, 3), strides=2, feature_group_count=4)(x))
        x = nn.gelu(nn.ConvTranspose(4, (2, 2), strides=(2, 2))(x))
        x = nn.avg_pool(x, (2, 2), (2, 2))
        return nn.Dense(3)(x.reshape((x.shape[0], -1)))


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        h = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(2, name="attention")(h, h)
        h = nn.gelu(nn.Dense(32, name="up")(nn.LayerNorm()(x)))
        return x + nn.Dense(8, name="down")(h)


class NNX(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.first = nnx.Linear(5, 8, rngs=rngs)
        self.second = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        return self.second(nnx.relu(self.first(x)))


def flax_nnx():
    graph, state = nnx.split(NNX())
    x = normals(7, 5, seed=1)
    return lambda state, x: nnx.merge(graph, state)(x), state, x


def equinox():
    mlp = eqx.nn.MLP(5, 3, 8, 2, key=jax.random.key(0))
    params, static = eqx.partition(mlp, eqx.is_array)
    x = normals(7, 5, seed=1)
    return lambda p, x: jax.vmap(eqx.combine(p, static))(x), params, x


def plain():
    params = {
        "w1": normals(5, 8, seed=0),
        "b1": jnp.full(8, 0.1),
        "w2": normals(3, 8, seed=2),
    }
    x = normals(7, 5, seed=1)
    return lambda p, x: jax.nn.elu(x @ p["w1"] + p["b1"]) @ p["w2"].T, params, x


SMALL = {
    "linen": lambda: drawn(MLP(), 7, 5),
    "batch norm": lambda: drawn(BatchNormMLP(), 7, 5),
    "cnn": lambda: drawn(CNN(), 2, 8, 8, 4),
    "block": lambda: drawn(Block(), 2, 6, 8),
    "nnx": flax_nnx,
    "equinox": equinox,
    "plain": plain,
}
SMALL = {name: functools.cache(make) for name, make in SMALL.items()}
