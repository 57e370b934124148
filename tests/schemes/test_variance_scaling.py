"""The variance-scaling family: closed forms, gains, overrides."""

# Most calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import jax
import jax.numpy as jnp
import pytest

import jinit

from ..helpers import assert_same_bits, key


SHAPE = (3, 3, 64, 128)
FAN_IN, FAN_OUT = 576, 1152


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (jinit.fan_in_uniform, 1 / (3 * FAN_IN)),
        (jinit.lecun_normal, 1 / FAN_IN),
        (jinit.lecun_uniform, 1 / FAN_IN),
        (jinit.glorot_normal, 2 / (FAN_IN + FAN_OUT)),
        (jinit.glorot_uniform, 2 / (FAN_IN + FAN_OUT)),
        (jinit.sigmoid_uniform, 16 * 2 / (FAN_IN + FAN_OUT)),
        (jinit.he_normal, 2 / FAN_IN),
        (jinit.he_uniform, 2 / FAN_IN),
        (jinit.he_normal(negative_slope=0.5), 1.6 / FAN_IN),
        (jinit.he_normal(mode="fan_out"), 2 / FAN_OUT),
        (jinit.he_normal(gain=3.0, negative_slope=0.5), 9 / FAN_IN),
        (jinit.he_normal(gain="relu"), 2 / FAN_IN),
        (jinit.glorot_uniform(gain="relu"), 4 / (FAN_IN + FAN_OUT)),
        (jinit.lecun_normal(mode="fan_geo_avg"), 1 / (FAN_IN * FAN_OUT) ** 0.5),
        (jinit.lecun_normal(fans=(50, 10)), 1 / 50),
        (jinit.lecun_normal(fans=(50, 10), mode="fan_out"), 1 / 10),
        (jinit.lecun_normal(in_axis=-1, out_axis=-2), 1 / FAN_OUT),
        (jinit.he_normal(mode="fan_out", groups=4), 2 * 4 / FAN_OUT),
        (jinit.he_normal(batch_axis=(0, 1)), 2 / 64),
        (jinit.variance_scaling(0.5, "fan_avg", "normal"), 1 / (FAN_IN + FAN_OUT)),
    ],
    ids=repr,
)
def test_the_variance_is_the_published_one(init, variance):
    assert init.std(SHAPE) == pytest.approx(variance**0.5, rel=1e-12)


def test_uniform_members_reach_root_three_deviations():
    for init in (jinit.he_uniform, jinit.lecun_uniform, jinit.fan_in_uniform):
        bound = 3**0.5 * init.std(SHAPE)
        assert init.support(SHAPE) == pytest.approx((-bound, bound))


def test_truncated_members_are_cut_at_two_deviations_of_the_uncut_law():
    low, high = jinit.he_normal.support(SHAPE)
    assert high == -low == pytest.approx(2 * (2 / FAN_IN) ** 0.5 / 0.87962566103423978)


def test_a_gain_is_an_activation_a_name_or_a_number():
    by_name = jinit.lecun_normal(gain="tanh")
    assert jinit.lecun_normal(gain=jnp.tanh) == by_name
    assert jinit.lecun_normal(gain=jax.nn.tanh) == by_name
    assert by_name.std((100, 1)) == pytest.approx(jinit.gain("tanh") / 10)
    user = lambda x: 3 * x
    assert jinit.lecun_normal(gain=user).std((100, 1)) == pytest.approx(1 / 30)


def test_the_classic_heuristic_is_torchs_default():
    w = jinit.fan_in_uniform(key(), (100, 10))
    assert_same_bits(w, jinit.lecun_uniform(gain=3**-0.5)(key(), (100, 10)))
    assert jinit.he_uniform(negative_slope=5**0.5).std((100, 10)) == pytest.approx(
        jinit.fan_in_uniform.std((100, 10))
    )
    bias = jinit.fan_in_uniform(fans=(100, 10))(key(), (10,))
    assert abs(bias).max() <= 0.1


def test_a_scale_of_zero_gives_zeros():
    for distribution in ("normal", "uniform", "truncated_normal"):
        init = jinit.variance_scaling(0.0, "fan_in", distribution)
        assert not init(key(), (3, 4)).any()
        assert init.std((3, 4)) == 0


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 0, 0)])
def test_empty_kernels_state_something(shape):
    assert jinit.he_normal(key(), shape).shape == shape
    jinit.he_normal.std(shape)
    jinit.glorot_uniform.support(shape)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: jinit.variance_scaling(-1.0, "fan_in", "normal"),
            ValueError,
            "Got -1",
        ),
        (
            lambda: jinit.variance_scaling(1.0, "fan_inn", "normal"),
            ValueError,
            "'fan_in', 'fan_out', 'fan_avg', 'fan_geo_avg'. Got 'fan_inn'.*'fan_in'",
        ),
        (
            lambda: jinit.variance_scaling(1.0, "fan_in", "gaussian"),
            ValueError,
            "`distribution`.*Got 'gaussian'",
        ),
        (
            lambda: jinit.he_normal(mode="fan_inn"),
            ValueError,
            "he_normal.*fan_inn",
        ),
        (lambda: jinit.he_normal(gain=-1), ValueError, "Got -1"),
        (lambda: jinit.he_normal(gain="rleu"), ValueError, "'rleu'.*'relu'"),
        (lambda: jinit.he_normal(groups=0), ValueError, "`groups`.*Got 0"),
        (lambda: jinit.he_normal(groups=1.5), ValueError, r"Got 1\.5"),
        (lambda: jinit.he_normal(fans=(0, 1)), ValueError, r"Got \(0, 1\)"),
        (lambda: jinit.he_normal(fans=3), TypeError, "Got 3"),
        (lambda: jinit.he_normal(in_axis="x"), TypeError, "`in_axis`.*Got 'x'"),
        (lambda: jinit.he_normal(key(), (4,)), ValueError, r"Got -2\..*`jinit.zeros`"),
        (lambda: jinit.he_normal(key(), ()), ValueError, "0 axes"),
        (lambda: jinit.he_normal(in_axis=-1)(key(), (3, 4)), ValueError, "axis -1"),
        (lambda: jinit.he_normal(groups=3)(key(), (3, 4)), ValueError, "Got 3"),
        (lambda: jinit.he_normal(dtype="int8"), ValueError, "Got int8"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
