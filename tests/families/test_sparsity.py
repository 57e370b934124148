"""Sparse layers: densities that add up, masks of exact size, units by their inputs."""

import math
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit.sparsity import erk, masks, sparse_fans
from jinit.testing import assert_law

from ..helpers import key


RESNET = [(3, 3, 3, 16), (3, 3, 64, 64), (1, 1, 16, 64), (64, 10)]


def total(shapes, densities) -> float:
    kept = [d * math.prod(s) for s, d in zip(shapes, densities, strict=True)]
    return sum(kept) / sum(map(math.prod, shapes))


@pytest.mark.parametrize("method", ["erk", "er"])
@pytest.mark.parametrize("density", [0.01, 0.1, 0.5, 0.9, 1.0, 0.0])
def test_densities_are_exact_in_total_and_in_proportion(method: Any, density):
    found = np.array(erk(RESNET, density, method=method))
    assert np.isclose(total(RESNET, found), density)
    assert ((found >= 0) & (found <= 1)).all()
    read = [shape if method == "erk" else shape[-2:] for shape in RESNET]
    raw = np.array([sum(shape) / math.prod(shape) for shape in read])
    sparse = found < 1
    if density and sparse.any():
        epsilon = (found / raw)[sparse]
        np.testing.assert_allclose(epsilon, epsilon[0])
        assert (epsilon[0] * raw[~sparse] >= 1).all()


def test_a_layer_beyond_1_is_dense_and_the_others_are_solved_again():
    found = erk([(784, 300), (300, 100), (100, 10)], 0.1)
    assert found[2] == 1
    np.testing.assert_allclose(found[0] / found[1], (1084 / 235200) / (400 / 30000))


def test_a_tree_keeps_its_form_and_vectors_stay_dense():
    params = {"a": {"kernel": jnp.ones((30, 40)), "bias": jnp.ones(40)}}
    params["b"] = {"kernel": jnp.ones((40, 50)), "bias": jnp.ones(50)}
    found = erk(params, 0.25)
    assert jax.tree.structure(found) == jax.tree.structure(params)
    assert found["a"]["bias"] == 1
    kernels = [found["a"]["kernel"], found["b"]["kernel"]]
    assert np.isclose(total([(30, 40), (40, 50)], kernels), 0.25)
    shapes = jax.eval_shape(lambda: params)
    assert erk(shapes, 0.25) == found


@pytest.mark.parametrize("density", [0.0135, 0.77])
def test_masks_have_an_exact_number_of_weights(density):
    densities = erk(RESNET, density)
    drawn = masks(RESNET, key(), densities)
    kept = [int(mask.sum()) for mask in drawn]
    sizes = np.array([*map(math.prod, RESNET)])
    assert sum(kept) == round(density * sizes.sum())
    assert (np.abs(kept - sizes * densities) <= 1).all()
    whole = np.array(densities) == 1
    assert (np.array(kept)[whole] == sizes[whole]).all()
    assert [mask.shape for mask in drawn] == RESNET
    assert {mask.dtype for mask in drawn} == {np.dtype(bool)}


def test_masks_are_anywhere_and_independent():
    draw = jax.vmap(lambda key: masks([(4, 3), (4, 3), (2,)], key, 0.25))
    first, second, vector = map(np.asarray, draw(jax.random.split(key(1), 4000)))
    assert vector.all()
    for each in (first, second):
        assert (each.sum((1, 2)) == 3).all()
        chosen = each.sum(0)
        assert ((chosen - 1000) ** 2 / 1000).sum() < 55  # χ²₁₁ at 1e-6, and to spare
    both = (first & second).mean()
    assert abs(both - 1 / 16) < 0.005


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_every_unit_has_the_variance_of_a_dense_one(gain):
    fans = np.array([1000, 300, 30, 3, 1, 0])
    mask = np.arange(1000)[:, None] < fans
    draws = jax.vmap(lambda key: sparse_fans(mask, gain)(key, mask.shape))
    w = np.asarray(draws(jax.random.split(key(2), 400)), np.float64)
    assert ((w != 0) == mask).all()
    energy = (w**2).sum(1).mean(0)  # Var(x @ w) for white x
    assert (np.abs(energy - gain**2)[:-1] < 0.4 * gain**2).all()
    assert energy[-1] == 0


def test_by_layer_only_the_mean_of_the_units_is_kept():
    mask = np.arange(200)[:, None] < np.array([200, 20] * 20)
    w = np.asarray(sparse_fans(mask, per="layer")(key(3), mask.shape), np.float64)
    energy = (w**2).sum(0)
    assert abs(energy.mean() - 1) < 0.1
    assert abs(energy[0::2].mean() / energy[1::2].mean() - 10) < 2
    dense = jinit.lecun_normal(distribution="normal").std((200, 40))
    rewound = (
        dense / mask.mean() ** 0.5
    )  # a dense layer, divided by the root of density
    assert np.isclose(sparse_fans(mask, per="layer").std(mask.shape), dense)
    assert np.isclose(np.std(w[mask]), rewound, rtol=0.05)


@pytest.mark.parametrize("per", ["unit", "layer"])
def test_sparse_fans_hold_what_they_state(per: Any):
    mask = (np.arange(60)[:, None] * np.arange(1, 41)) % 7 < 3
    assert_law(sparse_fans(mask, "relu", per=per), mask.shape, key(4))
    stated = sparse_fans(mask, "relu", per=per).marginal(mask.shape)
    assert np.isclose(stated.cdf(np.array([0.0]))[0], 1 - mask.mean() / 2)


def test_a_mask_may_be_traced_and_of_any_kind():
    mask = np.tri(6, 5, dtype=np.float32)
    w = sparse_fans(mask)(key(), mask.shape)
    drawn = jax.jit(lambda key, mask: sparse_fans(mask)(key, (6, 5)))(key(), mask)
    np.testing.assert_allclose(drawn, w, rtol=1e-6)
    assert (w == sparse_fans(mask.astype(bool))(key(), mask.shape)).all()
    assert float(sparse_fans(np.zeros((3, 3)))(key(), (3, 3)).sum()) == 0
    assert sparse_fans(np.zeros((3, 3))).std((3, 3)) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: erk(RESNET, 1.5), r"`jinit.sparsity.erk` needs `density` from 0 to 1"),
        (lambda: erk([], 0.5), "a tree of arrays or shapes. Got none"),
        (lambda: erk({"a": "text"}, 0.5), "arrays or shapes. Got 'text'"),
        (lambda: masks(RESNET, key(), [0.5]), "a tree of one for each array"),
        (lambda: masks([(3, 3)], key(), [2.0]), "`density` from 0 to 1. Got 2.0"),
        (lambda: masks([(3, 3)], cast(Any, None), 0.5), "a key"),
        (lambda: sparse_fans(np.ones((3, 3)))(key(), (3, 4)), r"mask of \(3, 3\) for"),
        (lambda: sparse_fans(np.ones(3)).std((3,)), "`mask` of the kernel's shape"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
