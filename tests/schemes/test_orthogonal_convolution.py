"""Convolutions that keep norms, for real inputs and at every frequency."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit._schemes.orthogonal.convolution import (
    conv_orthogonal,
    delta_orthogonal,
    scaled_orthogonal,
)
from tests.helpers import assert_same_bits, key


def gram_by_frequency(w, period=8):
    """Ŵ(ω) Ŵ(ω)ᴴ: what a circular convolution does to the energy at frequency ω."""
    axes = tuple(range(w.ndim - 2))
    spectrum = np.fft.fftn(np.asarray(w, np.float64), [period] * len(axes), axes)
    return spectrum @ spectrum.conj().swapaxes(-1, -2)


@pytest.mark.parametrize(
    "shape", [(4, 3, 5), (3, 3, 4, 4), (2, 3, 2, 2, 3), (1, 1, 2, 3)]
)
def test_conv_orthogonal_is_an_isometry(shape):
    w = conv_orthogonal(gain=2.0, method="qr")(key(), shape)
    assert w.shape == shape
    identity = np.broadcast_to(4 * np.eye(shape[-2]), gram_by_frequency(w).shape)
    np.testing.assert_allclose(gram_by_frequency(w), identity, rtol=0, atol=2e-5)


def test_conv_orthogonal_uses_every_tap():
    w = conv_orthogonal(method="qr")(key(), (3, 3, 8, 8))
    assert (jnp.abs(w).max((-2, -1)) > 0.01).all()


def test_conv_orthogonal_refuses_to_narrow():
    with pytest.raises(ValueError, match="Got 5 inputs and 4 outputs"):
        conv_orthogonal(key(), (3, 5, 4))


def test_an_orthogonal_kernel_is_no_isometry():
    """Why a kernel flattened to a matrix does not do for a convolution."""
    w = jax.random.orthogonal(key(), 12)[:, :4].reshape(3, 4, 4)
    assert np.abs(gram_by_frequency(w) - np.eye(4)).max() > 0.1


@pytest.mark.parametrize("spatial", [(3,), (4,), (2, 3), (1, 2, 5)])
def test_delta_orthogonal_keeps_norms_at_each_position(spatial):
    names = "XYZ"[: len(spatial)]
    layout = (f"N{names}C", f"{names}IO", f"N{names}C")
    w = delta_orthogonal(2.0, method="qr")(key(), (*spatial, 4, 6))
    x = jax.random.normal(key(1), (1, *(5 for _ in spatial), 4))
    y = jax.lax.conv_general_dilated(
        x, w, [1] * len(spatial), "SAME", dimension_numbers=layout
    )
    np.testing.assert_allclose((y**2).sum(-1), 4 * (x**2).sum(-1), rtol=1e-5)


def test_delta_orthogonal_by_group():
    w = delta_orthogonal(groups=2, method="qr")(key(), (3, 4, 8))
    taps = w[1].reshape(4, 2, 4).swapaxes(0, 1)
    gram = taps @ taps.swapaxes(1, 2)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(4), (2, 4, 4)), atol=2e-6)
    assert jnp.abs(taps[0] - taps[1]).max() > 0.1


def test_delta_orthogonal_to_fewer_outputs_keeps_the_gradient():
    w = delta_orthogonal(key(), (3, 6, 4))[1]
    np.testing.assert_allclose(w.T @ w, np.eye(4), rtol=0, atol=2e-6)


@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 2, 4, 4), (1, 2, 3, 2, 3)])
def test_delta_orthogonal_by_qr_is_bit_identical_to_jax(shape):
    ours = delta_orthogonal(1.3, method="qr")(key(), shape)
    theirs = jax.nn.initializers.delta_orthogonal(1.3)(key(), shape)
    assert_same_bits(ours, theirs)


def test_delta_orthogonal_std_is_stated():
    w = delta_orthogonal(2.0, method="qr")(key(), (3, 3, 4, 6))
    stated = delta_orthogonal(2.0).std(w.shape)
    np.testing.assert_allclose(jnp.sqrt((w**2).mean()), stated, rtol=1e-6)


def test_delta_orthogonal_refusals():
    with pytest.raises(ValueError, match=r"Got \(4, 4\). For a dense layer"):
        delta_orthogonal(key(), (4, 4))
    with pytest.raises(ValueError, match=r"divide the 6 columns .* Got 4"):
        delta_orthogonal(groups=4)(key(), (3, 4, 6))


@pytest.mark.parametrize(("shape", "squared"), [((4, 16), 4.0), ((16, 4), 1.0)])
def test_scaled_orthogonal_makes_up_for_widening(shape, squared):
    init = scaled_orthogonal(method="qr")
    w = init(key(), shape)
    singular = jnp.linalg.svd(w, compute_uv=False)
    np.testing.assert_allclose(singular**2, squared, rtol=1e-5)
    kernel = init(key(), (3, *shape))
    assert_same_bits(kernel[1], w)
    assert float(jnp.abs(kernel[0]).max()) == 0.0
