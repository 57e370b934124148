"""What only the laws of `jinit.features` promise."""

import math

import numpy as np
import pytest
from scipy import stats

from jinit import features
from jinit.testing import assert_law
from tests.helpers import at_the_extreme_words, key


KERNELS = {
    "gaussian": lambda apart: np.exp(-apart @ apart / 2),
    "matern32": lambda apart: _matern(math.sqrt(3 * apart @ apart), 0.0),
    "matern52": lambda apart: _matern(math.sqrt(5 * apart @ apart), 1 / 3),
    "cauchy": lambda apart: np.prod(1 / (1 + apart**2)),
}
APART = [np.array([0.3, -0.2, 0.6]), np.array([1.5, 0.0, 0.0]), np.ones(3)]


def _matern(r, square):
    return (1 + r + square * r**2) * math.exp(-r)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_mean_of_the_features_is_the_kernel(kernel):
    W = np.asarray(features.random_fourier(kernel, 2.0)(key(1), (3, 60_000)), float)
    for apart in APART:
        found = np.cos(2.0 * apart @ W).mean()
        assert found == pytest.approx(KERNELS[kernel](apart), abs=5 * 60_000**-0.5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_frequency_has_the_stated_law(kernel):
    init = features.random_fourier(kernel, 0.5)
    w = np.asarray(init(key(2), (2, 20_000)), float)
    for row in w:  # which are dependent in Student's laws
        assert stats.kstest(row, init.marginal(w.shape).cdf).pvalue > 1e-5
    if kernel in ("gaussian", "cauchy"):
        assert_law(init, (60, 200), key(2))
    elif kernel == "matern52":
        assert w.std() == pytest.approx(init.std(w.shape), rel=0.05)


def test_no_word_gives_a_frequency_without_end(monkeypatch):
    for kernel in KERNELS:
        init = features.random_fourier(kernel=kernel)  # pyright: ignore[reportArgumentType]
        least, most = at_the_extreme_words(init, (1, 1), monkeypatch)
        assert math.isfinite(least)
        assert math.isfinite(most)


@pytest.fixture(scope="module")
def many():
    """Many draws of 16 features of 16 coordinates."""
    return np.asarray(features.orthogonal(key(3), (3000, 16, 16)), float)


def test_columns_of_a_block_stand_at_right_angles(many):
    norms = np.linalg.norm(many, axis=1, keepdims=True)
    unit = many / norms
    assert np.abs(unit.swapaxes(1, 2) @ unit - np.eye(16)).max() < 1e-5
    d, m = 5, 12
    W = np.asarray(features.orthogonal(0.5, norms="fixed")(key(4), (d, m)), float)
    gram = W.T @ W / (4 * d)
    for start in range(0, m, d):
        block = gram[start : start + d, start : start + d]
        np.testing.assert_allclose(block, np.eye(len(block)), atol=1e-5)
    assert np.abs(gram[:d, d:]).max() > 0.1  # no block is another's


def test_a_column_is_a_gaussian_vector(many):
    norms = np.linalg.norm(many, axis=1)
    assert stats.kstest(norms.ravel(), stats.chi(16).cdf).pvalue > 1e-5
    assert stats.kstest(many[:, 0, 0], "norm").pvalue > 1e-5
    assert features.orthogonal(length=0.5).std((6, 8)) == 2.0
    fixed = features.orthogonal(length=3.0, norms="fixed").marginal((16, 16))
    coordinate = many[:, 0, 0] * 4 / norms[:, 0] / 3
    assert stats.kstest(coordinate, fixed.cdf).pvalue > 1e-5
    assert fixed.support == pytest.approx((-4 / 3, 4 / 3))


def test_right_angles_halve_the_variance_of_a_kernel(many):
    apart = np.full(16, 0.4163)  # k = 0.25
    alone = np.asarray(features.random_fourier(key(5), many.shape), float)
    ours, independent = (np.cos(apart @ W).mean(-1) for W in (many, alone))
    for each in (ours, independent):
        assert each.mean() == pytest.approx(math.exp(-apart @ apart / 2), abs=0.015)
    assert independent.var() == pytest.approx(0.0262, rel=0.15)
    assert ours.var() == pytest.approx(0.0125, rel=0.15)


def test_positive_features_have_the_softmax_kernel(many):
    q, k = 0.2 * np.random.default_rng(0).normal(size=(2, 16))
    alone = np.asarray(features.random_fourier(key(5), many.shape), float)

    def estimates(W):
        phi = lambda x: np.exp(x @ W - x @ x / 2) / 4
        return (phi(q) * phi(k)).sum(-1)

    ours, independent = map(estimates, (many, alone))
    error = ours.std() / math.sqrt(len(ours))
    assert ours.mean() == pytest.approx(math.exp(q @ k), abs=5 * error)
    assert ours.var() < 0.95 * independent.var()


@pytest.mark.parametrize("norms", ["chi", "fixed"])
def test_favor_draws_orthogonal_features(norms):
    shape = (2, 3, 4)
    init = features.orthogonal(norms=norms, method="qr")
    ours = features.favor_plus(norms=norms, method="qr")(key(6), shape)
    np.testing.assert_array_equal(ours, init(key(6), shape))
    assert features.favor_plus(norms=norms).std(shape) == 1.0


def test_features_need_coordinates():
    for init in (features.orthogonal, features.favor_plus):
        with pytest.raises(ValueError, match=r"needs a shape of two.*Got \(8,\)"):
            init(key(), (8,))
    with pytest.raises(ValueError, match=r"`jinit.features.random_fourier` needs a sh"):
        features.random_fourier("matern32")(key(), (8,))
