"""One parameter with several uses: tied both ways, recurrent, or a table of a head."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text


def conv(x, w):
    return jax.lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def heads(w, x):
    inside = jnp.tanh(jnp.einsum("bi,ihd->bhd", x, w))
    return jnp.einsum("bhd,ihd->bi", inside, w)


def flipped(w):
    return jnp.flip(w, (0, 1)).swapaxes(2, 3)


of_vectors = jax.vmap(lambda w, x: w.T @ jnp.tanh(w @ x), (None, 0))

# By name: one matrix that is read both ways, of what shape, of what input
BOTH_WAYS = {
    "autoencoder": (lambda w, x: jnp.tanh(x @ w) @ w.T, (8, 4), (2, 8)),
    "square": (lambda w, x: jnp.tanh(x @ w) @ w.T, (8, 8), (2, 8)),
    "vectors": (of_vectors, (8, 8), (2, 8)),
    "heads": (heads, (8, 2, 4), (2, 8)),
    "convolution": (
        lambda w, x: conv(jnp.tanh(conv(x, w)), flipped(w)), (3, 3, 8, 8), (2, 6, 6, 8)
    ),
    "key": (lambda w, x: jax.nn.softmax(x @ w) @ w.T, (8, 8), (2, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_one_matrix_read_both_ways_is_tied_and_not_recurrent(name):
    apply, shape, x = BOTH_WAYS[name]
    (row,) = jinit.trace(apply, image(*shape), image(*x))
    assert (row.role, row.uses, row.tied) == ("kernel", 2, True)


def in_a_loop(w, x):
    return jax.lax.fori_loop(0, 3, lambda _, x: jnp.tanh(x @ w), x)


def unrolled(w, x):
    for _ in range(3):
        x = jnp.tanh(x @ w)
    return x


@pytest.mark.parametrize("apply", [in_a_loop, unrolled])
def test_what_comes_back_into_the_same_axis_is_recurrent(apply):
    (row,) = jinit.trace(apply, image(8, 8), image(2, 8))
    assert row.role == "recurrent kernel"


# A table is tied to a head only if a layer reads it


def attend(module):
    return shapes(module, text(2, 5))


class Tied(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        table = nn.Embed(9, 8)
        return table.attend(nn.tanh(nn.Dense(8)(table(tokens))))


class Shared(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        table = nn.Embed(9, 8)
        return nn.Dense(8)(table(tokens)) + nn.Dense(8)(nn.tanh(table(tokens + 1)))


def test_a_table_is_tied_to_the_head_that_reads_it():
    for model, tied in ((Tied(), True), (Shared(), False)):
        rows = jinit.trace(*attend(model))
        table = rows["params/Embed_0/embedding"]
        assert (table.role, table.tied, table.tied_to_head) == ("embedding", True, tied)
        assert not any(row.tied_to_head for row in rows if row is not table)


@pytest.mark.parametrize(
    "look_up", [lambda e, i: e[i], lambda e, i: jax.nn.one_hot(i, 9) @ e]
)
def test_two_look_ups_make_no_head(look_up):
    apply = lambda p, i, j: jnp.tanh(look_up(p["e"], i) @ p["w"]) + look_up(p["e"], j)
    rows = jinit.trace(
        apply, {"e": image(9, 8), "w": image(8, 8)}, text(2, 5), text(2, 5)
    )
    assert (rows["e"].uses, rows["e"].tied_to_head) == (2, False)


# A table that is the head too: logits of variance 1, and what is summed with it alike


def normalized(x):
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-5)


def summed(p, ids, places):
    x = p["e"][ids] + p["p"][places]
    return normalized(jnp.tanh(x @ p["w"])) @ p["e"].T


def scaled(p, ids, places):
    x = 4 * p["e"][ids] + p["p"][places]
    return normalized(jnp.tanh(x @ p["w"])) @ p["e"].T


def divided(p, ids, places):
    return summed(p, ids, places) / 4


def divided_before(p, ids, places):
    x = p["e"][ids] + p["p"][places]
    return (normalized(jnp.tanh(x @ p["w"])) / 4) @ p["e"].T


def capped(p, ids, places):
    return 30 * jnp.tanh(summed(p, ids, places) / 30)


# By form: the standard deviations of the table of the head, and of the one beside it
TIED = [
    (summed, 1 / 4, 1 / 4),
    (scaled, 1 / 4, 1),
    (divided, 1, 1),
    (divided_before, 1, 1),
    (capped, 1 / 4, 1 / 4),
]


@pytest.mark.parametrize(("apply", "tied", "beside"), TIED)
def test_tables_that_are_summed_count_alike_and_logits_have_variance_1(
    apply, tied, beside
):
    params = {"e": image(32, 16), "p": image(8, 16), "w": image(16, 16)}
    plan = jinit.explain(apply, params, text(2, 5), text(2, 5))
    laws = [(choice.initializer, choice.shape) for choice in plan]
    e, p, _ = (law.std(shape) for law, shape in laws if law)
    assert (e, p) == pytest.approx((tied, beside), rel=0.02)
