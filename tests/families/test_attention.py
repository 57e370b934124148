"""Attention kernels by their products, and tables of positions by what they tell."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import attention
from jinit.attention import (
    conditioned,
    conditioned_value,
    mimetic,
    mimetic_key,
    mimetic_output,
    mimetic_query,
    mimetic_value,
    relative_positions,
    sinusoidal_positions,
    structured,
)

from ..helpers import key


WIDTH, HEADS, SIZE = 48, 3, 16


@pytest.fixture(scope="module")
def layer() -> attention.Mimetic:
    return mimetic(key(), WIDTH, HEADS)


def test_query_and_key_are_the_best_of_their_rank_for_a_noisy_identity(layer):
    """W_Q W_Kᵀ has the largest singular values of 0.7 Z + 0.7 I, and loses the rest."""
    full = WIDTH, HEADS, WIDTH
    every = np.asarray(mimetic_query(key(), full)), np.asarray(mimetic_key(key(), full))
    for head in range(HEADS):
        M = every[0][:, head] @ every[1][:, head].T
        Z = (M - 0.7 * np.eye(WIDTH)) / 0.7
        assert abs(Z.std() * WIDTH**0.5 - 1) < 0.1
        assert abs(np.trace(Z) / WIDTH) < 0.2
        product = np.asarray(layer.query[:, head] @ layer.key[:, head].T)
        s = np.linalg.svd(M, compute_uv=False)
        assert np.isclose(np.linalg.norm(M - product, 2), s[SIZE], rtol=1e-4)
        found = np.linalg.svd(product, compute_uv=False)[:SIZE]
        np.testing.assert_allclose(found, s[:SIZE], rtol=1e-4)
        sides = np.asarray(layer.query)[:, head], np.asarray(layer.key)[:, head]
        left, right = (np.linalg.norm(side, axis=0) for side in sides)
        np.testing.assert_allclose(left, right, rtol=1e-4)  # √S each


def test_value_and_output_take_away(layer):
    M = np.asarray(layer.value.reshape(WIDTH, -1) @ layer.output.reshape(-1, WIDTH))
    Z = (M + 0.4 * np.eye(WIDTH)) / 0.4
    assert abs(Z.std() * WIDTH**0.5 - 1) < 0.1
    assert abs(np.trace(Z) / WIDTH) < 0.2
    first = np.asarray(layer.query[:, 0] @ layer.key[:, 0].T)
    assert abs(np.corrcoef(M.ravel(), first.ravel())[0, 1]) < 0.5  # own noise


def test_the_laws_draw_what_the_function_draws(layer):
    shape = WIDTH, HEADS, SIZE
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5)
    close(mimetic_query(key(), shape), layer.query)
    close(mimetic_key(key(), shape), layer.key)
    close(mimetic_value(key(), shape), layer.value)
    close(mimetic_output(key(), (HEADS, SIZE, WIDTH)), layer.output)


def test_a_seed_takes_the_place_of_the_key():
    shape = 8, 2, 8
    query = mimetic_query(seed=5)(key(1), shape)
    other = mimetic_key(seed=5)(key(2), shape)
    assert (query == mimetic_query(seed=5)(key(3), shape)).all()
    product = np.asarray(query[:, 0] @ other[:, 0].T)
    assert abs(np.diag(product).mean() - 0.7) < 0.5
    assert jinit.get(repr(mimetic_query(seed=5))) == mimetic_query(seed=5)


def test_stacked_layers_have_noise_of_their_own():
    value = np.asarray(mimetic_value(heads=1, noise="uniform")(key(), (2, 8, 8)))
    output = np.asarray(mimetic_output(heads=1, noise="uniform")(key(), (2, 8, 8)))
    Z = (value @ output + 0.4 * np.eye(8)) / 0.4
    assert np.abs(Z[0] - Z[1]).max() > 0.1
    assert np.abs(Z).max() <= (3 / 8) ** 0.5 + 1e-4


@pytest.mark.parametrize("shape", [(24, 2, 4), (6, 2, 12)])
def test_conditioned_kernels_have_condition_1(shape):
    for init in (conditioned, conditioned_value):
        w = np.asarray(init(key(), shape)).reshape(shape[0], -1)
        s = np.linalg.svd(w, compute_uv=False)
        np.testing.assert_allclose(s, 1, atol=1e-5)
    value = np.asarray(conditioned_value(None, shape)).reshape(shape[0], -1)
    assert (value == np.eye(*value.shape)).all()


def test_conditioned_kernels_are_read_as_asked_and_stack():
    stack = np.asarray(conditioned(heads=2)(key(), (2, 8, 4)))
    for w in stack:
        np.testing.assert_allclose(w.T @ w, np.eye(4), atol=1e-5)
    assert np.abs(stack[0] - stack[1]).max() > 0.1
    assert np.isclose(conditioned.std((24, 2, 4)), 24**-0.5)
    assert np.isclose(conditioned_value.mean((24, 2, 4)), 1 / 24)


def waves(positions: Any, width: int) -> np.ndarray:
    angle = np.multiply.outer(
        positions, 10_000.0 ** (-2 * np.arange(width // 2) / width)
    )
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(len(positions), width)


@pytest.mark.parametrize(("rows", "width"), [(1, 2), (10, 6), (5000, 8)])
def test_positions_are_exact_however_far(rows, width):
    table = sinusoidal_positions(None, (rows, width))
    np.testing.assert_allclose(table, waves(np.arange(rows), width), atol=3e-7)
    both = relative_positions(None, (2 * rows - 1, width))
    lags = np.arange(2 * rows - 1) - rows + 1
    np.testing.assert_allclose(both, waves(lags, width), atol=3e-7)


def test_products_of_positions_depend_on_their_distance_alone():
    table = np.asarray(sinusoidal_positions(None, (50, 16)), np.float64)
    products = table @ table.T
    for lag in (0, 1, 7):
        diagonal = np.diag(products, lag)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-5)
    assert np.isclose(products[0, 0], 8)


def test_layouts_of_positions():
    table = np.asarray(sinusoidal_positions(base=100)(None, (9, 7)))
    halves = np.asarray(sinusoidal_positions(100, layout="halves")(None, (9, 7)))
    assert (halves == np.concatenate([table[:, 0::2], table[:, 1::2]], 1)).all()
    stacked = sinusoidal_positions(base=100)(None, (2, 9, 7))
    assert (stacked == table).all()
    stated = sinusoidal_positions(base=100).marginal((2, 9, 7))
    assert np.isclose(stated.std, table.std())


def test_a_head_that_has_nowhere_to_look_is_zero_and_not_nan():
    P = np.random.default_rng(0).standard_normal((4, 12)).astype(np.float32)
    query, key_ = structured(key(), P, (1, 4), 3, 2, noise=0.0)
    assert jnp.isfinite(query).all()
    norms = np.linalg.norm(np.asarray(key_), axis=(0, 2))
    np.testing.assert_allclose(norms, [7, 0, 7], rtol=1e-4)  # itself, up, right


STEPS = [(0, 0), (-1, 0), (0, 1), (0, -1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def test_every_head_looks_one_step_to_its_side():
    side, width, heads = 8, 320, 10
    P = np.asarray(jinit.truncated_normal(0.36)(key(2), (side**2, width)))
    query, key_ = structured(key(3), P, (side, side), heads)
    for kernel in (query, key_):
        norms = np.linalg.norm(np.asarray(kernel), axis=(0, 2))
        np.testing.assert_allclose(norms, 7, rtol=1e-4)
    P = (P - P.mean(1, keepdims=True)) / P.std(1, keepdims=True)
    q, k = (np.einsum("pw,whs->hps", P, kernel) for kernel in (query, key_))
    logits = q @ k.swapaxes(1, 2) / 32**0.5
    cells = np.stack(np.divmod(np.arange(side**2), side), 1)
    for head in range(heads):
        to = cells + STEPS[head % 9]
        inside = ((to >= 0) & (to < side)).all(1)
        found = logits[head].argmax(1)[inside]
        hit = found == (to @ [side, 1])[inside]
        assert hit.mean() > 0.97, f"head {head}: {hit.mean()}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mimetic(key(), 10, 4), r"`jinit.attention.mimetic` needs `heads` to"),
        (lambda: mimetic(key(), 8, 2, 8), "all heads together to have no more"),
        (lambda: mimetic_query(key(), (8, 8)), r"\(\*stacked, width, heads, size\)"),
        (lambda: mimetic_query(key(), (8, 2, 9)), "a head to have no more .* 8. Got 9"),
        (lambda: mimetic_key(heads=3)(key(), (8, 8)), "heads=3 for"),
        (lambda: mimetic_output(key(), (4, 8)), r"heads, size, width\)`. Got"),
        (lambda: mimetic_value(key(), (8, 4, 4)), "all heads together"),
        (lambda: conditioned(key(), (8, 8)), "`jinit.attention.conditioned` needs"),
        (lambda: conditioned_value.std((8,)), "attention.conditioned_value` needs"),
        (lambda: sinusoidal_positions(None, (8,)), "sinusoidal_positions` needs"),
        (lambda: relative_positions.std((8,)), "attention.relative_positions` needs"),
        (lambda: structured(key(), np.ones((9, 8)), (3, 3), 2), "of rank 0 once"),
        (lambda: structured(key(), np.ones((9, 8)), (3, 4), 2), "for a `grid`"),
        (lambda: structured(key(), np.ones((9, 8)), (3, 3), 2, 5), "share the width"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_kernels_have_the_dtype_that_is_asked_for():
    narrow = jnp.dtype("bfloat16")
    make = lambda: mimetic(key(), 8, 2, dtype=narrow)
    assert {each.dtype for each in jax.eval_shape(make)} == {narrow}
    make = lambda: structured(key(), jnp.ones((9, 16), narrow), (3, 3), 2)
    assert {each.dtype for each in jax.eval_shape(make)} == {narrow}
