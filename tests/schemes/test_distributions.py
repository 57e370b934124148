"""Plain distributions: their settings, their refusals, what they say of themselves."""

# Most calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import math

import jax.numpy as jnp
import pytest

import jinit

from ..helpers import key


def test_symmetric_uniform_by_bound_or_by_deviation():
    assert jinit.symmetric_uniform(0.3).std((1,)) == pytest.approx(0.3 / 3**0.5)
    assert jinit.symmetric_uniform(stddev=0.3).std((1,)) == pytest.approx(0.3)
    assert jinit.symmetric_uniform(0.3).support((1,)) == (-0.3, 0.3)


def test_truncation_is_in_units_of_the_deviation():
    w = jinit.truncated_normal(0.1, lower=-1.0, upper=0.5)(key(), (10_000,))
    assert -0.1 < w.min() < -0.099
    assert 0.0495 < w.max() < 0.05


def test_a_corrected_truncation_has_the_deviation_asked_for():
    for bounds in [(-2.0, 2.0), (-1.0, 3.0), (0.5, 0.6)]:
        init = jinit.truncated_normal(0.7, None, *bounds, corrected=True)
        assert init.std((1,)) == pytest.approx(0.7)


def test_a_mean_shifts_every_weight():
    for family in (jinit.normal, jinit.truncated_normal):
        shifted = family(0.5, mean=3.0)
        assert shifted.mean((1,)) == 3.0
        error = shifted(key(), (9,)) - (family(0.5)(key(), (9,)) + 3)
        assert abs(error).max() <= 4 * jnp.finfo(jnp.float32).eps  # one ulp of 3 + w


def test_a_spread_of_zero_is_a_point():
    for init in (
        jinit.normal(0.0, mean=2.0),
        jinit.truncated_normal(0.0, mean=2.0),
    ):
        assert (init(key(), (5,)) == 2).all()
        assert init.support((5,)) == (2.0, 2.0)
    assert not jinit.uniform(0.0)(key(), (5,)).any()
    assert not jinit.symmetric_uniform(0.0)(key(), (5,)).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jinit.uniform(-0.1), ValueError, r"at least 0\. Got -0\.1"),
        (lambda: jinit.uniform(math.nan), ValueError, "Got nan"),
        (
            lambda: jinit.uniform_range(3.0, 1.0),
            ValueError,
            r"minval=3\.0",
        ),
        (lambda: jinit.uniform_range(1.0, 1.0), ValueError, r"maxval=1\.0"),
        (lambda: jinit.truncated_normal(lower=3.0), ValueError, r"lower=3\.0.*upper=2"),
        (lambda: jinit.truncated_normal(-1.0), ValueError, r"Got -1\.0"),
        (lambda: jinit.symmetric_uniform(), TypeError, "bound=None and stddev=None"),
        (
            lambda: jinit.symmetric_uniform(1, stddev=2),
            TypeError,
            "bound=1",
        ),
        (lambda: jinit.symmetric_uniform(key(), (3,)), TypeError, "bound=None"),
        (lambda: jinit.symmetric_uniform.std((3,)), TypeError, "bound=None"),
        (lambda: jinit.normal(mean="zero"), TypeError, "`mean`.*Got 'zero'"),
        (lambda: jinit.uniform(dtype=jnp.int32), ValueError, "Got int32"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_cuts_that_look_absolute_are_warned_of():
    cut = 2 * 0.036
    with pytest.warns(UserWarning, match=r"0\.042 times.*lower=-0.072 / 0.036") as seen:
        init = jinit.truncated_normal(0.036, lower=-cut, upper=cut)
    assert seen[0].filename == __file__
    assert init.std((4,)) < 0.036 / 20
    init = jinit.truncated_normal(1.0, lower=-0.5, upper=0.5, corrected=True)
    assert init.std((4,)) == pytest.approx(1.0)
    jinit.truncated_normal(0.036, lower=-2, upper=2)
