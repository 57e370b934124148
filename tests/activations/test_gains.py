import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._activations import GATES, gaussian_moments, squared_gain
from jinit._activations.gains import Mode


PAIRS = ["glu", "reglu", "geglu", "swiglu"]


def test_the_squared_gain_of_relu_is_two():
    for mode in ("forward", "backward", "both"):
        assert squared_gain(jax.nn.relu, mode) == 2.0


def test_both_lies_between_forward_and_backward():
    for name in ("tanh", "gelu", "sigmoid"):
        forward, backward = squared_gain(name), squared_gain(name, "backward")
        harmonic = 2 / (1 / forward + 1 / backward)
        assert squared_gain(name, "both") == pytest.approx(harmonic, rel=1e-14)
        assert jinit.gain(name, "both") == pytest.approx(math.sqrt(harmonic))


@pytest.mark.parametrize("name", PAIRS)
def test_a_shared_gain_keeps_the_product_at_one(name):
    gate = GATES[name]
    gain = jinit.gain(name, "shared")
    assert gain**2 * gaussian_moments(gate, gain**2).second == pytest.approx(1.0)
    assert jinit.gain("reglu", "shared") == pytest.approx(2**0.25, rel=1e-13)


def test_the_moments_of_a_pair_are_those_of_its_product():
    a, b = jax.random.normal(jax.random.key(0), (2, 1_000_000))
    product, pull = jax.vjp(lambda a, b: jax.nn.silu(a) * b, a, b)
    by_gate, by_up = pull(jnp.ones_like(a))
    exact = gaussian_moments("swiglu")
    for sample, mean in (
        (product, exact.mean),
        (product**2, exact.second),
        (by_gate**2 + by_up**2, exact.slope),
    ):
        error = float(jnp.std(sample)) / math.sqrt(sample.size)
        assert abs(float(jnp.mean(sample)) - mean) <= 4.89 * error


def test_the_function_and_its_name_have_one_gain():
    partial = functools.partial(jax.nn.leaky_relu, negative_slope=0.2)
    assert jinit.gain(jax.nn.gelu) == jinit.gain("gelu")
    assert jinit.gain(partial) == jinit.gain("leaky_relu", param=0.2)
    assert jinit.gain(jax.nn.leaky_relu, param=0.2) == jinit.gain(partial)
    assert jinit.gain(jax.nn.glu, "shared") == jinit.gain("glu", "shared")
    assert jinit.gain(lambda x: 3 * jax.nn.relu(x)) == pytest.approx(2**0.5 / 3)


@pytest.mark.parametrize("number", [0, 2, 1.5, np.float32(0.5), np.sqrt(2.0)])
def test_a_number_is_a_gain(number):
    assert jinit.gain(number) == number
    assert squared_gain(number) == number * number


def test_an_array_or_traced_number_is_a_gain():
    root: Any = jnp.sqrt(2.0)
    assert jinit.gain(root) == float(root)
    assert jax.jit(lambda g: jinit.gain(g) + squared_gain(g))(3.0) == 12.0


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "tanh", "selu"])
def test_the_gain_carries_a_signal_through_ten_layers(name):
    width, depth = 1024, 10
    start, *keys = jax.random.split(jax.random.key(1), depth + 1)
    first = jax.random.normal(start, (32, width))

    def size(gain):
        x = first
        for key in keys:
            w = gain * jax.random.normal(key, (width, width)) / math.sqrt(width)
            x = getattr(jax.nn, name)(x) @ w
        return float(jnp.mean(x**2))

    assert 0.5 < size(jinit.gain(name)) < 2
    assert name == "selu" or size(1.0) < 0.2


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (lambda x: 1.0, "constant at 1.0"),
        (jnp.zeros_like, "constant at 0.0"),
        (jnp.log, "Got φ = nan"),
        (lambda x: 1 / (x - x), "Got φ = "),
        (lambda x: jnp.stack([x, x]), r"shape=\(2,\)"),
        (lambda x: (x, x), r"Got \(ShapeDtypeStruct"),
        (lambda x: None, "Got None"),
        (lambda x: jnp.exp(1j * x), "complex128"),
        (lambda x: jnp.exp(x**2), "grows too fast"),
        (lambda x: jnp.sin(1e6 * x), "oscillates too fast"),
        ("geglue", "'rrelu'. Got 'geglue'. Did you mean 'geglu'?"),
        (-1.0, "Got -1.0"),
        (math.nan, "Got nan"),
        (math.inf, "Got inf"),
    ],
)
def test_activations_without_a_gain(activation, message):
    with pytest.raises(ValueError, match=message):
        jinit.gain(activation)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (math.tanh, r"built-in function tanh.*Write it with `jax.numpy`"),
        (np.tanh, r"ufunc 'tanh'.*Write it with `jax.numpy`"),
        (lambda x: x if x > 0 else 0.0, r"boolean.*`jnp.where` for `if`"),
        (jax.nn.softmax, r"softmax.*out of bounds"),
        (None, "Got None"),
        ([1.0], r"Got \[1.0\]"),
        (True, "Got True"),
        (1j, "Got 1j"),
    ],
)
def test_what_is_not_an_activation(activation, message):
    with pytest.raises(TypeError, match=message):
        jinit.gain(activation)


def test_an_activation_of_a_traced_value_is_refused():
    with pytest.raises(TypeError, match=r"holds numbers.*traced .* name of `a`"):
        jax.jit(lambda a: jinit.gain(lambda x: a * x))(2.0)


@pytest.mark.parametrize("mode", ["backward", "both"])
def test_a_backward_gain_needs_a_slope(mode):
    assert jinit.gain(jnp.sign) == 1.0
    with pytest.raises(ValueError, match=f"{mode}'. Got 0.0"):
        jinit.gain(jnp.sign, mode)
    with pytest.raises(ValueError, match=f"{mode}'. Got inf"):
        jinit.gain(lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)), mode)


def test_modes_and_params_are_checked():
    with pytest.raises(ValueError, match="Got 'fan_in'"):
        jinit.gain("relu", "fan_in")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="Got 'fan_in'"):
        jinit.gain(2.0, "fan_in")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"pairs 'glu'.* Got 'relu'"):
        jinit.gain("relu", "shared")
    with pytest.raises(ValueError, match=r"Got 0\.2 for <function"):
        jinit.gain(lambda x: x, param=0.2)
    with pytest.raises(TypeError, match=r"Got 2\.0"):
        jinit.gain(2.0, param=0.2)


@pytest.mark.parametrize("q", [0.01, 0.5, 4.0])
def test_a_gain_at_another_second_moment(q):
    second, slope = (1 - math.exp(-2 * q)) / 2, (1 + math.exp(-2 * q)) / 2  # of a sine
    closed: dict[Mode, float] = {
        "forward": q / second,
        "backward": 1 / slope,
        "both": 2 / (second / q + slope),
    }
    for mode, square in closed.items():
        assert squared_gain("sin", mode, q=q) == pytest.approx(square, rel=1e-12)
        # q sets the unit in which a function is read: φ(√q z) has the gain at 1.
        unit = lambda z: jnp.sin(math.sqrt(q) * z) / math.sqrt(q)
        assert squared_gain(unit, mode) == pytest.approx(square, rel=1e-12)


@pytest.mark.parametrize("q", [1e-6, 0.3, 7.0, 1e4])
def test_a_homogeneous_activation_has_one_gain(q):
    for mode in ("forward", "backward", "both"):
        assert squared_gain("relu", mode, q=q) == pytest.approx(2.0, rel=1e-13)
    assert jinit.gain("reglu", "shared", q=q) == pytest.approx((2 / q) ** 0.25)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("q", [1e-3, 0.5, 100.0])
def test_gated_pairs_keep_another_second_moment(name, q):
    square = squared_gain(name, "shared", q=q)
    assert gaussian_moments(name, square * q).second == pytest.approx(q, rel=1e-9)
    second = gaussian_moments(name, q).second
    assert squared_gain(name, q=q) * second == pytest.approx(q, rel=1e-13)


def test_the_second_moment_is_a_number_above_zero():
    with pytest.raises(ValueError, match=r"`q` above 0\. Got 0"):
        jinit.gain("sin", q=0)
    with pytest.raises(TypeError, match=r"`jinit.gain` needs numbers that are there"):
        jax.jit(lambda q: jinit.gain("sin", q=q))(1.0)
