"""The peer itself is beside every test: Haiku."""

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit.compat.haiku import wrap

from ..helpers import key


def drawn(init, shape, rng=None):
    draw = hk.transform(lambda: hk.get_parameter("w", shape, init=init))
    return draw.init(rng)["~"]["w"]


theirs = hk.initializers
PAIRS = [
    (theirs.Constant(0.3), jinit.constant(0.3)),
    (theirs.RandomNormal(0.1, 0.5), jinit.normal(0.1, mean=0.5)),
    (theirs.RandomUniform(-1.0, 3.0), jinit.uniform_range(-1.0, 3.0)),
    (theirs.TruncatedNormal(0.1, 0.5), jinit.truncated_normal(0.1, mean=0.5)),
    (theirs.VarianceScaling(2.0), jinit.he_normal),
    (theirs.VarianceScaling(1.0, "fan_avg", "uniform"), jinit.glorot_uniform),
    (theirs.UniformScaling(2.0), jinit.lecun_uniform(gain=2.0)),
    (theirs.Orthogonal(2.0), jinit.orthogonal(2.0, method="qr")),
    (theirs.Identity(2.0), jinit.identity(2.0)),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: type(pair[0]).__name__)
def test_a_key_gives_the_weights_that_haiku_draws(pair):
    found, expected = (drawn(each, (6, 4), key()) for each in (wrap(pair[1]), pair[0]))
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


def test_layers_take_it():
    network = hk.transform(lambda x: hk.Linear(8, w_init=wrap("he_normal"))(x))
    w = network.init(key(), jnp.ones((2, 16)))["linear"]["w"]
    assert w.shape == (16, 8)
    raw = jax.random.key_data(key())  # as Haiku's users have them
    assert (network.init(raw, jnp.ones((2, 16)))["linear"]["w"] == w).all()


def test_each_parameter_has_a_key_of_its_own():
    network = lambda: [hk.get_parameter(n, (3,), init=wrap("normal")) for n in "ab"]
    parameters = hk.transform(network).init(key())["~"]
    assert (parameters["a"] != parameters["b"]).all()


def test_what_is_not_random_takes_no_key():
    assert (drawn(wrap(jinit.ones), (2,)) == 1).all()
    assert (drawn(wrap(0.5), (2,)) == 0.5).all()


def test_it_is_a_value():
    assert wrap("he_normal") == wrap(jinit.he_normal)
    assert hash(wrap("he_normal")) == hash(wrap(jinit.he_normal))
    assert repr(wrap("he_normal")) == "wrap(he_normal())"


def test_what_is_no_initializer():
    with pytest.raises(TypeError, match=r"`jinit.compat.haiku.wrap` needs a name"):
        wrap(None)


@pytest.mark.parametrize("init", [jinit.he_normal, jinit.zeros, jinit.constant(0.5)])
def test_an_initializer_without_it_says_what_to_do(init):
    with pytest.raises(TypeError, match=r"jinit\.compat\.haiku\.wrap"):
        drawn(init, (2, 3), key())
