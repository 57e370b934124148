"""One small network in every framework, plain and with batch norm and dropout."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import haiku as hk
import jax
import keras
from flax import linen as nn, nnx


IN, HIDDEN, OUT = 6, 8, 2
KEY = jax.random.key(0)
BATCH = jax.ShapeDtypeStruct((4, IN), "float32")
EXAMPLE = jax.ShapeDtypeStruct((IN,), "float32")


class Linen(nn.Module):
    norm: bool = False

    @nn.compact
    def __call__(self, x, train=True):
        x = nn.Dense(HIDDEN, name="a")(x)
        if self.norm:
            x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        x = nn.relu(x)
        if self.norm:
            x = nn.Dropout(0.1, deterministic=not train)(x)
        return nn.Dense(OUT, name="b")(x)


class NNX(nnx.Module):
    def __init__(self, rngs, norm=False):
        self.a = nnx.Linear(IN, HIDDEN, rngs=rngs)
        self.norm = nnx.BatchNorm(HIDDEN, rngs=rngs) if norm else None
        self.drop = nnx.Dropout(0.1, rngs=rngs) if norm else None
        self.b = nnx.Linear(HIDDEN, OUT, rngs=rngs)

    def __call__(self, x):
        x = self.a(x)
        x = nnx.relu(self.norm(x) if self.norm else x)
        return self.b(self.drop(x) if self.drop else x)


class Equinox(eqx.Module):
    a: eqx.nn.Linear
    b: eqx.nn.Linear

    def __init__(self, key):
        first, second = jax.random.split(key)
        self.a = eqx.nn.Linear(IN, HIDDEN, key=first)
        self.b = eqx.nn.Linear(HIDDEN, OUT, key=second)

    def __call__(self, x):
        return self.b(jax.nn.relu(self.a(x)))


class EquinoxNorm(eqx.Module):
    a: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout
    b: eqx.nn.Linear

    def __init__(self, key):
        first, second = jax.random.split(key)
        self.a = eqx.nn.Linear(IN, HIDDEN, key=first)
        self.norm = eqx.nn.BatchNorm(HIDDEN, "batch", mode="batch")
        self.drop = eqx.nn.Dropout(0.1)
        self.b = eqx.nn.Linear(HIDDEN, OUT, key=second)

    def __call__(self, x, state, *, key=None):
        x, state = self.norm(self.a(x), state)
        return self.b(self.drop(jax.nn.relu(x), key=key)), state


def haiku(x):
    return hk.Linear(OUT, name="b")(jax.nn.relu(hk.Linear(HIDDEN, name="a")(x)))


def haiku_norm(x, is_training):
    x = hk.Linear(HIDDEN, name="a")(x)
    x = jax.nn.relu(hk.BatchNorm(True, True, 0.9, name="norm")(x, is_training))
    if is_training:
        x = hk.dropout(hk.next_rng_key(), 0.1, x)
    return hk.Linear(OUT, name="b")(x)


def keras_model(norm=False):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Dense(HIDDEN),
            *[layers.BatchNormalization()] * norm,
            layers.ReLU(),
            *[layers.Dropout(0.1)] * norm,
            layers.Dense(OUT),
        ]
    )


def apply(params, x):
    hidden = jax.nn.relu(x @ params["a"]["kernel"] + params["a"]["bias"])
    return hidden @ params["b"]["kernel"] + params["b"]["bias"]


PARAMS = {
    "a": {"kernel": jax.ShapeDtypeStruct((IN, HIDDEN), "float32"),
          "bias": jax.ShapeDtypeStruct((HIDDEN,), "float32")},
    "b": {"kernel": jax.ShapeDtypeStruct((HIDDEN, OUT), "float32"),
          "bias": jax.ShapeDtypeStruct((OUT,), "float32")},
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, what it is called with, and where kernels have their outputs."""

    model: Any
    inputs: tuple[Any, ...] = (BATCH,)
    transposed: bool = False


def evaluated(module: Any) -> Any:
    module.eval()
    return module


@functools.cache
def plain() -> Mapping[str, Case]:
    """The network of two layers, in every form that a model can have."""
    return {
        "linen": Case(Linen()),
        "linen pair": Case((Linen(), jax.eval_shape(Linen().init, KEY, BATCH))),
        "nnx": Case(NNX(nnx.Rngs(0))),
        "nnx constructor": Case(NNX),
        "equinox": Case(Equinox(KEY), (EXAMPLE,), True),
        "equinox constructor": Case(Equinox, (EXAMPLE,), True),
        "haiku": Case(hk.transform(haiku)),
        "haiku without rng": Case(hk.without_apply_rng(hk.transform(haiku))),
        "haiku with state": Case(hk.transform_with_state(haiku)),
        "keras": Case(keras_model()),
        "pair": Case((apply, PARAMS)),
        "function": Case(apply, (PARAMS, BATCH)),
    }


@functools.cache
def training() -> Mapping[str, Case]:
    """The network with batch norm and dropout, in training."""
    stateful = eqx.nn.make_with_state(EquinoxNorm)
    return {
        "linen": Case(Linen(norm=True)),
        "nnx": Case(NNX(nnx.Rngs(0), norm=True)),
        "nnx constructor": Case(functools.partial(NNX, norm=True)),
        "equinox": Case(stateful(KEY), (EXAMPLE,), True),
        "equinox constructor": Case(EquinoxNorm, (EXAMPLE,), True),
        "equinox with state": Case(stateful, (EXAMPLE,), True),
        "haiku": Case(hk.transform_with_state(haiku_norm)),
        "keras": Case(keras_model(norm=True)),
    }


@functools.cache
def evaluation() -> Mapping[str, Case]:
    """The same in evaluation mode: the norm reads averages.

    Haiku makes no averages where it does not train.
    """
    made = eqx.nn.make_with_state(EquinoxNorm)(KEY)
    module = evaluated(NNX(nnx.Rngs(0), norm=True))
    return {
        "linen": Case(functools.partial(Linen(norm=True), train=False)),
        "nnx": Case(module),
        "equinox": Case(eqx.nn.inference_mode(made), (EXAMPLE,), True),
        "keras": Case(functools.partial(keras_model(norm=True), training=False)),
    }
