"""Broken laws, each a mistake that was once made somewhere; the suite catches all."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer
from scipy import stats

import jinit
from jinit import marginal, testing
from jinit._core import sampling
from jinit.testing import assert_law

from .helpers import (
    assert_gram,
    assert_haar_trace,
    assert_half_open,
    key,
)


def states(mean=0.0, std=1.0):
    return jinit.law(marginal=lambda shape: marginal.normal(mean, std))


def states_he(distribution: Any = "normal", **axes):
    init = jinit.variance_scaling(2.0, "fan_in", distribution, **axes)
    return jinit.law(marginal=init.marginal)


def normal(key, shape, dtype):
    return jax.random.normal(key, shape, dtype)


@states()
def two_percent_too_wide(key, shape, dtype, /):
    return 1.02 * normal(key, shape, dtype)


@states()
def mean_off_by_a_fiftieth(key, shape, dtype, /):
    return normal(key, shape, dtype) + 0.02


@states_he()
def swapped_fans(key, shape, dtype, /):
    return jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")(
        key, shape, dtype
    )


@states_he(in_axis=0, out_axis=1, batch_axis=2)
def ignored_axes(key, shape, dtype, /):
    return jax.nn.initializers.variance_scaling(2.0, "fan_in", "normal")(
        key, shape, dtype
    )


@states_he("truncated_normal")
def no_truncation_correction(key, shape, dtype, /):
    return jax.random.truncated_normal(key, -2, 2, shape, dtype) * (2 / shape[0]) ** 0.5


@jinit.law(marginal=lambda shape: marginal.uniform(0.0, 1.0))
def drawn_in_bfloat16(key, shape, dtype, /):
    return jax.random.uniform(key, shape, jnp.bfloat16).astype(dtype)


@states()
def reused_rows(key, shape, dtype, /):
    half = normal(key, (shape[0] // 2, *shape[1:]), dtype)
    return jnp.concatenate([half, half])


@states()
def slices_that_share_one_draw(key, shape, dtype, /):
    return jnp.broadcast_to(normal(key, shape[1:], dtype), shape)


@states()
def key_ignored(key, shape, dtype, /):
    return normal(jax.random.key(0), shape, dtype)


@jinit.law(marginal=lambda shape: marginal.coordinate(shape[0], 1.0))
def orthogonal_without_sign_fix(key, shape, dtype, /):
    return jnp.linalg.qr(normal(key, shape, dtype))[0]


@jinit.law(marginal=lambda shape: marginal.truncated_normal(0.0, 1.0))
def cut_off(key, shape, dtype, /):
    return jnp.clip(normal(key, shape, dtype), -2, 2)


@states()
def right_moments_wrong_shape(key, shape, dtype, /):
    return 3**0.5 * jax.random.uniform(key, shape, dtype, -1)


@jinit.law(marginal=lambda shape: marginal.uniform(-0.1, 0.1))
def beyond_its_bound(key, shape, dtype, /):
    return 0.101 * jax.random.uniform(key, shape, dtype, -1)


@states()
def not_a_number(key, shape, dtype, /):
    return jnp.sqrt(normal(key, shape, dtype))


SHAPE = (300, 1000)
MUTANTS = [
    (two_percent_too_wide, SHAPE, {}, "its standard deviation as 1 "),
    (mean_off_by_a_fiftieth, SHAPE, {}, "its mean as 0 "),
    (swapped_fans, SHAPE, {}, "its standard deviation as 0.0816497 "),
    (ignored_axes, (100, 50, 8), {}, "its standard deviation as 0.141421 "),
    (no_truncation_correction, SHAPE, {}, "its standard deviation as 0.0816497 "),
    (drawn_in_bfloat16, SHAPE, {}, "its mean as 0.5 "),
    (drawn_in_bfloat16, SHAPE, {"dtype": jnp.bfloat16}, "distance|off by"),
    (reused_rows, SHAPE, {}, "repeated values"),
    (slices_that_share_one_draw, (2, 300, 500), {}, "repeated values"),
    (key_ignored, SHAPE, {}, "the same for two keys"),
    (orthogonal_without_sign_fix, (4, 4), {"draws": 10_000}, "its mean as 0 "),
    (cut_off, SHAPE, {}, "its standard deviation as"),
    (right_moments_wrong_shape, SHAPE, {}, "distance"),
    (beyond_its_bound, SHAPE, {}, "its support as"),
    (not_a_number, SHAPE, {}, "finite"),
]


@pytest.mark.parametrize(("mutant", "shape", "options", "reason"), MUTANTS)
def test_assert_law_catches(mutant, shape, options, reason):
    with pytest.raises(AssertionError, match=reason) as caught:
        assert_law(mutant, shape, key(), **options)
    assert f"`{mutant!r}`" in str(caught.value)


def test_the_key_that_is_ignored_is_caught_in_one_draw_of_each():
    with pytest.raises(AssertionError, match="its mean as 0 "):
        assert_law(key_ignored, (4, 4), key(), draws=2000)


def test_mass_on_the_bounds_is_caught_where_moments_cannot_see_it():
    @jinit.law(marginal=lambda shape: marginal.uniform(0.0, 1.0))
    def one_in_two_thousand_on_the_bound(key, shape, dtype, /):
        u = jax.random.uniform(key, shape, dtype)
        return jnp.where(u > 0.9995, 1.0, u)

    with pytest.raises(AssertionError, match=r"P\(W = 1\).*such weights"):
        assert_law(one_in_two_thousand_on_the_bound, SHAPE, key())


def test_a_closed_high_end_is_caught(monkeypatch):
    @jinit.law(marginal=lambda shape: marginal.uniform(0.0, 1.0))
    def one_ulp_too_far(key, shape, dtype, /):
        return 1 - sampling.uniform(key, shape, dtype)

    assert_law(one_ulp_too_far, SHAPE, key())  # no sample shows it
    with pytest.raises(AssertionError, match="half-open"):
        assert_half_open(one_ulp_too_far, (10,), monkeypatch)
    assert_half_open(jinit.uniform_range(0.0, 1.0), (10,), monkeypatch)


def test_a_transposed_orthogonal_matrix_is_caught():
    tall = jinit.orthogonal(key(), (12, 4))
    assert_gram(tall, 1.0)
    with pytest.raises(AssertionError, match="Gram"):
        assert_gram(tall.reshape(4, 12).T, 1.0)


def test_a_missing_sign_fix_is_caught_by_the_trace():
    assert_haar_trace(jinit.orthogonal, 6, key())
    with pytest.raises(AssertionError, match="trace"):
        assert_haar_trace(orthogonal_without_sign_fix, 6, key())


class OtherUnderJit(jinit.Initializer):
    def __call__(self, key, *args, **kwargs):
        w: Any = super().__call__(key, *args, **kwargs)
        return w * (1 + isinstance(key, Tracer) * 1e-6)


def test_a_draw_that_changes_under_jit_is_caught():
    init = OtherUnderJit(jinit.normal.law, {})
    with pytest.raises(AssertionError, match=r"under `jax.jit`, \d+ of 2000 weights"):
        assert_law(init, (40, 50), key())


def test_the_wrong_dtype_is_refused_for_a_tiny_sample():
    with pytest.raises(ValueError, match="Got 20 from normal"):
        assert_law(jinit.normal, (4, 5), key())


def test_false_alarms_come_no_more_often_than_alpha():
    init, n, alpha = jinit.lecun_normal, 500, 0.05
    draws = jax.vmap(lambda k: init(k, (40, 50)))(jax.random.split(key(1), n))
    checks = {
        testing._assert_moments: 2 * alpha,  # mean and variance
        testing._assert_distribution: alpha,
        testing._assert_shares: alpha,
        testing._assert_distinct: alpha,
    }
    for check, rate in checks.items():
        alarms = 0
        for w in np.asarray(draws, np.float64):
            try:
                check(_trial(init, w, alpha))
            except AssertionError:
                alarms += 1
        assert alarms <= stats.binom.isf(1e-6, n, rate), check


def _trial(init, w, alpha):
    dtype = np.dtype("float32")
    return testing._Trial(
        init, init.marginal(w.shape), w.ravel(), w.shape, dtype, alpha
    )


def test_unstated_laws_get_the_exact_checks_only():
    @jinit.law
    def unstated(key, shape, dtype, /):
        return jnp.zeros(shape, dtype)

    assert_law(unstated, (3,), key())
    assert_law(jinit.zeros, (3,), key())
    assert_law(jinit.normal, (0, 3), key())
    assert np.shape(unstated(key(), (3,))) == (3,)
