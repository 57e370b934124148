"""Inputs made standard and white, from arrays and from streams."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit.data import standardize, whiten
from jinit.datasets import load


RNG = np.random.default_rng(0)
X = (RNG.normal(size=(500, 6)) @ RNG.normal(size=(6, 6)) + 5).astype(np.float32)


def covariance(y):
    y = np.asarray(y, np.float64).reshape(len(y), -1)
    return np.cov(y.T, bias=True)


@pytest.mark.parametrize("method", ["zca", "pca"])
def test_white_inputs_are_uncorrelated_and_of_variance_1(method):
    fit = whiten(X, method=method)
    y = fit(X)
    assert np.allclose(np.mean(y, 0), 0, atol=1e-4)
    assert np.allclose(covariance(y), np.eye(6), atol=1e-3)
    assert np.allclose(fit.inverse(y), X, atol=1e-3)


def test_zca_changes_inputs_least():
    # The map that is symmetric: for any other rotation Q, E |y Q − x|² is larger.
    fit = whiten(X)
    assert np.allclose(fit.matrix, fit.matrix.T, atol=1e-5)
    centered, y = X - X.mean(0), np.asarray(fit(X))
    change = lambda y: np.square(y - centered).sum(1).mean()
    for _ in range(5):
        Q = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
        assert change(y) < change(y @ Q)


def test_pca_keeps_the_axes_of_largest_variance():
    fit = whiten(X, method="pca", components=2)
    assert fit(X).shape == (500, 2)
    ordered = np.sort(np.linalg.eigvalsh(covariance(X)))[::-1]
    assert np.allclose(fit.variances, ordered, rtol=1e-3)
    lost = np.square(fit.inverse(fit(X)) - X).sum(1).mean()
    assert lost == pytest.approx(ordered[2:].sum(), rel=1e-3)


def test_directions_without_variance_stay_small_and_invertible():
    flat = np.concatenate([X, X[:, :1], np.ones((500, 1), np.float32)], 1)
    for fit in (whiten(flat), standardize(flat)):
        y = np.asarray(fit(flat))
        assert np.isfinite(y).all()
        assert abs(y).max() < 10
        assert np.allclose(fit.inverse(y), flat, atol=1e-2)


@pytest.mark.parametrize("fit", [standardize, whiten])
def test_a_stream_gives_what_the_whole_gives(fit):
    parts = (X[i : i + 37] for i in range(0, 500, 37))
    chex.assert_trees_all_close(fit(parts), fit(X), rtol=1e-5, atol=1e-5)


def test_standardize_by_feature_and_as_a_whole():
    y = np.asarray(standardize(X)(X))
    assert np.allclose(y.mean(0), 0, atol=1e-4)
    assert np.allclose(y.std(0), 1, atol=1e-4)
    whole = standardize(X, per="all")
    y = np.asarray(whole(X))
    assert (y.mean(), y.std()) == pytest.approx((0, 1), abs=1e-4)
    assert whole.mean.shape == ()


def test_images_of_digits_become_white_and_stay_images():
    images = load("digits")[0].reshape(-1, 8, 8)
    fit = whiten(images, floor=1e-3)
    y = jax.jit(lambda fit, x: fit(x))(fit, images)
    assert y.shape == images.shape
    strong = np.asarray(fit.variances) > 1e-3 * fit.variances[0]
    along = covariance(y)
    values = np.linalg.eigvalsh(along)[::-1]
    assert np.allclose(values[: strong.sum()], 1, atol=1e-2)
    assert (values < 1.01).all()
    assert np.allclose(fit.inverse(y), images, atol=0.05)


@pytest.mark.parametrize("fit", [standardize, whiten])
@pytest.mark.parametrize(
    ("batches", "said"),
    [
        (X[:1], "two or more rows. Got 1"),
        ([], "two or more rows. Got 0"),
        (np.ones((9, 3)), "inputs that vary"),
        ([X, X[:, :4]], r"Got \(4,\) in batch 1 after \(6,\)"),
        ([X, np.full((2, 6), np.nan)], "inf or nan in batch 1"),
    ],
)
def test_what_can_not_be_fitted_is_refused(fit, batches, said):
    with pytest.raises(ValueError, match=said):
        fit(batches)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="Did you mean 'zca'"):
        whiten(X, method="zac")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="with method 'pca' only"):
        whiten(X, components=2)
    with pytest.raises(ValueError, match="floor"):
        standardize(X, floor=0.0)
    assert jnp.isfinite(whiten(X, method="pca", components=3)(X)).all()
