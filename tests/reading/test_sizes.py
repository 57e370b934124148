"""The size of a signal, told before any weight is drawn, against the measured one."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from jinit._reading.model import read_model
from jinit._reading.sizes import Size, Sizes
from tests.zoo.entry import ids, normals


KEY = jax.random.key(0)
W = jnp.eye(64)
X = normals(64, 64, seed=1)


def _told(apply, *inputs, parameter=lambda _: Size(0.0, 1.0)):
    """The size told of what the last kernel reads."""
    model = read_model(apply, {"w": W}, *inputs)
    return Sizes(model, parameter).of(model.layers[-1].signal)


SIGNALS = {
    "input": lambda x, w, v: x,
    "relu": lambda x, w, v: jax.nn.relu(x @ w),
    "scaled": lambda x, w, v: 3 * jax.nn.relu(x @ w),
    "tanh": lambda x, w, v: jnp.tanh(2 * (x @ w)),
    "gated": lambda x, w, v: jax.nn.silu(x @ w) * (x @ v),
    "sum": lambda x, w, v: jnp.sin(x @ w) + x @ v,
    "rectified stream": lambda x, w, v: jax.nn.relu(
        jax.nn.relu(jax.nn.relu(x @ w) + jnp.sin(x @ v) / 2) + jnp.sin(x @ w.T) / 2
    ),
    "joined": lambda x, w, v: jnp.concatenate([jax.nn.relu(x @ w), x]),
    "masked": lambda x, w, v: jnp.where(jnp.arange(64) > 0, x, 0.0),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_the_told_second_moment_is_the_measured_one(name):
    signal = SIGNALS[name]
    told = _told(lambda p, x: signal(x, p["w"], p["w"].T) @ p["w"], X).second
    w, v = normals(2, 64, 64) / 8
    # Of 64 rows through 64 × 64 random weights: good to a few percent.
    assert told == pytest.approx(float(jnp.mean(signal(X, w, v) ** 2)), rel=0.1)


def test_pools_lie_between_equal_and_independent_entries():
    image = jnp.ones((1, 8, 8, 64))
    mean = _told(lambda p, x: x.mean((1, 2)) @ p["w"], image).second
    assert 1 / 64 < mean < 1
    pooled = lambda p, x: nn.max_pool(jax.nn.relu(x @ p["w"]), (2, 2), (2, 2)) @ p["w"]
    largest = _told(pooled, image).second
    of_four = jnp.maximum(normals(4, 100_000).max(0), 0)
    assert 0.5 < largest < float(jnp.mean(of_four**2))


def test_an_attention_is_not_counted_on_to_average():
    # What it reads may be alike, and the first of a causal mask reads itself alone.
    def apply(p, x):
        return jax.nn.softmax(x @ x.T / 8) @ (x @ p["w"]) @ p["w"]

    told = _told(apply, jnp.ones((128, 64))).second
    assert told == pytest.approx(1)


def test_parameters_that_are_no_kernels_have_the_size_they_will_get():
    position = lambda _: Size(0.0, 0.25)
    apply = lambda p, x: (x @ p["w"] + jnp.tile(p["w"], (1, 1))) @ p["w"]
    assert _told(apply, X, parameter=position).second == pytest.approx(1.25)


def test_the_readers_of_a_small_tied_embedding_see_unit_signals():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            embed = nn.Embed(50, 64, name="embed")
            x = embed(tokens)
            for i in range(2):
                y = nn.relu(nn.Dense(128, name=f"in{i}")(x))
                x = x + nn.Dense(64, name=f"out{i}")(y)
            return embed.attend(x)

    tokens = ids(50, 64, 8)
    params = jax.eval_shape(Net().init, KEY, tokens)
    drawn = jinit.initialize((Net().apply, params), KEY, tokens)
    probe = jinit.probe(Net().apply, drawn, tokens)
    layers = {each.name: each for each in probe.layers}
    for i in range(2):
        assert 0.5 < layers[f"in{i}"].second_moment < 2
