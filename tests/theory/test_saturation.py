import math

import jax
import jax.numpy as jnp
import pytest

from jinit import theory


def test_weights_of_one_over_root_d_keep_a_third():
    for d in (1, 64, 784):
        bound = 1 / math.sqrt(d)
        assert theory.preactivation_variance(d, bound**2 / 3) == pytest.approx(1 / 3)


def test_standard_weights_saturate_a_unit_with_many_inputs():
    variance = theory.preactivation_variance(784, 1 / 3)
    assert theory.saturation_probability(4.0, variance) == pytest.approx(0.80, abs=0.01)
    assert theory.saturation_probability(4.0, 1 / 3) < 1e-11


def test_the_variance_is_that_of_a_sum():
    d, n = 64, 20_000
    weight_key, input_key = jax.random.split(jax.random.key(0))
    w = jax.random.uniform(weight_key, (n, d), minval=-0.5, maxval=0.5)
    x = 2 * jax.random.normal(input_key, (n, d))
    expected = theory.preactivation_variance(d, 0.25 / 3, input_second_moment=4.0)
    kurtosis = 3 + (1.8 * 3 - 3) / d
    error = 4.89 * math.sqrt((kurtosis - 1) / n)
    assert float(jnp.mean(jnp.sum(w * x, 1) ** 2)) == pytest.approx(expected, rel=error)


@pytest.mark.parametrize(
    ("threshold", "tail"), [(1.0, 0.31731050786), (1.959963984540054, 0.05), (40, 0.0)]
)
def test_the_normal_tail(threshold, tail):
    for std in (0.1, 1.0, 30.0):
        found = theory.saturation_probability(threshold * std, std**2)
        assert found == pytest.approx(tail, rel=1e-9, abs=1e-300)


def test_chebyshev_bounds_the_tail():
    for threshold in (0.5, 1.0, 2.0, 4.0):
        for variance in (0.0, 1e-3, 1 / 3, 1.0, 100.0):
            tail = theory.saturation_probability(threshold, variance)
            assert 0 <= tail <= theory.chebyshev_bound(threshold, variance) <= 1
    assert theory.chebyshev_bound(4.0, 1 / 3) == pytest.approx(1 / 48)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.preactivation_variance(0, 1.0), "Got 0"),
        (lambda: theory.preactivation_variance(3, -1.0), "Got -1.0"),
        (lambda: theory.saturation_probability(0.0, 1.0), "`threshold` above 0. Got 0"),
        (lambda: theory.chebyshev_bound(1.0, -2.0), "Got -2.0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
