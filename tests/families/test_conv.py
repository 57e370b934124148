"""Kernels with a shape of their own, by what their convolutions do."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy import fft

import jinit
from jinit import conv
from jinit.testing import assert_law

from ..helpers import key


def image(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def convolved(x, w, **settings):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=dimensions, **settings
    )


@pytest.mark.parametrize("order", ["depth_to_space", "pixel_shuffle"])
@pytest.mark.parametrize("factor", [2, 3])
def test_icnr_starts_as_nearest_neighbor_upsampling(order, factor):
    w = conv.icnr(factor=factor, order=order)(key(), (3, 3, 2, 5 * factor**2))
    y = np.asarray(convolved(image(1, 4, 6, 2), w))[0]
    if order == "depth_to_space":
        blocks = y.reshape(4, 6, factor, factor, 5)
    else:
        blocks = np.moveaxis(y.reshape(4, 6, 5, factor, factor), 2, -1)
    up = np.swapaxes(blocks, 1, 2).reshape(4 * factor, 6 * factor, 5)
    assert (up == up[::factor, ::factor].repeat(factor, 0).repeat(factor, 1)).all()
    assert len(np.unique(up)) == 4 * 6 * 5


def test_icnr_has_the_law_of_the_kernel_that_it_copies():
    init = conv.icnr(base=jinit.he_normal(mode="fan_out"))
    assert init.std((3, 3, 4, 64)) == jinit.he_normal(mode="fan_out").std((3, 3, 4, 16))
    w = init(key(), (3, 3, 4, 64)).reshape(3, 3, 4, 4, 16)
    base = jinit.he_normal(mode="fan_out")(key(), (3, 3, 4, 16))
    assert (w == base[..., None, :]).all()


@pytest.mark.parametrize("factor", [2, 3])
def test_bilinear_upsampling_keeps_constants_and_ramps(factor):
    size = 2 * factor - factor % 2
    w = np.asarray(conv.bilinear(None, (size, size, 1, 1)))[..., 0, 0]
    assert np.isclose(w.sum(), factor**2)
    for phase in np.ndindex(factor, factor):  # a partition of unity
        assert np.isclose(w[phase[0] :: factor, phase[1] :: factor].sum(), 1)
    ramp = np.broadcast_to(np.arange(6.0, dtype="f")[:, None], (6, 6))
    y = lax.conv_transpose(
        jnp.asarray(ramp[None, ..., None]),
        jnp.asarray(w[..., None, None]),
        (factor, factor),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )[0, size:-size, size:-size, 0]
    np.testing.assert_allclose(np.diff(y, axis=0), 1 / factor, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_bilinear_does_not_mix_channels(groups):
    w = conv.bilinear(groups=groups)(None, (3, 3, 4 // groups, 4))
    x = image(1, 6, 6, 4)
    y = convolved(x, w, feature_group_count=groups)
    one = conv.bilinear(None, (3, 3, 1, 1))
    for channel in range(4):
        alone = convolved(x[..., [channel]], one)
        np.testing.assert_allclose(y[..., [channel]], alone, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 1, 8), (3, 5, 2, 30), (2, 2, 2, 3, 11)])
def test_dct_filters_are_orthonormal(shape):
    w = np.asarray(conv.dct(gain=3.0)(None, shape)).reshape(-1, shape[-1])
    np.testing.assert_allclose(w.T @ w, 9 * np.eye(shape[-1]), atol=1e-5)


def test_dct_is_the_transform_of_scipy_low_frequencies_first():
    w = np.asarray(conv.dct(None, (3, 4, 1, 12)))[:, :, 0]
    x = image(3, 4)
    found = np.einsum("ij,ijo->o", x, w)
    waves = sorted(np.ndindex(3, 4), key=lambda k: (sum(k), k))
    expected = [np.asarray(fft.dctn(x, norm="ortho"))[k] for k in waves]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_dct_takes_its_inputs_in_turn_and_begins_again():
    w = np.asarray(conv.dct(None, (2, 2, 3, 24)))
    reads = np.abs(w).sum((0, 1))
    assert (reads.argmax(0) == np.arange(24) % 3).all()
    assert ((reads > 0).sum(0) == 1).all()
    assert (w[..., :12] == w[..., 12:]).all()


def test_gabor_filters_are_even_and_odd_of_mean_0_and_norm_gain():
    w = np.asarray(conv.gabor(gain=2.0)(None, (7, 9, 3, 12)))
    even, odd = w[..., 0::2], w[..., 1::2]
    np.testing.assert_allclose(even, even[::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(odd, -odd[::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(w.sum((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose((w**2).sum((0, 1, 2)), 4, rtol=1e-5)


def test_gabor_orientations_are_spread_over_half_a_turn():
    w = np.asarray(conv.gabor(phase=0.0)(None, (9, 9, 1, 4)))[:, :, 0]
    np.testing.assert_allclose(w[..., 2], w[..., 0].T, atol=1e-6)
    np.testing.assert_allclose(w[..., 3], w[..., 1][:, ::-1], atol=1e-6)
    assert np.abs(w[..., 0] - w[..., 1]).max() > 0.1


@pytest.mark.parametrize("bandwidth", [0.8, 1.0, 1.2])
def test_gabor_responds_within_its_bandwidth(bandwidth):
    """Half of the largest response, at frequencies that are so many octaves apart."""
    init = conv.gabor(8.0, 0.0, bandwidth=bandwidth)
    w = np.asarray(init(None, (65, 65, 1, 1)), np.float64)[:, :, 0, 0]
    size = 2**14
    response = np.abs(np.fft.rfft(w.sum(0), size))
    inside = np.flatnonzero(response > response.max() / 2)
    octaves = np.log2(inside[-1] / inside[0])
    assert abs(octaves - bandwidth) < 0.02
    assert abs(response.argmax() / size - 1 / 8) < 0.002


def test_a_band_may_be_as_narrow_as_a_single_wave():
    w = conv.gabor(4.0, 0.0, bandwidth=5e-324)(None, (4, 4, 1, 1))[:, :, 0, 0]
    x = np.arange(4) - 1.5
    expected = np.broadcast_to(np.cos(np.pi * x / 2), (4, 4))
    np.testing.assert_allclose(w, expected / np.linalg.norm(expected), atol=1e-6)


def test_impulses_shift_and_boxes_sum():
    x = image(1, 8, 8, 6)
    w = np.asarray(conv.impulse(gain=1.0)(key(1), (3, 3, 1, 6)))
    y = convolved(x, w, feature_group_count=6)[0, 1:-1, 1:-1]
    for channel in range(6):
        (row,), (column,), _ = np.nonzero(w[..., channel])
        shifted = x[0, row : row + 6, column : column + 6, channel]
        assert (y[..., channel] == shifted).all()


@pytest.mark.parametrize("taps", [1, 3, 9, 20])
def test_boxes_have_equal_taps_of_the_published_energy(taps):
    w = np.asarray(conv.box(taps=taps)(key(2), (3, 3, 4, 50)))
    assert ((w != 0).sum((0, 1)) == min(taps, 9)).all()
    np.testing.assert_allclose((w**2).sum((0, 1, 2)), 1 / 3, rtol=1e-5)
    default = jinit.fan_in_uniform.std((3, 3, 4, 50)) ** 2 * 36
    assert np.isclose(default, 1 / 3)


def test_taps_are_anywhere():
    for init, taps in {conv.impulse: 1, conv.box(taps=2): 2}.items():
        w = np.asarray(init(key(3), (3, 3, 40, 50)))
        chosen = (w != 0).sum((2, 3)).ravel()
        expected = 2000 * taps / 9
        assert ((chosen - expected) ** 2 / expected).sum() < 43  # χ²₈ at 1e-6
        assert_law(init, (3, 3, 20, 30), key(4))


@pytest.mark.parametrize(
    ("init", "shape"),
    [
        (conv.bilinear(groups=2), (4, 3, 3, 8)),
        (conv.bilinear, (3, 3, 5)),
        (conv.dct(gain=0.5), (3, 3, 2, 25)),
        (conv.gabor, (5, 5, 3, 8)),
    ],
    ids=repr,
)
def test_what_is_stated_of_fixed_kernels(init, shape):
    w = np.asarray(init(None, shape), np.float64)
    stated = init.marginal(shape)
    assert np.isclose(stated.mean, w.mean(), atol=1e-7)
    assert np.isclose(stated.std, w.std())
    assert np.isclose(stated.kurtosis, ((w - w.mean()) ** 4).mean() / w.std() ** 4)
    at = np.linspace(-1, 1, 9) * w.max() + 1e-4
    expected = [(w <= x).mean() for x in at]
    np.testing.assert_allclose(stated.cdf(at), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv.icnr(key(), (3, 12)), r"`jinit.conv.icnr` needs a conv"),
        (lambda: conv.icnr(key(), (3, 3, 2, 6)), r"2\^2 for 6 channels"),
        (lambda: conv.bilinear(None, (3, 3)), r"`jinit.conv.bilinear`.*\(3, 3\)"),
        (lambda: conv.bilinear(groups=3)(None, (3, 1, 4)), "groups=3 for 4 channels"),
        (lambda: conv.dct(None, (3,)), r"`jinit.conv.dct`.*Got \(3,\)"),
        (lambda: conv.impulse(key(), (3,)), r"`jinit.conv.impulse`.*Got \(3,\)"),
        (lambda: conv.box(key(), (3, 4)), r"`jinit.conv.box`.*Got \(3, 4\)"),
        (lambda: conv.gabor(None, (7, 1, 1)), r"`\(height, width, in, out\)`"),
        (lambda: conv.gabor(None, (7, 2, 1, 4)), "3 pixels or more"),
        (lambda: conv.gabor(2.0)(None, (5, 5, 1, 4)), "above 2 pixels and up to 10"),
        (lambda: conv.gabor.std((5, 5, 4)), r"Got \(5, 5, 4\)"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_traced_wave_is_refused():
    draw = jax.jit(lambda x: conv.gabor(x)(None, (5, 5, 1, 4)))
    with pytest.raises(TypeError, match=r"`jinit.conv.gabor` needs numbers"):
        draw(jnp.float32(4.0))
