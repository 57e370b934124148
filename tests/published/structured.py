"""Kernels with a structure: identities, convolutions, sparse, complex, spiking."""

import functools
import math
import warnings
from typing import Any

import numpy as np

import jinit
from jinit import conv, hypercomplex, spiking
from tests.helpers import key

from .row import Row, sample, Sampled


ZERO = "Zhao, Schäfer, Anandkumar 2021, 2110.12661, by reference §6"
SINES = "Fernandez-Hernandez et al. 2025, 2505.12909, by catalogue §A2"
QUATERNION = "Parcollet et al. 2018, 1806.04418, by catalogue §A6"


@functools.cache
def matrix(init: Any, *shape: int) -> np.ndarray:
    return np.asarray(init(None, shape), float)


def of_zero() -> list[Any]:
    """Rank, length of a row, and spectral norm."""
    w = matrix(jinit.zero_hadamard, 48, 100)
    norms = np.linalg.norm(w, axis=1)
    return [np.linalg.matrix_rank(w), norms.mean(), np.linalg.norm(w, 2)]


def of_idinit() -> list[float]:
    """Rank, and how many entries a column and a row have, at least and at most."""
    w = matrix(jinit.idinit, 4, 10)
    columns, rows = ((w != 0).sum(axis) for axis in (0, 1))
    ends = [columns.min(), columns.max(), rows.min(), rows.max()]
    return [np.linalg.matrix_rank(w), *ends]


def bilinear(factor: int) -> np.ndarray:
    size = 2 * factor - factor % 2
    return matrix(conv.bilinear, size, size, 1, 1)[..., 0, 0]


def sines(outputs: int, inputs: int) -> np.ndarray:
    """sin(2π i j / n + 2π i / m): frequencies i and n − i are the same wave."""
    i, j = np.ogrid[1 : outputs + 1, 1 : inputs + 1]
    return np.sin(2 * np.pi * (i * j % inputs / inputs + i / outputs))


def revised_sines(outputs: int, inputs: int) -> np.ndarray:
    """AnyInit's: each frequency below one half once, then again at another phase."""
    i, j = np.ogrid[:outputs, :inputs]
    most = (inputs - 1) // 2
    phase = np.pi * (i // most) / math.ceil(outputs / most)
    return np.sin(2 * np.pi * ((1 + i % most) * j % inputs) / inputs + phase)


def cut_by_a_trainer() -> list[float]:
    """σ of a normal cut at ±2σ, read as multiples of σ; over σ; and its inverse."""
    with warnings.catch_warnings(action="ignore"):
        init = jinit.truncated_normal(0.036, lower=-0.072, upper=0.072)
    std = init.std((1,))
    return [std, std / 0.036, 0.036 / std]


@functools.cache
def quaternions() -> np.ndarray:
    w = hypercomplex.quaternion(key(6), (4, 150, 100))
    return np.asarray(w, float).reshape(4, -1)


def quaternion_moments() -> list[Sampled]:
    """E|w|² over what it should be, and the real part's over an imaginary one's."""
    squares = quaternions() ** 2 * (150 + 100) / 2
    real, rest = sample(squares[0]), sample(squares[1:].mean(0))
    error = math.hypot(real.error, rest.value * rest.error) / rest.value
    return [sample(squares.sum(0)), Sampled(real.value / rest.value, 3 * error)]


ROWS = [
    Row(ZERO, "48 × 100: rank, length of a row, spectral norm", "48 .883883 1",
        of_zero),
    Row("Pan et al. 2025, 2503.04626, by reference §6",
        "4 × 10: rank; entries of a column and of a row, least and most",
        "4 1 1 2 3", of_idinit),
    Row("Chen, Goodfellow, Shlens 2015, 1511.05641, by reference §6",
        "error of the function of a wider network", "2e-16", reason="Rounding.",
        test="families/test_growth.py::test_net2wider_keeps_the_function"),
    Row("Xiao et al. 2018, 1806.05393, by reference §7.1",
        "length after a delta-orthogonal convolution, over before",
        "1.0000000000000002", reason="Rounding.",
        test="schemes/test_orthogonal_convolution.py::"
        "test_delta_orthogonal_keeps_norms_at_each_position"),
    Row("Aitken et al. 2017, 1707.02937, by reference §7.2",
        "error of nearest-neighbor upsampling, in the right order and in the other",
        "0 9.0", reason="The second is of an unknown image.",
        test="families/test_conv.py::test_icnr_starts_as_nearest_neighbor_upsampling"),
    Row("Long, Shelhamer, Darrell 2014, 1411.4038, by reference §7.3",
        "factor 2: the filter", ".25 .75 .75 .25",
        lambda: np.sqrt(np.diag(bilinear(2)))),
    Row("Long, Shelhamer, Darrell 2014, 1411.4038, by reference §7.3",
        "factors 2, 3 and 4: sum of a kernel, f²", "4 9 16",
        lambda: [bilinear(f).sum() for f in (2, 3, 4)]),
    Row("reference §7.6", "depthwise 3 × 3 × 1 × 64: fans of JAX, and true ones",
        "9 576 9 9", lambda: [*jinit.fans((3, 3, 1, 64)),
                              *jinit.fans((3, 3, 1, 64), groups=64)]),
    *(
        Row(SINES, f"{n} × {n}: rank", printed,
            lambda n=n: np.linalg.matrix_rank(sines(n, n)))
        for n, printed in {64: "31", 128: "63", 512: "255"}.items()
    ),
    Row(SINES, "64 × 64 as AnyInit revised it: rank, n − 2, and variance of a row",
        "62 1/2", lambda: [np.linalg.matrix_rank(revised_sines(64, 64)),
                           (revised_sines(64, 64) ** 2).mean(1).max()]),
    Row("Samragh et al. 2024, 2409.12903, by catalogue §A7",
        "error of the function of a cloned network, without and with noise",
        "4e-15 7e-15", reason="Rounding.", test="families/test_growth.py::"
        "test_a_hypercloned_transformer_computes_what_it_did"),
    Row("Evci et al. 2019, 1911.11134, by catalogue §A7", "ERK: density in all", ".1",
        test="families/test_sparsity.py::"
        "test_densities_are_exact_in_total_and_in_proportion",
        reason="Exact, for many densities."),
    Row("Chang, Flokas, Lipson 2020, 2312.08399", "E z² of the main network", "1",
        test="families/test_hyper.py::"
        "test_signals_or_gradients_of_the_main_network_are_kept",
        reason="Sampled over six layers."),
    Row("Kingma, Dhariwal 2018, 1807.03039, by catalogue §A8",
        "Σ log|s| of a rotation", "0", reason="Rounding.", test="families/test_flow.py"
        "::test_the_factors_of_glow_give_its_matrix_and_determinant"),
    Row("Hafner et al. 2023, 2301.04104, nets.py",
        "truncated normals are multiplied by", "1.1368",
        lambda: 1 / jinit.truncated_normal(1.0).std((1,))),
    Row("OLMo-core, init.py", "deviation of a normal cut at 3 σ, over σ", ".98658",
        lambda: jinit.truncated_normal(1.0, lower=-3.0, upper=3.0).std((1,))),
    Row("Lin et al. 2017, 1708.02002", "bias of a prior of .01", "-4.595120",
        lambda: jinit.prior_bias(0.01).mean((1,))),
    Row("Radford et al. 2021, 2103.00020, model.py", "ln(1/.07)", "2.659260",
        lambda: math.log(1 / 0.07)),
    Row("catalogue §B4, a public trainer", "σ of a normal of .036 cut at ±2σ given as "
        "numbers; over .036; how many times too small", ".0015 .0416 24.",
        cut_by_a_trainer),
    Row("Trabelsi et al. 2017, 1705.09792, by catalogue §A6",
        "64 and 64 units: variance of the sum, and with the code's σ", "1 .0078",
        lambda: [64 * hypercomplex.rayleigh.std((64, 64)) ** 2,
                 64 * 2 * (1 / (64 + 64)) ** 2]),
    Row(QUATERNION, "E|w|² (fan_in + fan_out) / 2; the real part's share, over that of "
        "an imaginary part", "1.0008 3.0", quaternion_moments),
    Row("Rossbroich, Gygax, Zenke 2022, 2206.10226, by catalogue §A10",
        "100 inputs at 10 Hz: σ of the weights", ".774597",
        lambda: spiking.fluctuation_driven(10.0).std((100, 8))),
    Row("Yu et al. 2016, 1610.09072, by catalogue §A10",
        "mean of the features and the kernel; variance with right angles and without",
        ".2497 .2504 .0125 .0262", reason="Measured; in theory there.",
        test="families/test_features.py::"
        "test_right_angles_halve_the_variance_of_a_kernel"),
]  # fmt: skip
