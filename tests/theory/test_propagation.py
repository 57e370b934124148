"""Signals and gradients by layer, against published laws and real networks."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit import theory


def test_opposed_inputs_of_relu_become_alike():
    found = theory.propagate("relu", 2, weight_variance=2.0, correlation=-0.99)
    c = -0.99  # Cho and Saul 2009
    for correlation in found.correlation[1:]:
        c = (c * math.asin(c) + math.sqrt(1 - c * c)) / math.pi + c / 2
        assert correlation == pytest.approx(c, abs=1e-10)


@pytest.mark.parametrize("c", [0.3, -0.9])
def test_plain_layers_follow_the_maps(c):
    found = theory.propagate(
        "tanh", 2, variance=0.5, correlation=c, weight_variance=1.5, bias_variance=0.1
    )
    setting = 1.5, 0.1
    q = 0.5
    for layer in (1, 2):
        q, c = (
            theory.variance_map("tanh", q, *setting),
            theory.correlation_map("tanh", c, q, *setting),
        )
        assert found.variance[layer] == pytest.approx(q)
        assert found.correlation[layer] == pytest.approx(c)
    chi = [theory.gradient_factor("tanh", q, 1.5) for q in found.variance[:2]]
    assert found.gradient.tolist() == pytest.approx([chi[0] * chi[1], chi[1], 1])


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("norm", [None, "layer", "batch"])
@pytest.mark.parametrize("skip", [0.0, 1.0])
def test_a_real_network_does_what_the_theory_says(name, norm, skip):
    """Width 600, 256 inputs, six layers, mean over four networks.

    Means over units err by about √(6 L / width) of a squared size: 10 % of ours.
    """
    depth, width, batch = 6, 600, 256
    weights, branch = 1.6, 0.8
    phi = {"relu": jax.nn.relu, "tanh": jnp.tanh, "gelu": jax.nn.gelu}[name]

    def normalize(x):
        if norm is None:
            return x
        axis = 0 if norm == "batch" else -1
        return (x - x.mean(axis, keepdims=True)) / x.std(axis, keepdims=True)

    def network(x, layers):
        for W in layers:
            x = skip * x + branch * phi(normalize(x)) @ W
        return x

    @jax.jit
    def measure(key):
        key_x, key_g, *keys = jax.random.split(key, depth + 2)
        std = math.sqrt(weights / width)
        layers = [std * jax.random.normal(k, (width, width)) for k in keys]
        x = jax.random.normal(key_x, (batch, width))
        y, pull = jax.vjp(lambda x: network(x, layers), x)
        (back,) = pull(jax.random.normal(key_g, y.shape))
        q = jnp.square(y).mean()
        total = jnp.square(y.sum(0)).mean()  # of all pairs of inputs
        c = (total / batch - q) / (q * (batch - 1))
        return q, c, jnp.square(back).mean()

    found = jnp.stack(list(map(jnp.stack, map(measure, _keys(4))))).mean(0)
    says = theory.propagate(
        name, depth, weight_variance=weights, skip=skip, branch=branch, norm=norm
    )
    assert found[0] == pytest.approx(says.variance[-1], rel=0.2)
    assert found[1] == pytest.approx(says.correlation[-1], abs=0.05)
    assert found[2] == pytest.approx(says.gradient[0], rel=0.25)


def _keys(count):
    return jax.random.split(jax.random.key(0), count)


def test_batch_norm_lets_gradients_explode():
    # Yang et al. 2019: π / (π − 1) per layer for relu; 1 for linear networks only.
    factor = theory.batch_norm_gradient_factor
    assert factor("relu") == pytest.approx(math.pi / (math.pi - 1), rel=1e-12)
    assert factor("identity") == pytest.approx(1)
    assert all(factor(name) > 1.01 for name in ("tanh", "gelu", "silu", "selu"))
    plain = theory.propagate("relu", 30, norm="batch").gradient
    np.testing.assert_allclose(plain[1:-1] / plain[2:], factor("relu"), rtol=1e-10)


def test_residual_blocks_with_batch_norm_grow_like_a_power():
    # χ = 1 + a / (l + b) with a = E φ′² / Var φ and b = 1 / Var φ for inputs of
    # variance 1: the gradient goes like (l + b + ½)ᵃ.
    b = 1 / (1 / 2 - 1 / (2 * math.pi)) + 0.5
    gradient = theory.propagate("relu", 400, norm="batch", skip=1.0).gradient
    power = np.log(gradient[100] / gradient[200]) / np.log((200 + b) / (100 + b))
    assert power == pytest.approx(math.pi / (math.pi - 1), abs=0.01)


def test_the_record_prints_and_plots():
    found = theory.propagate("tanh", 40)
    assert str(found).splitlines()[-1].split()[0] == "40"
    assert found.depth == 40
    assert len(found.plot().axes) == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"depth": 0}, "depth"),
        ({"variance": 0.0}, "variance"),
        ({"correlation": 1.1}, "from -1 to 1"),
        ({"norm": "instance"}, "norm"),
        ({"norm": "batch", "correlation": 1.0}, "inputs that differ"),
        ({"branch": 0.0}, r"Got 0\.0 after layer 1\."),
        ({"depth": 4, "norm": "layer", "skip": 1e99}, "Got inf after layer 2"),
        ({"weight_variance": math.nan}, "weight_variance"),
    ],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises((ValueError, TypeError), match=f"propagate.*{words}"):
        theory.propagate("tanh", **({"depth": 3} | settings))


def test_a_network_that_settles_may_be_of_any_depth():
    found = theory.propagate("tanh", 10**6, weight_variance=1.5, bias_variance=0.1)
    settled = theory.fixed_point("tanh", 1.5, 0.1).variance
    assert found.depth == 10**6
    assert np.allclose(found.variance[[100, -1]], settled, rtol=1e-9)
    assert found.correlation[0] == 0 < found.correlation[-1] <= 1 + 1e-15
    ratio = found.gradient[-3] / found.gradient[-2]
    assert 0 < found.gradient[-2] / found.gradient[-1] == pytest.approx(ratio)
