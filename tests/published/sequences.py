"""Recurrent networks and state spaces."""

import functools
import math
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from scipy import stats

from jinit import recurrent, ssm
from tests.helpers import exact, key

from .row import Row, sample, Sampled


LRU = "Orvieto et al. 2023, 2303.06349, by reference §8"
LEGS = "Gu, Dao, Ermon, Rudra, Ré 2020, 2008.07669, by reference §8"
S4D = "Gu, Gupta, Goel, Ré 2022, 2206.11893, by reference §8"
MAMBA = "Gu, Dao 2023, 2312.00752, by reference §8"
CHRONO = "Tallec, Ollivier 2018, 1804.11188, by reference §8"
GRIFFIN = "De et al. 2024, 2402.19427, by catalogue §A4"
RWKV = "BlinkDL, RWKV-7, by catalogue §A4"


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x)))


def ring() -> Sampled:
    """How far |λ|² lies from uniform on [.81, .998001], of 200,000."""
    with jax.enable_x64(True):
        nu = np.asarray(ssm.lru_nu(0.9, 0.999)(key(2), (200_000,)))
    areas = (np.exp(-2 * np.exp(nu)) - 0.81) / (0.998001 - 0.81)
    # The distance of n uniforms has a deviation of .26 / √n.
    found = float(stats.kstest(areas, "uniform").statistic)
    return Sampled(found, 0.26 * math.sqrt(2 / 200_000))


def legs(size: int) -> tuple[np.ndarray, np.ndarray]:
    A = exact(ssm.hippo("legs"), 32, 32)[:size, :size]
    return A, exact(ssm.hippo_input("legs"), 32)[:size]


@functools.cache
def frequencies(name: str) -> np.ndarray:
    return exact(getattr(ssm, name)(part="imag"), 32)


def percent_off(*which: int) -> list[float]:
    found, exactly = (frequencies(name)[[*which]] for name in ("s4d_inv", "s4d_legs"))
    return [*(100 * np.abs(found / exactly - 1))]


def mean_step() -> float:
    """E Δ of steps that are uniform in their logarithm."""
    low, high = np.exp(ssm.log_step.support((1,)))
    return (high - low) / math.log(high / low)


def fastest_of_legt(size: int = 32) -> float:
    """The least real part of an eigenvalue of LegT, without rounding.

    In a basis of whole numbers: the characteristic polynomial of 2 A by Faddeev and
    LeVerrier, and one of its roots by Newton.
    """
    n = np.arange(size).astype(object)
    signs = np.where(n[:, None] >= n, 1, np.where((n[:, None] - n) % 2, -1, 1))
    A, one = -signs * (2 * n + 1), np.eye(size, dtype=int).astype(object)
    coefficients, M = [1], 0 * one
    for k in range(1, size + 1):
        M = A @ M + coefficients[-1] * one
        coefficients.append(-np.trace(A @ M) // k)
    re, im = Fraction(-42), Fraction(17, 10)
    for _ in range(8):
        p = slope = (Fraction(0), Fraction(0))
        for c in coefficients:
            a, b = slope
            slope = a * re - b * im + p[0], a * im + b * re + p[1]
            p = p[0] * re - p[1] * im + c, p[0] * im + p[1] * re
        (a, b), (c, d) = p, slope
        square = c * c + d * d
        re -= (a * c + b * d) / square
        im -= (b * c - a * d) / square
        re, im = re.limit_denominator(10**25), im.limit_denominator(10**25)
    return float(re) / 2


def slowest_of_legt() -> float:
    return np.linalg.eigvals(exact(ssm.hippo("legt"), 32, 32)).real.max()


def ring_of_griffin() -> list[Any]:
    """Ends of the parameter, and E a², in theory and of 20,000 draws."""
    law = ssm.rg_lru(power=1)
    w = np.asarray(law(key(4), (20_000,)), float)
    least, most = law.support((1,))
    square = np.exp(-2 * np.logaddexp(0, w))
    return [least, most, (0.81 + 0.998001) / 2, sample(square)]


def decays_of_rwkv() -> list[float]:
    least, most = ssm.rwkv7("w0", layer=1, layers=4).support((128,))
    decay = np.exp(-math.exp(-0.5) * sigmoid([most, least]))
    return [least, most, *decay]


ROWS = [
    Row("Gers, Schmidhuber, Cummins 2000, by reference §8",
        "what a forget gate keeps per step", ".731059",
        lambda: sigmoid(recurrent.forget_bias.support((8,))[1])),
    Row(CHRONO, "T = 100: E of the forget bias", "3.642008",
        lambda: recurrent.chrono_bias(100, 0, None, 1).mean((1,)), right="3.642009",
        reason="3.6420088, cut off."),
    Row(CHRONO, "T = 100: least and greatest time", "2.0004 99.99994",
        lambda: 1 + np.exp(recurrent.chrono_bias(100, 0, None, 1).support((1,))),
        right="2 100", reason="Extremes of a draw; these are the ends of the law."),
    Row("Arjovsky, Shah, Bengio 2015, 1511.06464, by reference §8", "‖W Wᴴ − I‖",
        "4e-16", reason="Rounding.", test="families/test_recurrent.py::"
        "test_a_unitary_kernel_keeps_norms_in_both_forms"),
    Row(LRU, "distance of |λ|² from uniform, of 200,000", ".0014", ring),
    Row(LRU, "stationary variance of a state", "1", reason="Exact.",
        test="families/test_ssm_gates.py::"
        "test_lru_gamma_makes_the_variance_of_states_1"),
    Row(LEGS, "A for three states, by rows",
        "-1 0 0 -1.7320508 -2 0 -2.2360680 -3.8729833 -3", lambda: legs(3)[0].ravel()),
    Row(LEGS, "B for three states", "1 1.7320508 2.2360680", lambda: legs(3)[1]),
    Row(LEGS, "A e₀ + B, which is 0: its greatest entry of 32", "0",
        lambda: np.abs(legs(32)[0][:, 0] + legs(32)[1]).max()),
    Row(LEGS, "eigenvalues of A for three states", "-3 -2 -1",
        lambda: np.sort(np.linalg.eigvals(legs(3)[0]).real)),
    Row("Gu, Goel, Ré 2021, 2111.00396, by reference §8", "errors of the symmetric "
        "part and of real parts −1/2 for 64 states", "3e-14 1e-13", reason="Rounding.",
        test="families/test_ssm.py::test_the_correction_makes_the_matrix_normal"),
    Row(S4D, "S4D-LegS, 64 states: the greatest frequencies, and the least",
        "1303.274 433.031 258.152 182.620 .2639",
        lambda: frequencies("s4d_legs")[[0, 1, 2, 3, -1]]),
    Row(S4D, "S4D-Inv, 64 states: the greatest frequencies, and the least",
        "1283.425 414.227 240.388 165.885 .3234",
        lambda: frequencies("s4d_inv")[[0, 1, 2, 3, -1]]),
    Row(S4D, "how far they are apart, in percent", "1.5 4.3 6.9 9.2 22.",
        lambda: percent_off(0, 1, 2, 3, -1), right="1.5 4.3 6.9 9.2 23.",
        reason="The last is 22.6, cut off."),
    Row(MAMBA, "E Δ", ".021498", mean_step),
    Row(MAMBA, "least and greatest bias of the steps", "-6.907255 -2.252168",
        lambda: ssm.mamba_dt_bias.support((1,))),
    Row(MAMBA, "error of softplus(bias) = Δ, exact; of log(exp Δ − 1) in float32",
        "4e-17 2e-5", reason="Rounding.", test="families/test_ssm_gates.py::"
        "test_mamba_steps_come_back_from_their_biases"),
    Row("Gated delta networks, a port of Trockman et al. 2024, 2410.11135",
        "log(e − 1), the bias of a step of 1", "0.541325",
        lambda: math.log(math.e - 1)),
    Row(GRIFFIN, "least and greatest parameter; E a², in theory and measured",
        "-6.907 -2.197 .904 .90397", ring_of_griffin),
    Row("Beck et al. 2024, 2405.04517, by catalogue §A4",
        "least and greatest forget gate", ".9526 .9975",
        lambda: sigmoid(exact(ssm.xlstm_forget_bias, 4)[[0, -1]])),
    Row(RWKV, "least and greatest w0, and the decays that they make",
        "-8 3 .561 .9998", decays_of_rwkv),
    Row("Gu et al. 2020, 2008.07669, by catalogue §A4",
        "LegT, 32 states: the greatest real part of an eigenvalue", "-4.35",
        slowest_of_legt),
    Row("Gu et al. 2020, 2008.07669, by catalogue §A4",
        "LegT, 32 states: the least real part", "-24.7", fastest_of_legt,
        right="-21.024", reason="Rounding: in a double, programs find from −24 to −25. "
        "The matrix is far from normal; its 80-digit eigenvalue is −21.0241."),
    Row("Gu et al. 2020, 2008.07669, by catalogue §A4",
        "symmetric parts of corrected LegT, LagT and FouT", "0 0 0", reason="Exact.",
        test="families/test_ssm.py::test_the_correction_makes_the_matrix_normal"),
    Row("Smith et al. 2022, 2208.04933, by catalogue §A4", "V Λ V⁻¹ − (A + P Pᵀ)", "0",
        reason="Rounding.", test="families/test_ssm.py::"
        "test_dplr_is_the_same_system_in_another_basis"),
    Row("Poli et al. 2023, 2302.10866, by catalogue §A4",
        "the slowest and the fastest window", "-3.0701 -15.3506",
        lambda: exact(ssm.hyena_decay, 64)[[0, -1]]),
]  # fmt: skip
