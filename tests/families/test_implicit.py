"""What only the laws of `jinit.implicit` promise."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

import jinit
from jinit import implicit
from jinit.testing import assert_law
from tests.helpers import key


# Of one shape, so that those that compute alike share their programs.
STATED = [
    implicit.siren(first=True),
    implicit.siren(w0=7.0),
    implicit.finer_bias(5.0),
    implicit.fourier_features(3.0),
    implicit.bacon(layers=2),
    implicit.hash_grid,
    implicit.kan_base(mean=0.5),
]


@pytest.mark.parametrize("init", STATED, ids=repr)
def test_a_weight_has_the_stated_law(init):
    assert_law(init, (60, 200), key(1))


def test_the_bounds_of_a_siren():
    hidden = math.sqrt(6 / 256) / 30
    assert implicit.siren.support((256, 64)) == pytest.approx((-hidden, hidden))
    assert implicit.siren(first=True).support((2, 64)) == (-0.5, 0.5)
    # tiny-cuda-nn: 30 / fan_in and √(6 / fan_in), for a sine without a factor
    assert implicit.siren(first=True, folded=True).support((2, 64)) == (-15.0, 15.0)
    folded = implicit.siren(folded=True).support((6, 64))
    assert folded == pytest.approx((-1.0, 1.0))
    assert implicit.siren.fans((3, 3, 8, 16)) == (72, 144)
    assert implicit.siren(batch_axis=0).std((9, 2, 4)) == pytest.approx(1 / 30)


def test_a_folded_siren_is_the_same_function():
    for first in (True, False):
        init = implicit.siren(first=first, w0=8.0)  # exact: a power of two
        w = init(key(2), (16, 8))
        np.testing.assert_allclose(8 * w, init(folded=True)(key(2), (16, 8)), rtol=1e-6)


def test_signals_of_a_siren_go_to_their_fixed_point_and_not_to_one():
    keys, width = jax.random.split(key(3), 7), 512
    w0 = 30.0
    h = jax.random.uniform(keys[0], (256, 2), minval=-1.0)
    h = jnp.sin(w0 * h @ implicit.siren(first=True)(keys[1], (2, width)))
    q = 1.0  # of the first hidden layer: a sine of all phases has variance 1/2
    for each in keys[2:]:
        z = w0 * h @ implicit.siren(each, (width, width))
        assert float(z.std()) == pytest.approx(math.sqrt(q), rel=0.06)
        h, q = jnp.sin(z), 1 - math.exp(-2 * q)


def test_the_first_bias_of_finer_chooses_frequencies():
    w0, k = 30.0, 2.0
    phase = lambda z: w0 * (np.abs(z) + 1) * z
    b = np.asarray(implicit.finer_bias(k)(key(4), (500,)), np.float64)
    slopes = (phase(b + 1e-6) - phase(b - 1e-6)) / 2e-6
    np.testing.assert_allclose(slopes, w0 * (2 * np.abs(b) + 1), rtol=1e-4)
    assert 0.98 * w0 * (2 * k + 1) < slopes.max() < w0 * (2 * k + 1)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_parts_of_a_wavelet_layer_are_independent_and_uniform(dtype):
    w = np.asarray(implicit.wire(key(6), (100, 1000), dtype)) * 10
    parts = [np.real(w), np.imag(w)] if dtype == "complex64" else [w]
    for part in parts:
        assert np.abs(part).max() <= 1
        assert np.mean(part**2) == pytest.approx(1 / 3, rel=0.02)
        assert np.mean(part**4) == pytest.approx(1 / 5, rel=0.02)
    energy = np.mean(np.abs(w) ** 2)  # PyTorch's, twice that of a real weight
    assert energy == pytest.approx(len(parts) / 3, rel=0.02)
    if len(parts) == 2:
        assert abs(np.corrcoef(parts[0].ravel(), parts[1].ravel())[0, 1]) < 0.02
        assert abs(np.mean(parts[0] ** 2 * parts[1] ** 2) - 1 / 9) < 0.003


def test_the_spectrum_of_a_bacon_ends_where_its_bands_do():
    layers, width, samples = 3, 16, 512
    init = implicit.bacon(96.0, layers=layers)
    last = layers * round(init.support(())[1] / (2 * np.pi))
    assert last == 48  # half of 96 samples
    x = np.arange(samples)[:, None] / samples
    rng, h = np.random.default_rng(0), np.ones((samples, width))
    for layer in range(layers):
        k = np.rint(init(key(layer), (1, width)) / (2 * np.pi))
        phase = rng.uniform(-np.pi, np.pi, width)
        h = np.sin(2 * np.pi * x @ k + phase) * (h @ rng.normal(size=(width, width)))
    spectrum = np.abs(np.fft.rfft(h, axis=0)).max(1) / samples
    assert spectrum[last + 1 :].max() < 1e-12 < 1e-4 < spectrum[last // 2 : last].max()


def test_bacon_rounds_a_band_to_the_grid_as_its_authors_do():
    for frequency, layers, interval in [(128, 4, 2 * np.pi), (100, 7, np.pi / 4)]:
        band = round((np.pi * frequency / layers) / interval) * interval
        init = implicit.bacon(frequency, layers=layers, interval=interval)
        assert init.support((2, 4)) == pytest.approx((-band, band))
    with pytest.raises(ValueError, match=r"`jinit.implicit.bacon` needs a band.*Got 0"):
        implicit.bacon(1.0)


@pytest.mark.parametrize(("intervals", "order"), [(1, 1), (5, 3), (4, 2), (8, 5)])
def test_splines_have_independent_uniform_values_at_the_knots(intervals, order):
    init = implicit.kan_spline(noise=0.5, order=order)
    c = np.asarray(init(key(8), (60, 50, intervals + order)), np.float64)
    grid = np.arange(-order, intervals + order + 1.0)
    s = BSpline(grid, np.moveaxis(c, -1, 0), order)(np.arange(intervals + 1.0))
    bound = 0.5 / intervals / 2
    assert np.abs(s).max() < bound * (1 + 1e-5)
    assert (s**2).mean((1, 2)) == pytest.approx(bound**2 / 3, rel=0.1)
    assert (
        np.abs(np.corrcoef(s.reshape(intervals + 1, -1)) - np.eye(len(s))).max() < 0.1
    )
    # of all splines with these values that of least norm: no part along the others
    basis = BSpline(grid, np.eye(intervals + order), order)(np.arange(intervals + 1.0))
    null = np.eye(intervals + order) - np.linalg.pinv(basis) @ basis
    assert np.abs(c @ null).max() < 1e-6


def test_splines_need_an_interval():
    with pytest.raises(ValueError, match=r"`jinit.implicit.kan_spline` needs a last"):
        implicit.kan_spline(key(), (4, 4, 3))


def test_a_larger_scale_makes_smaller_weights_in_efficient_kan():
    torch_bound = lambda scale: jinit.he_uniform(
        negative_slope=math.sqrt(5) * scale
    ).support((30, 4))[1]
    assert torch_bound(1.0) == pytest.approx(30**-0.5)
    assert torch_bound(2.0) < torch_bound(1.0)
    ours = [implicit.kan_base(spread=s).support((30, 4))[1] for s in (1.0, 2.0)]
    assert ours == pytest.approx([30**-0.5, 2 * 30**-0.5])


def test_a_factorized_kernel_is_the_kernel():
    w = jinit.glorot_normal(key(9), (3, 40, 2000))
    g, v = implicit.factorized(w, key(10), mean=0.5, stddev=0.1)
    assert g.shape == (2000,)
    np.testing.assert_allclose(g * v, w, rtol=3e-7)
    logs = np.log(np.asarray(g, np.float64))
    assert logs.mean() == pytest.approx(0.5, abs=0.01)
    assert logs.std() == pytest.approx(0.1, rel=0.08)
    half = implicit.factorized(w[0].astype("bfloat16"), key(10))
    assert {each.dtype.name for each in half} == {"bfloat16"}
    turned = implicit.factorized(w[0] * (1 + 1j), key(10))
    assert [each.dtype.name for each in turned] == ["float32", "complex64"]
    many = jax.eval_shape(jax.vmap(implicit.factorized), w, jax.random.split(key(), 3))
    assert many.scale.shape == (3, 2000)


def test_scales_without_end_are_refused():
    with pytest.raises(ValueError, match=r"`jinit.implicit.factorized`.*reach e\^90"):
        implicit.factorized(np.ones((2, 2), "f"), key(), mean=81.0, stddev=1.0)
    with pytest.raises(ValueError, match="float16"):
        implicit.factorized(np.ones((2, 2), "float16"), key(), mean=11.0)


def test_a_piratenet_starts_as_the_fit_of_its_embedding():
    places = np.linspace(-1, 1, 50)[:, None]
    embed = lambda x: np.cos(x @ np.linspace(0.5, 4, 8)[None] + np.arange(8))
    y = np.concatenate([np.exp(places), np.abs(places)], 1)
    alpha = np.asarray(jinit.zeros(None, ()))
    block = lambda x: alpha * np.tanh(x @ np.ones((8, 8))) + (1 - alpha) * x
    with jax.enable_x64(True):
        w = np.asarray(implicit.piratenet(embed(places), y))
    error = block(block(embed(places))) @ w - y
    assert np.abs(embed(places).T @ error).max() < 1e-8  # nothing is left to fit
    assert np.abs(error[:, 0]).max() < 1e-3


def test_a_fit_without_a_unique_solution_is_that_of_least_norm():
    features, y = np.ones((3, 4)), np.full(3, 2.0)
    np.testing.assert_allclose(implicit.piratenet(features, y), np.full(4, 0.5))
    for wrong in (y[:2], np.full(3, np.nan), np.ones((3, 2, 1)), np.ones(())):
        with pytest.raises(ValueError, match=r"`jinit.implicit.piratenet` needs `targ"):
            implicit.piratenet(features, wrong)
