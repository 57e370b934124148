import functools
import itertools
import math

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings, strategies as st

from jinit._activations import gaussian_moments


def density(x):
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def below(x):
    """P(z < x)."""
    return math.erfc(-x / math.sqrt(2)) / 2


ROOT_E = math.exp(0.5)

CLOSED_FORMS = {
    "relu": (density(0), 1 / 2, 1 / 2),
    "identity": (0.0, 1.0, 1.0),
    "abs": (2 * density(0), 1.0, 1.0),
    "squared_relu": (1 / 2, 3 / 2, 2.0),
    "gelu_exact": (
        1 / (2 * math.sqrt(math.pi)),
        1 / 3 + 1 / (2 * math.sqrt(3) * math.pi),
        None,
    ),
    "erf": (0.0, 2 / math.pi * math.asin(2 / 3), 4 / (math.pi * math.sqrt(5))),
    "sin": (0.0, (1 - math.exp(-2)) / 2, (1 + math.exp(-2)) / 2),
    "cos": (1 / ROOT_E, (1 + math.exp(-2)) / 2, (1 - math.exp(-2)) / 2),
    "elu": (
        density(0) + ROOT_E * below(-1) - 1 / 2,
        1 / 2 + math.exp(2) * below(-2) - 2 * ROOT_E * below(-1) + 1 / 2,
        1 / 2 + math.exp(2) * below(-2),
    ),
    "hard_tanh": (0.0, 1 - 2 * density(1), 1 - 2 * below(-1)),
    "gaussian": (1 / math.sqrt(2), 1 / math.sqrt(3), 1 / (3 * math.sqrt(3))),
    "selu": (0.0, 1.0, None),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(name):
    for found, exact in zip(gaussian_moments(name), CLOSED_FORMS[name], strict=True):
        assert exact is None or found == pytest.approx(exact, rel=1e-13, abs=1e-13)


def test_relu_is_exact_to_the_bit():
    moments = gaussian_moments(jax.nn.relu)
    assert moments.second == moments.slope == 0.5
    assert gaussian_moments(jax.nn.relu, 3.0).second == 1.5


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.2, 1 / 3, -0.7, math.sqrt(5)])
def test_leaky_relu_is_exact_to_an_ulp(slope):
    exact = (1 + slope**2) / 2
    moments = gaussian_moments("leaky_relu", param=slope)
    assert abs(moments.second - exact) <= math.ulp(exact)
    assert abs(moments.slope - exact) <= math.ulp(exact)


def piecewise_linear(x, kinks, slopes, jump):
    steps = [b - a for a, b in itertools.pairwise(slopes)]
    bends = [s * jnp.maximum(x - k, 0) for s, k in zip(steps, kinks, strict=True)]
    return slopes[0] * x + sum(bends) + jnp.where(x > kinks[-1], jump, 0.0)


def piecewise_moments(kinks, slopes, jump):
    """By parts: on each interval φ = a + b x, and ∫ (1, x, x²) N is elementary."""
    second = slope = mean = 0.0
    offsets = [0.0]
    for (before, after), kink in zip(itertools.pairwise(slopes), kinks, strict=True):
        offsets.append(offsets[-1] + (before - after) * kink)
    offsets[-1] += jump
    ends = [-math.inf, *kinks, math.inf]
    for a, b, (low, high) in zip(
        offsets, slopes, itertools.pairwise(ends), strict=True
    ):
        edge = lambda x: 0.0 if math.isinf(x) else x * density(x)
        one = below(high) - below(low)
        first = density(low) - density(high)
        square = one + edge(low) - edge(high)
        mean += a * one + b * first
        second += a * a * one + 2 * a * b * first + b * b * square
        slope += b * b * one
    return mean, second, slope


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    kinks=st.lists(st.floats(-3, 3), min_size=3, max_size=3, unique=True).map(sorted),
    slopes=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    jump=st.floats(-1, 1),
)
def test_kinks_and_jumps_are_found_wherever_they_are(kinks, slopes, jump):
    function = functools.partial(
        piecewise_linear, kinks=kinks, slopes=slopes, jump=jump
    )
    expected = piecewise_moments(kinks, slopes, jump)
    size = 1 + sum(map(abs, expected))
    assert gaussian_moments(function) == pytest.approx(
        expected, rel=0, abs=1e-12 * size
    )


@pytest.mark.parametrize("place", [1e-9, 1e-6, -3e-4, 0.25, 1 + 1e-7, -2.0])
def test_a_jump_beside_the_edge_of_a_panel_is_found(place):
    step = lambda x: jnp.where(x > place, 1.0, -0.5)
    high = below(-place)
    expected = (1.5 * high - 0.5, 0.75 * high + 0.25, 0.0)
    assert gaussian_moments(step) == pytest.approx(expected, abs=1e-13)


def test_clip_and_a_kink_at_an_odd_place():
    expected = piecewise_moments([0.37], [-0.2, 1.7], 0.0)
    odd = lambda x: jnp.where(x < 0.37, -0.2 * x, 1.7 * x - 1.9 * 0.37)
    assert gaussian_moments(odd) == pytest.approx(expected, rel=1e-12)
    clip = functools.partial(jnp.clip, min=-1, max=1)
    assert gaussian_moments(clip) == pytest.approx(gaussian_moments("hard_tanh"))


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus", "hard_swish"])
@pytest.mark.parametrize("variance", [1e-6, 0.3, 7.0, 1e4])
def test_variance_scales_the_input(name, variance):
    root = math.sqrt(variance)
    scaled = lambda x: getattr(jax.nn, name)(root * x)
    mean, second, slope = gaussian_moments(scaled)
    expected = mean, second, slope / variance
    assert gaussian_moments(name, variance) == pytest.approx(expected, rel=1e-10)


def test_a_gated_pair_is_a_product_of_independent_halves():
    gate = gaussian_moments("silu", 2.0)
    pair = gaussian_moments("swiglu", 2.0)
    assert pair == (0.0, 2.0 * gate.second, 2.0 * gate.slope + gate.second)


def test_a_slope_that_does_not_converge_is_infinite():
    moments = gaussian_moments(lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)))
    assert moments.second == pytest.approx(math.sqrt(2 / math.pi))
    assert moments.slope == math.inf


def test_the_derivative_is_the_one_jax_takes():
    @jax.custom_vjp
    def binary(x):
        return jnp.sign(x)

    binary.defvjp(lambda x: (binary(x), x), lambda x, g: (g * (jnp.abs(x) < 1),))
    moments = gaussian_moments(binary)
    assert moments.second == 1.0
    assert moments.slope == pytest.approx(1 - 2 * below(-1), rel=1e-12)


def test_whole_number_outputs_are_numbers():
    assert gaussian_moments(lambda x: (x > 0).astype(int)).second == 0.5


def test_double_precision_whatever_the_callers_setting():
    with jax.enable_x64(False):
        single = gaussian_moments(lambda x: jnp.tanh(x))
    with jax.enable_x64(True):
        double = gaussian_moments(lambda x: jnp.tanh(x))
    assert single == double


def test_values_do_not_depend_on_where_they_are_asked_for():
    eager = gaussian_moments(lambda x: x * jnp.tanh(x)).second
    fresh = lambda y: y * gaussian_moments(lambda x: x * jnp.tanh(x)).second
    ones = jnp.ones(jax.device_count())
    assert jax.jit(fresh)(1.0) == jnp.float32(eager)
    assert jax.grad(fresh)(1.0) == jnp.float32(eager)
    assert (jax.vmap(fresh)(ones) == jnp.float32(eager)).all()
    mesh = jax.make_mesh(
        ones.shape, ("x",), axis_types=(jax.sharding.AxisType.Explicit,)
    )
    with jax.set_mesh(mesh):
        spread = jax.device_put(ones, jax.NamedSharding(mesh, jax.P("x")))
        mapped = jax.shard_map(fresh, in_specs=jax.P("x"), out_specs=jax.P("x"))
        assert (jax.jit(mapped)(spread) == jnp.float32(eager)).all()
    with jax.disable_jit(), jax.transfer_guard("disallow"):
        assert gaussian_moments(lambda x: x * jnp.tanh(x)).second == eager


def test_equal_functions_are_integrated_once():
    calls = []

    def counted(x, slope):
        calls.append(slope)
        return slope * x

    first = gaussian_moments(functools.partial(counted, slope=2.0))
    traces = len(calls)
    assert gaussian_moments(functools.partial(counted, slope=2.0)) is first
    gaussian_moments(functools.partial(counted, slope=2.0), 3.0)
    assert len(calls) == traces


def test_a_callable_without_hash_is_known_by_identity():
    class Doubled:
        __hash__ = None  # pyright: ignore[reportAssignmentType]

        def __call__(self, x):
            return 2 * x

    assert gaussian_moments(Doubled()).second == pytest.approx(4.0)


@pytest.mark.parametrize("variance", [0.0, -1.0, math.nan, math.inf])
def test_the_variance_is_above_zero(variance):
    with pytest.raises(ValueError, match=f"Got {variance}"):
        gaussian_moments("relu", variance)
