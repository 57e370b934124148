import math

import jax
import jax.numpy as jnp
import pytest

from jinit import theory


@pytest.mark.parametrize(
    ("name", "q"),
    [("tanh", 0.01), ("gelu_exact", 0.7), ("hard_tanh", 1), ("selu", 0.3), ("relu", 5)],
)
def test_the_edge_of_chaos(name, q):
    point = theory.edge_of_chaos(name, q)
    sizes = point.weight_variance, point.bias_variance
    assert theory.gradient_factor(name, q, sizes[0]) == pytest.approx(1, rel=1e-14)
    assert theory.variance_map(name, q, *sizes) == pytest.approx(q, rel=1e-14)


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "selu", "relu6", "sign"])
def test_the_slope_is_that_of_the_map(name):
    phi = jnp.sign if name == "sign" else name
    q, step = 0.8, 1e-4
    high, low = (theory.variance_map(phi, q + s, 1.7, 0.1) for s in (step, -step))
    # A central difference errs by V‴ step² / 6 and by rounding / step: about 1e-9.
    rise = (high - low) / (2 * step)
    assert theory.variance_slope(phi, q, 1.7) == pytest.approx(rise, abs=2e-8)


@pytest.mark.parametrize(
    ("name", "weight_variance", "bias_variance", "start"),
    [
        ("tanh", 2.0, 0.1, 1.0),
        ("tanh", 2.0, 0.1, 50.0),
        ("tanh", 0.5, 0.3, 1e-3),
        ("gelu_exact", 2.0, 0.1, 1.0),
        ("sin", 2.0, 0.0, 1.0),
        ("cos", 1.5, 0.2, 0.1),
    ],
)
def test_depth_leads_to_the_fixed_point(name, weight_variance, bias_variance, start):
    point = theory.fixed_point(name, weight_variance, bias_variance, start=start)
    q = start
    for _ in range(200):
        q = theory.variance_map(name, q, weight_variance, bias_variance)
    assert point.variance == pytest.approx(q, rel=1e-10)
    assert abs(point.slope) < 1


def test_signals_that_die_out_or_grow_for_ever():
    assert theory.fixed_point("tanh", 0.5) == (0.0, pytest.approx(0.5))
    assert theory.fixed_point("tanh", 1.0) == (0.0, pytest.approx(1.0))
    assert theory.fixed_point("relu", 2.1) == (math.inf, pytest.approx(1.05))
    assert theory.fixed_point("relu", 2.0, 0.1).variance == math.inf
    assert theory.fixed_point("softplus", 2.0).variance == math.inf


def test_critical_relu_keeps_every_variance():
    for start in (1e-3, 1.0, 77.0):
        point = theory.fixed_point("relu", 2.0, start=start)
        assert point == (start, pytest.approx(1.0))


def test_a_wide_network_follows_the_map():
    width = 2048
    for name in ("tanh", "gelu"):
        x, q = jnp.ones(width), 1.0
        for key in jax.random.split(jax.random.key(0), 4):
            weight_key, bias_key = jax.random.split(key)
            w = math.sqrt(1.8 / width) * jax.random.normal(weight_key, (width, width))
            x = getattr(jax.nn, name)(x) @ w
            x += math.sqrt(0.2) * jax.random.normal(bias_key, (width,))
            previous, q = q, float(jnp.mean(x**2))
            if previous != 1.0:
                expected = theory.variance_map(name, previous, 1.8, 0.2)
                # Normal entries of independent weights: s.e. √(2 / width) of the mean
                # square, and as much again from the sum over the layer before.
                assert q == pytest.approx(expected, rel=4.89 * math.sqrt(4 / width))


def test_softplus_has_no_edge():
    with pytest.raises(ValueError, match=r"Got 1.0 for 'softplus', which takes -2\.1"):
        theory.edge_of_chaos("softplus", 1.0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: theory.edge_of_chaos(jnp.sign, 1.0), ValueError, "Got 0.0 for"),
        (lambda: theory.edge_of_chaos("tanh", 0.0), ValueError, "`q` above 0. Got 0.0"),
        (lambda: theory.variance_map("tanh", -1.0), ValueError, "`q`.* Got -1.0"),
        (lambda: theory.gradient_factor("tanh", 1, -2), ValueError, "weight.* Got -2"),
        (lambda: theory.variance_map("tanh", 1, 1, -3), ValueError, "bias.* Got -3"),
        (
            lambda: theory.fixed_point("tanh", 1, start=0),
            ValueError,
            "fixed_point` needs `start` above 0. Got 0",
        ),
        (lambda: theory.variance_slope("swiglu", 1.0), ValueError, "pair 'swiglu'"),
        (
            lambda: theory.fixed_point("tanh", "2"),  # pyright: ignore[reportArgumentType]
            TypeError,
            "Got '2'",
        ),
    ],
)
def test_refusals(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
