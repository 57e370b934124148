"""Complex and quaternion weights: moduli, phases, axes, and the moments that count."""

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jinit
from jinit.hypercomplex import quaternion, rayleigh, unitary_complex
from jinit.testing import assert_law

from ..helpers import key


ALPHA = 1e-6


@pytest.mark.parametrize(
    ("criterion", "sigma"), [("glorot", 1 / 500**0.5), ("he", 1 / 300**0.5)]
)
def test_a_modulus_is_rayleigh_and_a_phase_uniform(criterion, sigma):
    w = np.ravel(rayleigh(criterion)(key(), (300, 200), jnp.complex64))
    assert stats.kstest(np.abs(w), "rayleigh", (0, sigma)).pvalue > ALPHA
    assert stats.kstest(np.angle(w) / np.pi, "uniform", (-1, 2)).pvalue > ALPHA
    assert np.isclose(rayleigh(criterion).std((300, 200)), 2**0.5 * sigma)


def test_the_root_that_the_published_program_drops():
    """With it a layer of complex numbers keeps E|z|²."""
    z = np.asarray(jinit.normal(1.0)(key(1), (4000, 64), jnp.complex64))
    y = z @ np.asarray(rayleigh(key(2), (64, 64), jnp.complex64))
    assert abs(np.mean(np.abs(y) ** 2) - 1) < 0.1


def test_rayleigh_is_a_complex_normal_of_the_classical_variance():
    assert_law(rayleigh("he", groups=2), (3, 20, 100), key(4), dtype=jnp.complex64)
    w = np.ravel(rayleigh(key(3), (300, 200)))
    unit = w / jinit.glorot_normal.std((300, 200))
    assert stats.kstest(unit, "norm").pvalue > ALPHA
    assert rayleigh.fans((3, 20, 100)) == jinit.he_normal.fans((3, 20, 100))
    assert rayleigh(batch_axis=0).std((7, 30, 20)) == rayleigh.std((30, 20))


@pytest.mark.parametrize("shape", [(12, 5), (3, 20)])
@pytest.mark.parametrize("criterion", ["glorot", "he"])
def test_a_unitary_matrix_has_the_variance_of_its_criterion(shape, criterion):
    init = unitary_complex(criterion)
    w = np.asarray(init(key(), shape, jnp.complex64)).reshape(-1, shape[-1])
    gain = np.linalg.svd(w, compute_uv=False)
    np.testing.assert_allclose(gain, gain.mean(), rtol=1e-5)
    fan_in, fan_out = jinit.lecun_normal.fans(shape)
    wanted = 2 / (fan_in + fan_out if criterion == "glorot" else fan_in)
    assert np.isclose(np.mean(np.abs(w) ** 2), wanted, rtol=1e-5)
    assert np.isclose(init.std(shape) ** 2, wanted)


def test_a_unitary_matrix_is_a_haar_frame_and_stacks():
    frame = jinit.orthogonal(key(5), (8, 8), jnp.complex64)
    assert (unitary_complex(key(5), (8, 8), jnp.complex64) == frame).all()
    stack = np.asarray(unitary_complex(batch_axis=0)(key(), (2, 6, 6), jnp.complex64))
    for w in stack:
        np.testing.assert_allclose(w.conj().T @ w, np.eye(6), atol=1e-5)
    assert np.abs(stack[0] - stack[1]).max() > 0.1


@functools.cache
def quaternions(criterion: Any) -> np.ndarray:
    w = quaternion(criterion)(key(6), (4, 150, 100))
    return np.asarray(w, np.float64).reshape(4, -1)


@pytest.mark.parametrize("criterion", ["glorot", "he"])
def test_a_quaternion_is_chi_4_long(criterion):
    w = quaternions(criterion)
    sigma = 1 / (2 * (250 if criterion == "glorot" else 150)) ** 0.5
    length = np.sqrt((w**2).sum(0))
    assert stats.kstest(length / sigma, "chi", (4,)).pvalue > ALPHA
    angle = np.arctan2(np.sqrt((w[1:] ** 2).sum(0)), w[0])
    assert stats.kstest(angle / np.pi, "uniform").pvalue > ALPHA
    assert np.isclose(quaternion(criterion).std((4, 150, 100)), sigma)


def test_the_axis_of_a_quaternion_is_uniform_on_the_sphere():
    w = quaternions("glorot")
    axis = w[1:] / np.sqrt((w[1:] ** 2).sum(0))
    corner = np.ones(3) / 3**0.5
    for direction in [*np.eye(3), corner]:
        assert stats.kstest(direction @ axis, "uniform", (-1, 2)).pvalue > ALPHA
    cube = np.random.default_rng(0).uniform(-1, 1, (3, 30_000))
    published = corner @ (cube / np.linalg.norm(cube, axis=0))
    assert stats.kstest(published, "uniform", (-1, 2)).pvalue < ALPHA


def test_the_part_of_1_has_three_times_the_variance_of_each_other():
    w = quaternions("glorot")
    second = (w**2).mean(1) * 250
    np.testing.assert_allclose(second, [1, 1 / 3, 1 / 3, 1 / 3], rtol=0.05)
    assert np.abs(np.corrcoef(w) - np.eye(4)).max() < 0.04


def test_a_part_picked_at_random_has_the_stated_law():
    w, stated = quaternions("he"), quaternion("he").marginal((4, 150, 100))
    part = np.random.default_rng(0).integers(0, 4, w.shape[1])
    picked = w[part, np.arange(w.shape[1])]
    assert stats.kstest(picked, stated.cdf).pvalue > ALPHA
    assert abs((w**4).mean() / stated.std**4 - stated.kurtosis) < 0.15
    x = np.linspace(-6, 6, 200_001) * stated.std
    second = np.trapezoid(x**2 * np.gradient(stated.cdf(x), x), x)
    assert np.isclose(second, stated.std**2, rtol=1e-4)


def test_the_parts_stand_where_they_are_asked_to():
    w = quaternion(key(), (4, 3, 8))
    assert (quaternion(axis=-1)(key(), (3, 8, 4)) == jnp.moveaxis(w, 0, -1)).all()
    assert quaternion.fans((4, 3, 3, 5, 7)) == jinit.fans((3, 3, 5, 7))
    assert quaternion(batch_axis=0).std((4, 9, 5, 7)) == quaternion.std((4, 5, 7))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: quaternion(key(), (3, 8, 8)),
            r"`jinit.hypercomplex.quaternion`.*axis 0",
        ),
        (lambda: quaternion(key(), (4, 8)), r"`jinit.hypercomplex.quaternion` needs"),
        (lambda: quaternion(axis=3)(key(), (4, 8, 8)), "axis 3 of"),
        (lambda: rayleigh(cast(Any, "xavier")), "'glorot', 'he'"),
        (lambda: rayleigh(key(), (8,)), r"`jinit.hypercomplex.rayleigh` needs"),
        (lambda: unitary_complex(key(), (8,)), r"`jinit.hypercomplex.unitary_complex`"),
        (lambda: unitary_complex(batch_axis=3)(key(), (8, 8)), "`batch_axis` within"),
        (lambda: quaternion(key(), (4, 8, 8), jnp.complex64), "floating and real"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_draw_is_infinite(monkeypatch):
    """Not even where the random words are all ones, or all zeros."""
    from jinit._core import sampling

    for end in (0.0, float(np.nextafter(np.float32(1), np.float32(0)))):
        draw = lambda key, shape, dtype, end=end: jnp.full(shape, end, dtype)
        monkeypatch.setattr(sampling, "uniform", draw)
        w = quaternion.law.function(key(), (4, 3, 2), dtype=np.dtype("float32"))
        assert jnp.isfinite(w).all()
    assert isinstance(w, jax.Array)
