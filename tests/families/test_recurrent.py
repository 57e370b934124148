"""Laws of recurrent networks, each against what only it promises."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jinit import recurrent
from jinit.testing import assert_law

from ..helpers import at_the_extreme_words, key


@pytest.mark.parametrize(("gate", "gates"), [(1, 4), (2, 4), (0, 1), (2, 3)])
def test_the_forget_gate_alone_has_a_bias(gate, gates):
    b = np.asarray(recurrent.forget_bias(1.5, gate, gates)(None, (2, 5 * gates)))
    expected = np.zeros((2, gates, 5))
    expected[:, gate] = 1.5
    np.testing.assert_array_equal(b.reshape(expected.shape), expected)
    law = recurrent.forget_bias(1.5, gate, gates).marginal((2, 5 * gates))
    np.testing.assert_allclose([law.mean, law.std], [b.mean(), b.std()], rtol=1e-6)


def test_chrono_remembers_for_uniform_times():
    """The gates of PyTorch: input, forget, cell, output."""
    b = np.asarray(recurrent.chrono_bias(100)(key(), (4 * 20_000,)), np.float64)
    i, f, g, o = b.reshape(4, -1)
    np.testing.assert_array_equal(i, -f)
    assert not np.any([g, o])
    times = 1 + np.exp(f)  # 1 / (1 − sigmoid(f))
    np.testing.assert_allclose(times, 1 / (1 - 1 / (1 + np.exp(-f))), rtol=1e-9)
    assert stats.kstest((times - 2) / 98, "uniform").pvalue > 1e-6
    stated = recurrent.chrono_bias(100, 0, None, 1).mean((1,))
    assert abs(f.mean() - stated) < 5 * f.std() / 20_000**0.5


def test_chrono_for_a_gru_has_one_gate():
    init = recurrent.chrono_bias(50, forget_gate=1, input_gate=None, gates=3)
    r, z, n = np.asarray(init(key(), (3, 12))).reshape(3, 3, 4).swapaxes(0, 1)
    assert (z > 0).all()
    assert not np.any([r, n])


@pytest.mark.parametrize("places", [(0, None, 1), (1, 0, 4), (2, None, 4)])
def test_chrono_states_its_mixture(places):
    init = recurrent.chrono_bias(30.0, *places)
    b = np.asarray(init(key(2), (100_000,)), np.float64)
    law = init.marginal((100_000,))
    error = (law.kurtosis - 1) ** 0.5 * law.std**2 / b.size**0.5
    assert abs(b.mean() - law.mean) < 10 * law.std / b.size**0.5  # b and −b are twins
    assert abs(b.var() - law.std**2) < 10 * error
    for x in (-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0):
        assert abs((b <= x).mean() - law.cdf(np.array(x))) < 5e-3


def test_chrono_is_as_stated_where_entries_are_independent():
    assert_law(recurrent.chrono_bias(100, 0, None, 1), (100, 100), key(3))


def test_chrono_is_finite_and_within_its_times(monkeypatch):
    init = recurrent.chrono_bias(1000, 0, None, 1)
    low, high = at_the_extreme_words(init, (1,), monkeypatch)
    assert low == 0
    assert np.log(990) < high <= np.float32(np.log(999))
    assert not recurrent.chrono_bias(2)(key(), (8,)).any()


def test_irnn_keeps_states_of_rectified_units():
    w = recurrent.irnn(0.5)(None, (2, 6, 6))
    np.testing.assert_array_equal(w, np.broadcast_to(np.eye(6) / 2, w.shape))


def test_near_identity_has_its_noise_at_any_size():
    init = recurrent.near_identity(0.2, gain=0.9)
    w = np.asarray(init(key(4), (120, 120)), np.float64) - 0.9 * np.eye(120)
    assert stats.kstest(w.ravel() * 120**0.5 / 0.2, "norm").pvalue > 1e-6
    radius = np.abs(np.linalg.eigvals(w)).max()
    assert 0.16 < radius < 0.25
    law = init.marginal((4, 4))
    draws = np.asarray(init(key(5), (20_000, 4, 4)), np.float64).ravel()
    np.testing.assert_allclose([draws.mean(), draws.std()], [law.mean, law.std], 5e-3)
    kurtosis = ((draws - draws.mean()) ** 4).mean() / draws.var() ** 2
    np.testing.assert_allclose(kurtosis, law.kurtosis, 2e-2)
    for x in (-0.1, 0.0, 0.5, 0.9):
        np.testing.assert_allclose((draws <= x).mean(), law.cdf(np.array(x)), atol=5e-3)


def test_a_unitary_recurrence_is_its_factors_written_out():
    factors = recurrent.unitary_factors(key(6), 8)
    n, phases = 8, np.asarray(factors.phases, np.float64)
    F = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / n**0.5
    D = [np.diag(np.exp(1j * phase)) for phase in phases]
    R = [
        np.eye(n) - 2 * np.outer(v, v.conj()) / np.vdot(v, v).real
        for v in np.asarray(factors.reflections, np.complex128)
    ]
    Pi = np.eye(n)[np.asarray(factors.permutation)]
    W = D[2] @ R[1] @ F.conj().T @ D[1] @ Pi @ R[0] @ F @ D[0]
    h = np.random.default_rng(0).normal(size=(3, n))
    found = factors.apply(jnp.asarray(h, jnp.complex64))
    np.testing.assert_allclose(found, h @ W.T, atol=1e-5)
    assert (np.abs(phases) <= np.pi).all()
    assert sorted(factors.permutation.tolist()) == list(range(n))


def test_a_unitary_kernel_keeps_norms_in_both_forms():
    w = np.asarray(recurrent.unitary(key(7), (2, 6, 6), jnp.complex64))
    for each in w:
        np.testing.assert_allclose(each.conj().T @ each, np.eye(6), atol=1e-5)
    assert np.abs(w[0] - w[1]).max() > 0.1
    real = np.asarray(recurrent.unitary(key(7), (12, 12)))
    np.testing.assert_allclose(real.T @ real, np.eye(12), atol=1e-5)
    half = real[:6, :6] + 1j * real[:6, 6:]
    states = np.exp(1j * np.arange(6.0))
    image = np.concatenate([np.real(states), np.imag(states)]) @ real
    np.testing.assert_allclose(image[:6] + 1j * image[6:], states @ half, atol=1e-5)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: recurrent.forget_bias(gate=4), "one of 4 gates, from 0 to 3. Got 4"),
        (lambda: recurrent.forget_bias(None, (6,)), r"for 4 gates. Got \(6,\)"),
        (lambda: recurrent.chrono_bias(1.5), "at least 2 steps. Got 1.5"),
        (lambda: recurrent.chrono_bias(9, 1, 1), "another than `forget_gate`. Got 1"),
        (lambda: recurrent.chrono_bias(9)(key(), ()), r"for 4 gates. Got \(\)"),
        (lambda: recurrent.irnn(None, (3, 4)), r"`jinit.recurrent.irnn` .*\(3, 4\)"),
        (lambda: recurrent.unitary(key(), (3, 3)), "even number of real states.*Got 3"),
    ],
)
def test_what_is_wrong_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
