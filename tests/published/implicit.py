"""Networks of coordinates."""

import functools
import math

import jax
import numpy as np

from jinit import implicit, theory
from tests.helpers import key

from .row import one_draw, Row, sample, Sampled


SIREN = "Sitzmann et al. 2020, 2006.09661"
TANCIK = "Tancik et al. 2020, 2006.10739, by reference §9"
APART = np.array([0.1, 0.05])  # |x − y|² = .0125


@functools.cache
def layers() -> list[Sampled]:
    """σ of five hidden layers of width 512, of three networks."""
    width, stds = 512, np.zeros((3, 5))
    for draw in range(3):
        keys = jax.random.split(key(draw), 7)
        x = np.random.default_rng(draw).uniform(-1, 1, (256, 2))
        first = np.asarray(implicit.siren(first=True)(keys[0], (2, width)), float)
        h = np.sin(30 * x @ first)
        for layer in range(5):
            W = np.asarray(implicit.siren(keys[layer + 1], (width, width)), float)
            z = 30 * h @ W
            h, stds[draw, layer] = np.sin(z), z.std()
    return [one_draw(each) for each in stds.T]


def in_theory() -> list[float]:
    q = theory.fixed_point("sin", weight_variance=2.0).variance
    return [q, math.sqrt(q)]


def kernel() -> list[object]:
    """The mean of cos 2π B (x − y), and exp(−2π² σ² |x − y|²)."""
    B = np.asarray(implicit.fourier_features(1.0)(key(5), (2, 100_000)), float)
    return [sample(np.cos(2 * np.pi * APART @ B)), math.exp(-2 * np.pi**2 * 0.0125)]


ROWS = [
    Row(SIREN + ", by reference §9", "where E z² and σ of layers settle",
        ".796812 .892643", in_theory),
    Row(SIREN + ", by reference §9", "σ of the hidden layers of one network",
        ".9987 .9292 .9087 .8991 .8946", layers),
    Row(SIREN + ", §3.2", "a hidden layer keeps N(0, 1): σ where layers settle", "1",
        lambda: in_theory()[1], right=".892643", reason="Only the first hidden layer "
        "does: its sines have all phases."),
    Row(SIREN + ", §3.2", "bounds 1/n and √(6/n)/30", "", reason="Formulas.",
        test="families/test_implicit.py::test_the_bounds_of_a_siren"),
    Row(TANCIK, "the kernel of the features: measured, and in the limit",
        ".78159 .78134", kernel),
    Row("Saragadam et al. 2023, 2301.05187, wire.py",
        "ω₀ and s₀ of layers; of networks", "10 40 30 30 10",
        reason="Settings of an activation: jinit draws its weights alone."),
    Row("Liu et al. 2024, 2404.19756, efficient-kan", "a scale of 2 makes weights "
        "smaller", "", reason="An inequality.", test="families/test_implicit.py::"
        "test_a_larger_scale_makes_smaller_weights_in_efficient_kan"),
    Row("Wang et al. 2022, 2210.01274", "mean and deviation of log g: most examples, "
        "others", "1 .1 .5 .1", reason="Drawn with (.5, .1).",
        test="families/test_implicit.py::test_a_factorized_kernel_is_the_kernel"),
]  # fmt: skip
