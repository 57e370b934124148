"""Initializers made of others."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit.compose import scaled
from jinit.testing import assert_law

from .helpers import assert_same_bits, key


@pytest.mark.parametrize("factor", [0.3, -0.5, 2.0, 0.0])
@pytest.mark.parametrize(
    "base", [jinit.he_normal(), jinit.uniform_range(-1.0, 3.0), jinit.ones]
)
def test_a_scaled_law_holds_to_what_it_states(base, factor):
    if base is jinit.ones:
        init, shape = scaled(base, factor), (4, 3)
        assert (init(key(), shape) == factor).all()
        assert (init.mean(shape), init.std(shape)) == (factor, 0)
    else:
        assert_law(scaled(base, factor), (200, 100), key())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_factor_of_one_changes_no_bit_and_a_power_of_two_only_the_exponent(dtype):
    for base in (jinit.lecun_normal(), jinit.orthogonal(method="qr"), jinit.identity):
        w = base(key(), (32, 16), dtype)
        assert_same_bits(scaled(base)(key(), (32, 16), dtype), w)
        assert_same_bits(scaled(base, 0.25)(key(), (32, 16), dtype), w * 0.25)


def test_the_product_is_rounded_once():
    init = scaled(jinit.normal(stddev=1.0), 0.3)
    wide = np.asarray(init(key(), (999,)))
    narrow = init(key(), (999,), jnp.bfloat16)
    assert_same_bits(narrow, wide.astype(jnp.bfloat16))
    twice = jinit.normal(stddev=1.0)(key(), (999,), jnp.bfloat16) * 0.3
    assert (narrow != twice).any()


def test_moments_and_fans_follow_the_base_at_every_shape():
    base = jinit.he_normal(mode="fan_out")
    for shape in [(8, 4), (3, 3, 16, 64)]:
        init = scaled(base, -0.7)
        assert init.fans(shape) == base.fans(shape)
        assert init.std(shape) == pytest.approx(0.7 * base.std(shape), rel=1e-15)


def test_an_array_of_factors_is_one_for_each_slice():
    init, shape = scaled(jinit.normal(1.0), [[[1.0]], [[-2.0]], [[0.0]]]), (3, 200, 100)
    w, plain = init(key(), shape), jinit.normal(1.0)(key(), shape)
    for slice, own, factor in zip(w, plain, (1, -2, 0), strict=True):
        assert_same_bits(slice, own * factor)
    assert init.std(shape) == pytest.approx((5 / 3) ** 0.5, rel=1e-15)
    assert jinit.get(repr(init)) == jinit.from_config(init.to_config()) == init
    with pytest.raises(ValueError, match=r"factors of shape \(3, 1, 1\) for \(2, 4\)"):
        init(key(), (2, 4))


def test_it_is_made_of_whatever_makes_an_initializer():
    twin = scaled("he_normal(mode='fan_out')", 2)
    assert twin == scaled(jinit.he_normal(mode="fan_out"), 2.0)
    nested = scaled(scaled(jinit.normal, 2.0), 3.0)
    assert jinit.get(repr(nested)) == nested
    assert nested.std((3,)) == pytest.approx(6 * jinit.normal.std((3,)))
    assert scaled(0.5, 3.0)(key(), (2,)).tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: scaled([1, "a"]), TypeError, r"`base`.*Got \(1, 'a'\)"),
        (lambda: scaled("he_normol"), ValueError, "Did you mean 'he_normal'"),
        (lambda: scaled(jinit.constant), TypeError, "`jinit.constant` needs 'value'"),
        (lambda: scaled(jinit.ones, jnp.inf), ValueError, "`factor`.*Got inf"),
        (lambda: scaled(jinit.ones, [1.0, jnp.inf]), ValueError, "`factor`.*finite"),
        (lambda: scaled()(key(), (2,)), TypeError, "`jinit.scaled` needs 'base'"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
