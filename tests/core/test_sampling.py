"""The fused sampler, word by word, and what it does at the ends of the random grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._core import sampling

from ..helpers import assert_same_bits, at_the_extreme_words, key


F32, U32 = jnp.dtype("float32"), jnp.dtype("uint32")


def test_threefry_gives_the_published_words():
    # Known answers of the Random123 library, threefry2x32 with 20 rounds.
    ones = np.uint32(0xFFFFFFFF)
    pi = [np.uint32(w) for w in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)]
    answers = [
        ((np.uint32(0),) * 2, (np.uint32(0),) * 2, (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        ((pi[2], pi[3]), (pi[0], pi[1]), (0xC4923A9C, 0x483DF7A0)),
    ]
    for random_key, count, words in answers:
        first, second, *counter = map(jnp.asarray, (*random_key, *count))
        found = sampling.threefry((first, second), (counter[0], counter[1]))
        assert tuple(map(int, found)) == words


@pytest.mark.parametrize("shape", [(), (5,), (257, 300), (2, 3, 4, 5), (0, 3)])
def test_bits_are_those_of_jax(shape):
    expected = jax.random.bits(key(), shape, jnp.uint32)
    assert_same_bits(sampling.bits(key(), shape, U32), expected)


def test_64_bit_words_are_those_of_jax():
    with jax.enable_x64(True):
        word = jnp.dtype("uint64")
        expected = jax.random.bits(key(), (12, 7), word)
        assert_same_bits(sampling.bits(key(), (12, 7), word), expected)


def test_arrays_beyond_the_counter_take_the_path_of_jax():
    assert not sampling._is_fusible(key(), (2**16, 2**16 + 1))
    assert sampling._is_fusible(key(), (2**16, 2**16))
    draw = lambda key: sampling.bits(key, (2**16, 2**17), U32)
    assert jax.eval_shape(draw, key()).shape == (2**16, 2**17)
    assert "random_bits" in str(jax.make_jaxpr(draw)(key()))


def test_the_draw_is_one_pass_without_random_bits_of_jax():
    draw = lambda key: jinit.he_uniform(key, (64, 64))
    assert "random_bits" not in str(jax.make_jaxpr(draw)(key()))


@pytest.mark.parametrize(
    ("init", "low", "high"),
    [
        (jinit.uniform(0.5), 0.0, 0.5),
        (jinit.uniform_range(-1.0, 3.0), -1.0, 3.0),
        (jinit.symmetric_uniform(0.3), -0.3, 0.3),
        (jinit.he_uniform, -(0.06**0.5), 0.06**0.5),
        (jinit.fan_in_uniform, -0.1, 0.1),
    ],
)
def test_uniform_laws_hold_their_low_end_but_not_their_high_one(
    init, low, high, monkeypatch
):
    least, most = at_the_extreme_words(init, (100, 5), monkeypatch)
    assert least == np.float32(low)
    assert np.float32(high) * (1 - 3e-7) < most < np.float32(high)


@pytest.mark.parametrize(
    ("init", "low", "high"),
    [
        (jinit.truncated_normal(0.5), -1.0, 1.0),
        (jinit.truncated_normal(2.0, lower=-1.0, upper=3.0), -2.0, 6.0),
    ],
)
def test_truncated_laws_hold_neither_end(init, low, high, monkeypatch):
    least, most = at_the_extreme_words(init, (3,), monkeypatch)
    assert low < least < most < high


def test_unbounded_laws_stay_finite_at_the_extreme_words(monkeypatch):
    for init in (jinit.normal(1.0), jinit.lecun_normal):
        ends = at_the_extreme_words(init, (100, 5), monkeypatch)
        assert np.isfinite(ends).all()


def test_a_normal_draw_has_no_tail_beyond_the_bound_in_its_comment(monkeypatch):
    ends = at_the_extreme_words(jinit.normal(1.0), (2, 2), monkeypatch)
    assert max(map(abs, ends)) < 9


def test_float64_normals_too(monkeypatch):
    with jax.enable_x64(True):
        ends = at_the_extreme_words(jinit.normal(1.0), (2, 2), monkeypatch, "float64")
    assert max(map(abs, ends)) < 9


def test_real_and_complex():
    assert sampling.is_complex(jnp.dtype("complex64"))
    assert not sampling.is_complex(F32)
    assert sampling.real(jnp.dtype("complex64")) == F32
    assert sampling.real(F32) == F32


@pytest.mark.parametrize("name", ["normal", "uniform", "truncated_normal"])
def test_a_traced_setting_draws_the_same(name):
    family, shape = getattr(jinit, name), (12, 7)
    draw = jax.jit(lambda key, width: family(width)(key, shape))
    expected = family(0.3)(key(), shape)
    error = 4 * jnp.finfo(F32).eps * abs(expected)
    assert (abs(draw(key(), jnp.float32(0.3)) - expected) <= error).all()


def test_settings_can_be_learned():
    loss = lambda stddev: (jinit.normal(stddev)(key(), (50,)) ** 2).sum()
    z = jinit.normal(1.0)(key(), (50,))
    slope = jax.grad(loss)(0.5)
    assert slope == pytest.approx(float((z**2).sum()), rel=1e-5)
