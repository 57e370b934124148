"""Linear recurrences and gates: rings, rates, steps, biases, decays."""

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jinit import ssm
from jinit.ssm.rwkv7 import Parameter
from jinit.testing import assert_law

from ..helpers import at_the_extreme_words, exact, key


RANDOM = [
    ssm.gated_delta,
    ssm.lru_nu(0.9, 0.999),
    ssm.lru_theta(0.3),
    ssm.mamba_dt_bias,
    ssm.rg_lru(power=8),
]


@pytest.mark.parametrize("init", RANDOM, ids=repr)
def test_random_laws_are_as_stated(init):
    assert_law(init, (100, 100), key(1))


@pytest.mark.parametrize(
    "init",
    [
        *RANDOM,
        ssm.lru_nu,
        ssm.lru_nu(0.5, 1.0),
        ssm.lru_nu(0.0, 0.99),
        ssm.rg_lru(0.0, 1.0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_random_word_makes_an_infinite_weight(init, dtype, monkeypatch):
    with jax.enable_x64(dtype == "float64"):
        ends = at_the_extreme_words(init, (2,), monkeypatch, dtype)
    assert np.isfinite(ends).all()
    low, high = init.support((2,))
    assert low - 1e-6 <= ends[0] < ends[1] <= high + 1e-6


def test_moments_in_closed_form():
    law = ssm.lru_nu.marginal((1,))  # log of half an exponential variable
    np.testing.assert_allclose(law.mean, -np.log(2) - np.euler_gamma, atol=1e-10)
    np.testing.assert_allclose(law.std, np.pi / 6**0.5, atol=1e-10)
    law = ssm.gated_delta.marginal((1,))
    np.testing.assert_allclose(
        [law.mean, law.std, law.kurtosis], [np.log(16) - 1, 1, 9], atol=1e-8
    )


def test_lru_poles_are_uniform_on_the_ring():
    with jax.enable_x64(True):
        nu = np.asarray(ssm.lru_nu(0.9, 0.999)(key(2), (20_000,)))
        theta = np.asarray(ssm.lru_theta(1.0)(key(3), (20_000,)))
    areas = (np.exp(-2 * np.exp(nu)) - 0.81) / (0.998001 - 0.81)
    assert stats.kstest(areas, "uniform").pvalue > 1e-6
    assert stats.kstest(np.exp(theta), "uniform").pvalue > 1e-6


def test_lru_gamma_makes_the_variance_of_states_1():
    """The state h′ = λ h + γ x of white x has the variance γ² / (1 − |λ|²)."""
    modulus = np.array([0.05, 0.5, 0.9, 0.999, 1 - 1e-9])
    with jax.enable_x64(True):
        gamma = np.exp(ssm.lru_gamma(np.log(-np.log(modulus))))
    np.testing.assert_allclose(gamma**2 / (1 - modulus**2), 1, rtol=1e-6)
    low = ssm.lru_gamma(jnp.array([-200.0, -40.0, 5.0]))
    np.testing.assert_allclose(low, [-99.653427, -19.653427, 0.0], rtol=1e-6)
    assert ssm.lru_gamma(jnp.zeros(2, jnp.bfloat16)).dtype == jnp.bfloat16
    with pytest.raises(TypeError, match=r"`jinit.ssm.lru_gamma` needs `nu` to be real"):
        ssm.lru_gamma(1j)


@pytest.mark.parametrize("power", [1, 8])  # of RecurrentGemma's code, of Griffin's text
def test_rg_lru_has_a_power_on_the_ring(power):
    w = np.asarray(ssm.rg_lru(power=power)(key(4), (20_000,)), np.float64)
    square = np.exp(-2 * power * np.logaddexp(0, w))
    assert stats.kstest((square - 0.81) / 0.188001, "uniform").pvalue > 1e-6
    assert (
        abs(square.mean() - (0.81 + 0.998001) / 2) < 5 * 0.188 / 12**0.5 / 20_000**0.5
    )


def test_mamba_steps_come_back_from_their_biases():
    """To the precision of float32, where log(exp(Δ) − 1) is off by 2e-5."""
    w = np.asarray(ssm.mamba_dt_bias(key(5), (20_000,)), np.float64)
    step = np.asarray(jnp.exp(ssm.log_step(key(5), (20_000,))), np.float64)
    np.testing.assert_allclose(np.logaddexp(0, w), step, rtol=2e-6)
    expected = (0.1 - 0.001) / np.log(100)
    assert abs(step.mean() - expected) < 5 * 0.0253 / 20_000**0.5
    naive = np.log(np.exp(step.astype("f")) - 1).astype(np.float64)
    assert np.abs(np.logaddexp(0, naive) / step - 1).max() > 1e-5


def test_mamba_starts_from_the_real_poles_of_s4d():
    rates = exact(ssm.mamba_a_log, 3, 16)
    np.testing.assert_array_equal(rates, exact(ssm.s4d_real(part="log_decay"), 3, 16))
    np.testing.assert_allclose(np.exp(rates[1]), np.arange(1, 17))


@pytest.mark.parametrize(
    ("law", "wrong"),
    [
        (ssm.log_step, {"dt_min": 0.2}),
        (ssm.mamba_dt_bias, {"dt_max": 1e-3}),
        (ssm.lru_nu, {"r_min": 1.0}),
        (ssm.rg_lru, {"r_max": 0.5}),
        (ssm.mamba2_a_log, {"low": 16}),
    ],
)
def test_bounds_in_the_wrong_order_are_refused(law, wrong):
    name = law.law.public_name
    with pytest.raises(ValueError, match=f"`{name}` needs `.*` below `.*`. Got"):
        law(**wrong)


def test_decays_of_heads():
    doubling = 1 / (1 - exact(ssm.retnet_decay, 8))
    np.testing.assert_allclose(doubling, 32 * 2.0 ** np.arange(8))
    logs = exact(ssm.retnet_decay(log=True), 40)
    np.testing.assert_allclose(-logs[-1] * 2.0**44, 1, rtol=1e-12)
    np.testing.assert_allclose(exact(ssm.alibi_slopes, 8), 0.5 ** np.arange(1, 9))
    between = 2 ** -np.arange(0.5, 8, 1)  # every other slope of 16 heads
    expected = [*(0.5 ** np.arange(1, 9)), *between[:4]]
    np.testing.assert_allclose(exact(ssm.alibi_slopes, 12), expected)
    np.testing.assert_allclose(exact(ssm.alibi_slopes, 1), 2.0**-8)


def test_hyena_windows_fall_to_their_target_in_time():
    rates = exact(ssm.hyena_decay, 64)
    np.testing.assert_allclose(np.exp(rates[[0, -1]] * [1.5, 0.3]), 0.01)
    np.testing.assert_allclose(np.diff(rates, 2), 0, atol=1e-12)
    traced = jax.jit(lambda fast: ssm.hyena_decay(fast)(None, (64,)))(0.3)
    np.testing.assert_allclose(traced, rates, rtol=1e-6)


def test_xlstm_forget_gates():
    np.testing.assert_allclose(exact(ssm.xlstm_forget_bias, 4), [3, 4, 5, 6])
    first = exact(ssm.xlstm_forget_bias("slstm", 0, 5), 8)
    last = exact(ssm.xlstm_forget_bias("slstm", 4, 5), 8)
    for b in (first, last):
        np.testing.assert_allclose(b[[0, -1]], [5, -7])
    np.testing.assert_allclose(first[1], 5 - 12 * (1 / 7) ** 0.3)
    np.testing.assert_allclose(last[1], 5 - 12 * (1 / 7) ** 1.6)
    assert np.isfinite(exact(ssm.xlstm_forget_bias("slstm"), 1)).all()


def rwkv7_by_channel(parameter, n, C, N, layer, layers):
    """The released code's own order of operations, one channel at a time."""
    depth, shallow = layer / (layers - 1), 1 - layer / layers
    linear = n / (C - 1) - 0.5
    zigzag = ((n % N) - ((N - 1) / 2)) / ((N - 1) / 2)
    zigzag = zigzag * abs(zigzag)
    speed = -6 + 6 * (n / (C - 1)) ** (1 + 1 * depth**0.3)
    return {
        "x_r": 1 - (n / C) ** (0.2 * shallow),
        "x_w": 1 - (n / C) ** (0.9 * shallow),
        "x_k": 1 - (n / C) ** (0.7 * shallow),
        "x_v": 1 - (n / C) ** (0.7 * shallow),
        "x_a": 1 - (n / C) ** (0.9 * shallow),
        "x_g": 1 - (n / C) ** (0.2 * shallow),
        "w0": speed + 0.5 + zigzag * 2.5,
        "a0": -0.19 + zigzag * 0.3 + linear * 0.4,
        "v0": 0.73 - linear * 0.4,
        "k_k": 0.71 - linear * 0.1,
        "k_a": 1.02,
        "r_k": -0.04,
        "ln_x": ((1 + layer) / layers) ** 0.7,
        "ffn_x_k": 1 - (n / C) ** (shallow**4),
    }[parameter]


@pytest.mark.parametrize("layer", [0, 2, 4])
def test_the_table_of_rwkv7(layer):
    for parameter in get_args(Parameter):
        init = ssm.rwkv7(parameter, layer, 5, head_size=4)
        law, expected = (
            init.marginal((12,)),
            [rwkv7_by_channel(parameter, n, 12, 4, layer, 5) for n in range(12)],
        )
        np.testing.assert_allclose(law.mean, np.mean(expected), rtol=1e-12)
        if parameter in ("w0", "a0", "x_k", "ffn_x_k"):
            np.testing.assert_allclose(exact(init, 12), expected, rtol=1e-12)


def test_a_layer_that_is_none_is_refused():
    for law in (ssm.rwkv7(layers=4), ssm.xlstm_forget_bias(layers=4)):
        with pytest.raises(ValueError, match=r"one of 4 layers, from 0 to 3. Got 4"):
            law(layer=4)
