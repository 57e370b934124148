"""Correlations, depth scales and the phase diagram."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit import theory


def arc_cosine(c):
    """Cho and Saul 2009: the correlation map of relu."""
    return (c * math.asin(c) + math.sqrt(1 - c * c)) / math.pi + c / 2


@pytest.mark.parametrize("c", [-1, -0.99, -0.7, 0, 0.3, 0.9, 1 - 1e-9, 1])
@pytest.mark.parametrize("q", [1e-3, 1.0, 50.0])
def test_relu_has_the_arc_cosine_kernel(c, q):
    assert theory.correlation_map("relu", c, q, 2.0) == pytest.approx(
        arc_cosine(c), abs=1e-10
    )
    slope = theory.correlation_slope("relu", c, q, 2.0)
    assert slope == pytest.approx(math.asin(c) / math.pi + 0.5, abs=1e-10)


@pytest.mark.parametrize("c", [-0.7, 0.2, 0.95])
def test_maps_with_closed_forms(c):
    q = 0.7
    sine = math.sinh(q * c) / math.sinh(q)  # E sin u₁ sin u₂ = e^−q sinh qc
    assert theory.correlation_map("sin", c, q) == pytest.approx(sine, abs=1e-10)
    erf = math.asin(2 * q * c / (1 + 2 * q)) / math.asin(2 * q / (1 + 2 * q))
    assert theory.correlation_map("erf", c, q) == pytest.approx(erf, abs=1e-10)


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "gelu", "leaky_relu"])
def test_the_slope_is_that_of_the_map(name):
    setting = 0.8, 1.3, 0.05  # q, σw², σb²
    high, low = (theory.correlation_map(name, c, *setting) for c in (0.5001, 0.4999))
    slope = theory.correlation_slope(name, 0.5, *setting)
    assert slope == pytest.approx((high - low) / 2e-4, abs=1e-7)


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "selu"])
def test_the_slope_at_one_is_the_gradient_factor(name):
    q = theory.fixed_point(name, 0.9, 0.1).variance
    slope = theory.correlation_slope(name, 1.0, q, 0.9, 0.1)
    assert slope == pytest.approx(theory.gradient_factor(name, q, 0.9), rel=1e-10)


def steep(x):
    return jnp.clip(20 * x, -1, 1)


def test_kinks_that_lie_close_are_told_apart():
    slope = theory.correlation_slope(steep, 1.0, 1.0) * theory.variance_map(steep, 1.0)
    inside = math.erf(0.05 / math.sqrt(2))  # the share of inputs between the kinks
    assert slope == pytest.approx(400 * inside, rel=1e-10)
    assert theory.gradient_factor(steep, 1.0) == pytest.approx(slope, rel=1e-10)


def test_fast_waves_are_followed_or_refused():
    fast = lambda x: jnp.sin(8 * x)
    # sinh 64c / sinh 64
    assert theory.correlation_map(fast, 0.5, 1.0) == pytest.approx(0, abs=1e-12)
    assert theory.correlation_map(fast, 0.95, 1.0) == pytest.approx(
        math.exp(-0.05 * 64), rel=1e-10
    )
    zigzag = lambda x: jnp.abs(7 * x - jnp.round(7 * x))
    with pytest.raises(ValueError, match="few kinks, and waves that are not too fast"):
        theory.correlation_map(zigzag, 0.5, 1.0)


def test_jumps_are_refused():
    jump = lambda x: jnp.sign(x - 0.3)
    for ask in (theory.depth_scales, lambda phi, *_: theory.phase_diagram(phi)):
        with pytest.raises(ValueError, match=r"without jumps.*jumps at 0.3\."):
            ask(jump, 1.5, 0.1)


@pytest.mark.parametrize(("weights", "phase"), [(1.3, "ordered"), (2.5, "chaotic")])
def test_depth_scales_tell_the_phase(weights, phase):
    found = theory.depth_scales("tanh", weights**2, 0.09)
    assert found.phase == phase
    assert f"σw² = {weights**2:.5g}" in str(found)


def test_depth_scales_where_signals_die_or_grow():
    dead = theory.depth_scales("relu", 1.0)
    assert (dead.variance, dead.phase) == (0.0, "ordered")
    assert math.isnan(dead.correlation)
    assert math.isnan(dead.correlation_depth)
    endless = theory.depth_scales("relu", 3.0, 0.1)
    assert (endless.variance, endless.phase) == (math.inf, "chaotic")


def test_the_edge_of_relu_is_where_it_keeps_every_variance():
    point = theory.edge_at("relu", bias_variance=0.0)
    assert point.weight_variance == pytest.approx(2)
    assert point.variance == pytest.approx(1)


def test_there_is_no_edge_for_softplus():
    with pytest.raises(ValueError, match=r"edge_at.*bias_variance.*0.1.*softplus"):
        theory.edge_at("softplus", bias_variance=0.1)


@pytest.mark.parametrize("given", [{}, {"weight_variance": 1, "bias_variance": 1}])
def test_the_edge_takes_one_variance(given):
    with pytest.raises(ValueError, match="needs one of `weight_variance`"):
        theory.edge_at("tanh", **given)


def test_a_phase_diagram():
    weights, biases = [1.0, 1.69, 6.25], [0.05, 0.09]
    diagram = theory.phase_diagram("tanh", weights, biases)
    for row, b in enumerate(biases):
        for column, w in enumerate(weights):
            own = theory.depth_scales("tanh", w, b)
            at = row, column
            assert diagram.variance[at] == pytest.approx(own.variance)
            assert diagram.gradient_factor[at] == pytest.approx(own.gradient_factor)
            assert diagram.correlation[at] == pytest.approx(own.correlation)
            assert diagram.correlation_depth[at] == pytest.approx(
                own.correlation_depth, rel=1e-6
            )
    assert "order in 67%, chaos in 33%" in str(diagram)
    assert len(diagram.plot().axes) == 2


def test_a_phase_diagram_knows_where_signals_end():
    diagram = theory.phase_diagram("relu", [1.0, 3.0], [0.0, 0.1])
    assert diagram.regions["signals die out"].tolist() == [[1, 0], [0, 0]]
    assert diagram.regions["signals grow for ever"].tolist() == [[0, 1], [0, 1]]
    np.testing.assert_allclose(diagram.edge, [[2, 0, 1]] * len(diagram.edge), atol=1e-9)


@pytest.mark.parametrize("values", [[1.0], [2.0, 1.0]])
def test_a_phase_diagram_needs_rising_variances(values):
    with pytest.raises(ValueError, match=r"phase_diagram.*weight_variances.*rising"):
        theory.phase_diagram("tanh", values)


def test_theory_is_the_same_in_a_trace():
    @jax.jit
    def scaled(x):
        return x * theory.correlation_map("relu", 0.0, 1.0)

    assert scaled(jnp.pi) == pytest.approx(1)


@pytest.mark.parametrize("c", [1.5, -2, math.nan])
def test_correlations_out_of_range(c):
    with pytest.raises(ValueError, match="correlation_map"):
        theory.correlation_map("tanh", c, 1.0)


def test_a_function_that_is_zero_has_no_correlation():
    with pytest.raises(ValueError, match="not 0"):
        theory.correlation_map(lambda x: 0 * x, 0.5, 1.0)
