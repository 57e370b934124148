import functools
import math

import jax
import jax.numpy as jnp
import pytest

from jinit import theory


# The points in the tables below are published to about six digits.
six_digits = functools.partial(pytest.approx, rel=2e-5, abs=1e-6)
three_decimals = functools.partial(pytest.approx, rel=0, abs=6e-4)

# φ, q*, σw², σb²
EDGE = [
    ("tanh", 0.01, 1.019711, 1.26e-6),
    ("tanh", 1 / 64, 1.030558, 4.6513e-6),
    ("tanh", 0.1, 1.177569, 0.000832),
    ("tanh", 0.5, 1.687975, 0.038041),
    ("tanh", 1, 2.153303, 0.150965),
    ("tanh", 0.045709, 1.086026, 1e-4),
    ("tanh", 0.273301, 1.424205, 0.01),
    ("tanh", 0.570048, 1.760955, 0.05),
    ("tanh", 0.763475, 1.947655, 0.09),
    ("tanh", 0.805799, 1.986073, 0.1),
    ("tanh", 1.461169, 2.505127, 0.3),
    ("tanh", 3.036396, 3.443211, 1.0),
    ("erf", 1, 1.756204, 0.184140),
    ("softsign", 1, 4.392296, 0.196148),
    ("hard_tanh", 1, 1.464795, 0.244080),
    ("sin", 1, 1.761594, 0.238406),
    ("arctan", 1, 2.000000, 0.100598),
    ("relu", 0.3, 2.0, 0.0),
    ("relu", 5, 2.0, 0.0),
    ("leaky_relu", 1, 2 / 1.0001, 0.0),
    ("identity", 7, 1.0, 0.0),
    ("gelu_exact", 0.18348, 2.982799, 0.01),
    ("gelu_exact", 0.72204, 2.302520, 0.05),
    ("gelu_exact", 1.63243, 2.076676, 0.1),
    ("silu", 0.25971, 3.312588, 0.01),
    ("silu", 0.82658, 2.728612, 0.05),
    ("silu", 1.55191, 2.439555, 0.1),
    ("elu", 0.43783, 1.383325, 0.01),
    ("elu", 1.30091, 1.533718, 0.05),
    ("elu", 2.21278, 1.606744, 0.1),
    ("mish", 0.26316, 2.374604, 0.01),
    ("mish", 0.90540, 2.104798, 0.05),
    ("mish", 1.77159, 2.006855, 0.1),
    ("selu", 0.30894, 0.760233, 0.01),
    ("selu", 0.82730, 0.901766, 0.05),
    ("selu", 1.31350, 0.980327, 0.1),
]

# φ, q*, V′(q*)
STABILITY = [
    ("tanh", 0.01, 0.981),
    ("tanh", 0.1, 0.843),
    ("tanh", 1, 0.391),
    ("erf", 1, 0.333),
    ("softsign", 1, 0.383),
    ("hard_tanh", 1, 0.291),
    ("sin", 1, 0.238),
    ("arctan", 1, 0.504),
    ("gelu_exact", 0.18348, 1.098),
    ("gelu_exact", 0.72204, 1.085),
    ("gelu_exact", 1.63243, 1.037),
    ("silu", 0.25971, 1.072),
    ("silu", 0.82658, 1.100),
    ("silu", 1.55191, 1.091),
    ("mish", 0.26316, 1.036),
    ("mish", 0.90540, 1.019),
    ("mish", 1.77159, 0.998),
    ("elu", 0.43783, 0.871),
    ("elu", 1.30091, 0.860),
    ("elu", 2.21278, 0.864),
    ("selu", 0.30894, 0.787),
    ("selu", 0.82730, 0.737),
    ("selu", 1.31350, 0.723),
]


@pytest.mark.parametrize(("name", "q", "weight_variance", "bias_variance"), EDGE)
def test_the_edge_of_chaos(name, q, weight_variance, bias_variance):
    point = theory.edge_of_chaos(name, q)
    assert point[:2] == six_digits((weight_variance, bias_variance))
    sizes = point.weight_variance, point.bias_variance
    assert theory.gradient_factor(name, q, sizes[0]) == pytest.approx(1, rel=1e-14)
    assert theory.variance_map(name, q, *sizes) == pytest.approx(q, rel=1e-14)


@pytest.mark.parametrize(("name", "q", "slope"), STABILITY)
def test_which_points_of_the_edge_repel(name, q, slope):
    assert theory.edge_of_chaos(name, q).slope == three_decimals(slope)


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "selu", "relu6", "sign"])
def test_the_slope_is_that_of_the_map(name):
    phi = jnp.sign if name == "sign" else name
    q, step = 0.8, 1e-4
    high, low = (theory.variance_map(phi, q + s, 1.7, 0.1) for s in (step, -step))
    # A central difference errs by V‴ step² / 6 and by rounding / step: about 1e-9.
    rise = (high - low) / (2 * step)
    assert theory.variance_slope(phi, q, 1.7) == pytest.approx(rise, abs=2e-8)


def test_the_slope_of_selu_is_the_papers_jacobian():
    # Klambauer et al. 2017: the derivative of the second moment at (0, 1).
    assert theory.variance_slope("selu", 1.0) == six_digits(0.782648)


# φ, torch's gain, q*, χ(q*), V(1)
TORCH = [
    ("tanh", 5 / 3, 1.178480, 1.209831, 1.095262),
    ("selu", 3 / 4, 0.023034, 1.003670, 0.562500),
    ("sigmoid", 1, 0.264687, 0.055721, 0.293379),
    ("relu", math.sqrt(2), 1, 1, 1),
]


@pytest.mark.parametrize(("name", "gain", "q", "chi", "after_one"), TORCH)
def test_what_torchs_gains_do(name, gain, q, chi, after_one):
    found = theory.fixed_point(name, gain**2)
    assert found.variance == pytest.approx(q, abs=1e-6)
    assert theory.gradient_factor(name, found.variance, gain**2) == six_digits(chi)
    assert theory.variance_map(name, 1.0, gain**2) == six_digits(after_one)


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


def test_siren_settles_below_one():
    # V(q) = 1 − exp(−2q)
    assert theory.fixed_point("sin", 2.0).variance == six_digits(0.796812)


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
