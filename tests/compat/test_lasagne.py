"""What Lasagne's source says; it runs on no Python of today."""

import math
from typing import Any

import jax
import numpy as np
import pytest

import jinit
from jinit.compat import lasagne, torch
from jinit.testing import assert_law

from ..helpers import assert_gram, key


DENSE, KERNEL, C01B = (40, 60), (40, 50, 3), (50, 3, 1, 40)
ROOT = math.sqrt(2)

# For each shape the mean and the standard deviation.
LAWS: list[tuple[Any, tuple[int, ...], float, float]] = [
    (lasagne.Normal(), DENSE, 0.0, 0.01),
    (lasagne.Normal(0.1, 0.5), DENSE, 0.5, 0.1),
    (lasagne.Uniform(), DENSE, 0.0, 0.01 / 3**0.5),
    (lasagne.Uniform((1.0, 4.0)), DENSE, 2.5, 3 / 12**0.5),
    (lasagne.Uniform(std=0.1, mean=0.5), DENSE, 0.5, 0.1),
    (lasagne.Uniform(5.0, 0.1), DENSE, 0.0, 0.1),
    (lasagne.Uniform(5.0, mean=0.5), DENSE, 0.0, 5 / 3**0.5),  # mean goes with std
    (lasagne.Glorot(lasagne.Normal), DENSE, 0.0, math.sqrt(2 / 100)),
    (lasagne.Glorot(lasagne.Uniform(mean=1.0), 2.0), DENSE, 1.0, 2 * math.sqrt(0.02)),
    (lasagne.GlorotUniform("relu"), KERNEL, 0.0, ROOT * math.sqrt(2 / 270)),
    (lasagne.GlorotNormal(c01b=True), C01B, 0.0, math.sqrt(2 / 270)),
    (lasagne.He(lasagne.Uniform, "relu"), DENSE, 0.0, ROOT / math.sqrt(40)),
    (lasagne.HeNormal(), DENSE, 0.0, 1 / math.sqrt(40)),
    (lasagne.HeUniform("relu"), KERNEL, 0.0, ROOT / math.sqrt(150)),
    (lasagne.HeNormal("relu", True), C01B, 0.0, ROOT / math.sqrt(150)),
    (lasagne.Sparse(), DENSE, 0.0, 0.01 * math.sqrt(0.1)),
    (lasagne.Orthogonal("relu"), KERNEL, 0.0, ROOT / math.sqrt(150)),
]
ids = lambda row: repr(row[0]).removeprefix("compat.lasagne.")


@pytest.mark.parametrize("row", LAWS, ids=ids)
def test_moments_are_those_of_lasagne(row):
    init, shape, mean, std = row
    np.testing.assert_allclose(init.mean(shape), mean, atol=1e-12)
    np.testing.assert_allclose(init.std(shape), std, rtol=1e-12)


# The last settings of each law: that others change what is stated, is tested above.
LAST = {row[0].law: row for row in LAWS}.values()


@pytest.mark.parametrize("row", LAST, ids=ids)
def test_draws_have_the_stated_law(row):
    init, shape, *_ = row
    if init.law == lasagne.Orthogonal.law:
        assert_gram(init(key(), shape).reshape(40, 150).T, ROOT)
    else:
        assert_law(init, shape, key(1))


def test_sparsity_is_what_is_left():
    w = np.asarray(lasagne.Sparse(0.39)(key(), (10, 50)))
    assert {*np.sum(w != 0, axis=0).tolist()} == {3}  # torch: ⌈3.9⌉ zeros
    assert (lasagne.Sparse(0.09)(key(), (10, 50)) == 0).all()
    assert {*np.sum(np.asarray(torch.sparse_(0.39)(key(), (10, 50))) == 0, 0)} == {4}


def test_fans_are_those_of_each_layout():
    assert lasagne.HeNormal.fans((40, 60)) == (40, 60)  # dense: (in, out)
    assert lasagne.HeNormal.fans((40, 50, 3)) == (150, 120)  # (out, in, spatial)
    assert lasagne.GlorotNormal(c01b=True).fans(C01B) == (150, 120)


def test_orthogonal_matrices_of_both_forms():
    assert_gram(lasagne.Orthogonal()(key(), (8, 4)), 1.0)
    assert_gram(lasagne.Orthogonal()(key(), (4, 8)), 1.0)


def test_a_law_of_ones_own():
    @jinit.law
    def laplace(key, shape, dtype, /, std: float = 1.0):
        return std / ROOT * jax.random.laplace(key, shape, dtype)

    init = lasagne.Glorot(laplace, "relu")
    w = init(key(), DENSE)
    assert (w == laplace(std=ROOT * math.sqrt(2 / 100))(key(), DENSE)).all()


def test_they_have_names():
    init = lasagne.Glorot(lasagne.Uniform(mean=1.0), "relu", c01b=True)
    assert jinit.get(repr(init)) == init
    assert jinit.from_config(init.to_config()) == init
    pair = lasagne.Uniform([0, 1])
    assert jinit.get(repr(pair)) == pair == jinit.from_config(pair.to_config())


def test_what_is_refused():
    untyped: Any = lasagne
    for call, error, words in [
        (lambda: untyped.Uniform((1.0, 0.0)), ValueError, "two in order"),
        (lambda: untyped.Uniform((1.0,)), ValueError, "two in order"),
        (lambda: untyped.Uniform(-1.0), ValueError, "at least 0"),
        (lambda: untyped.HeNormal("tanh"), TypeError, "`gain` to be a number"),
        (lambda: untyped.Glorot(jinit.normal), TypeError, "a law with a `std`"),
        (lambda: untyped.Glorot("Normal"), TypeError, "a law with a `std`"),
        (lambda: untyped.HeNormal(key(), (4,)), ValueError, "two or more axes"),
        (lambda: untyped.HeNormal(c01b=True)(key(), (4, 4)), ValueError, "four axes"),
        (lambda: untyped.Sparse(key(), (4, 4, 4)), ValueError, "two axes"),
        (lambda: untyped.Orthogonal(key(), (4,)), ValueError, "two or more axes"),
    ]:
        with pytest.raises(error, match=rf"`jinit.compat.lasagne.\w+` .*{words}"):
            call()
