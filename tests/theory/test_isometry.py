"""Jacobian spectra against closed forms and real products of matrices."""

import math

import numpy as np
import pytest

from jinit import theory


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_a_linear_gaussian_network(depth):
    found = theory.jacobian_spectrum("identity", depth, weights="gaussian")
    assert found.mean == pytest.approx(1)
    assert found.variance == pytest.approx(depth)
    edge = math.sqrt((depth + 1) ** (depth + 1) / depth**depth)
    assert found.largest == pytest.approx(edge, rel=1e-6)


def test_a_linear_orthogonal_network_is_an_isometry():
    found = theory.jacobian_spectrum("identity", 100)
    assert found.variance == pytest.approx(0, abs=1e-12)
    assert found.largest == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("depth", [2, 5])
def test_orthogonal_weights_alone_are_no_isometry_with_relu(depth):
    variance = lambda weights: (
        theory.jacobian_spectrum("relu", depth, weights=weights).variance
    )
    assert variance("orthogonal") == pytest.approx(depth)
    assert variance("gaussian") == pytest.approx(2 * depth)


def test_tanh_is_one_when_q_shrinks_with_depth():
    shrinking = [
        theory.jacobian_spectrum("tanh", L, 1 / L).variance for L in (10, 1000)
    ]
    # L (μ₂/μ₁² − 1) ~ L · 8 q² at small q.
    assert shrinking[1] == pytest.approx(8 / 1000, rel=0.02)
    assert shrinking[0] < 0.5


def test_the_density_of_one_gaussian_layer_is_the_quarter_circle():
    found = theory.jacobian_spectrum("identity", 1, weights="gaussian")
    s = np.linspace(0.05, 1.95, 20)
    quarter = np.sqrt(4 - s**2) / math.pi
    np.testing.assert_allclose(found.density(s), quarter, rtol=1e-4)
    assert found.density(2.1) == pytest.approx(0, abs=1e-6)


def test_the_density_has_the_moments():
    found = theory.jacobian_spectrum("tanh", 10, 0.5)
    s = np.linspace(1e-3, 1.01, 800) * found.largest
    p = found.density(s)
    assert np.trapezoid(p * s**2, s) == pytest.approx(found.mean, rel=1e-3)
    second = np.trapezoid(p * s**4, s)
    assert second - found.mean**2 == pytest.approx(found.variance, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "weights"), [("tanh", "orthogonal"), ("hard_tanh", "gaussian")]
)
def test_a_real_product_of_matrices(name, weights):
    depth, q, n, rng = 6, 0.5, 300, np.random.default_rng(0)
    slope = {"tanh": lambda h: 1 / np.cosh(h) ** 2, "hard_tanh": lambda h: abs(h) < 1}
    found = theory.jacobian_spectrum(name, depth, q, weights=weights)
    J = np.eye(n)
    for _ in range(depth):
        W = rng.normal(size=(n, n)) / math.sqrt(n)
        if weights == "orthogonal":
            Q, R = np.linalg.qr(W)
            W = Q * np.sign(np.diag(R))
        D = slope[name](math.sqrt(q) * rng.normal(size=n))
        J = D[:, None] * (math.sqrt(found.weight_variance) * W @ J)
    s = np.linalg.svd(J, compute_uv=False)
    # The largest of n converges slowly, and the mean is a product of six.
    assert (s**2).mean() == pytest.approx(found.mean, rel=0.15)
    assert (s**2).var() == pytest.approx(found.variance, rel=0.35)
    assert s.max() == pytest.approx(found.largest, rel=0.15)


def test_it_plots():
    assert theory.jacobian_spectrum("tanh", 4).plot().axes


def test_what_it_can_not_do():
    with pytest.raises(ValueError, match=r"jacobian_spectrum.*weights.*uniform"):
        theory.jacobian_spectrum("tanh", 3, weights="uniform")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="φ′"):
        theory.jacobian_spectrum(lambda x: 0 * x, 3)
