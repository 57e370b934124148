"""Whole numbers of which only the shape is given: any that there are to choose from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from tests.zoo.entry import image, text


def plain(p, ids):
    return p["e"][ids] @ p["w"]


def without_padding(p, ids):
    return jnp.where((ids != 0)[..., None], p["e"][ids], 0) @ p["w"]


def averaged(p, ids):
    return p["e"][ids].mean(1) @ p["w"]


# By rows of the table: 7 of 8 ids are no padding; two of a pair of ids are often one
SECONDS = [(plain, 8, 1), (without_padding, 8, 7 / 8), (averaged, 2, (1 + 3 / 2) / 4)]


@pytest.mark.parametrize(("apply", "rows", "second"), SECONDS)
def test_ids_are_any_rows_of_their_table(apply, rows, second):
    params = {"e": image(rows, 16), "w": image(16, 16)}
    plan = {c.path: c for c in jinit.explain(apply, params, text(2, 4))}
    assert plan["w"].reads == pytest.approx(second, rel=0.1)


def test_classes_are_any_of_those_they_are_compared_with():
    apply = lambda w, ids: jnp.cumsum(jax.nn.one_hot(ids, 8), axis=-1) @ w
    (choice,) = jinit.explain(apply, image(8, 16), text(2, 4))
    seen = np.cumsum(np.eye(8), 1).mean()
    assert choice.reads == pytest.approx(seen, rel=0.1)


def test_a_mask_of_whole_numbers_lets_all_through():
    apply = lambda w, x, mask: (x * mask[..., None]) @ w
    (choice,) = jinit.explain(apply, image(16, 16), image(2, 4, 16), text(2, 4))
    assert choice.reads == pytest.approx(1, rel=0.1)


def test_bytes_are_pixels():
    apply = lambda w, x: (x / 255) @ w
    x = jax.ShapeDtypeStruct((2, 16), jnp.uint8)
    (choice,) = jinit.explain(apply, image(16, 16), x)
    assert choice.reads == pytest.approx(1 / 3, rel=0.1)


def test_a_loop_whose_kernel_reads_what_it_has_made_comes_to_rest():
    def gated(p, ids):
        def step(h, x):
            z = jnp.concatenate([x, h], -1) @ p["w"]
            update, candidate = jnp.split(z, 2, -1)
            h = h + jax.nn.sigmoid(update) * (jnp.tanh(candidate) - h)
            return h, None

        x = jax.nn.one_hot(ids, 8).swapaxes(0, 1)
        return jax.lax.scan(step, jnp.zeros((2, 16)), x)[0] @ p["v"]

    params = {"v": image(16, 4), "w": image(24, 32)}
    v, w = jinit.explain(gated, params, text(2, 8))
    assert v.makes == pytest.approx(1, rel=0.1)
    assert w.makes == pytest.approx(1, rel=0.3)
