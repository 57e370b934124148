"""What is a residual stream and what is not: what carries a signal linearly through."""

import functools

import jax
import jax.numpy as jnp
import pytest

import jinit
from tests.zoo.entry import image


D = 8
X, Y, T = image(2, 5, D), image(2, 5, D), image(2, D)


def squares(names, width=D):
    return {name: image(width, width) for name in names}


def closing(apply, params, *inputs):
    """The parameters that end a branch, with how many branches their stream sums."""
    rows = jinit.trace(apply, params, *inputs)
    return {row.path: row.branches for row in rows if row.closes_residual}


def deep(step):
    """One block after the other."""
    return lambda blocks, x, *conditions: functools.reduce(
        lambda x, p: step(p, x, *conditions), blocks, x
    )


def mlp(p, x):
    return jax.nn.gelu(x @ p["u"]) @ p["w"]


def attention(p, x, memory, mask, soft=jax.nn.softmax):
    logits = jnp.einsum("btd,bsd->bts", x @ p["q"], memory @ p["k"]) + mask
    return soft(logits) @ (memory @ p["v"]) @ p["o"]


# What is added again and again, and is no stream


@pytest.mark.parametrize("soft", [jax.nn.softmax, jax.nn.sigmoid])
def test_the_logits_of_an_attention_are_no_stream_whatever_is_added_to_them(soft):
    step = lambda p, x, mask: x + attention(p, x, x, mask, soft)
    found = closing(deep(step), [squares("qkvo")] * 3, X, image(2, 5, 5))
    assert found == {f"{i}/o": 3 for i in range(3)}


def test_a_mask_made_of_the_tokens_is_no_stream():
    def apply(p, tokens):
        mask = jnp.where(tokens > 0, 0.0, -1e9)[:, None]
        x = p["table"][tokens]
        return deep(lambda p, x: x + attention(p, x, x, mask))(p["blocks"], x)

    params = {"table": image(9, D), "blocks": [squares("qkvo")] * 2}
    tokens = jax.ShapeDtypeStruct((2, 5), "int32")
    assert closing(apply, params, tokens) == {"blocks/0/o": 2, "blocks/1/o": 2}


# By name: a block that is told a condition but has no stream
CONDITIONED = {
    "projected": lambda p, x, t: jnp.tanh(x @ p["u"] + t @ p["w"]),
    "projected first": lambda p, x, t: jnp.tanh(t @ p["w"] + x @ p["u"]),
    "spread over positions": (
        lambda p, x, t: jnp.tanh(x @ p["u"] + (t.mean(1) @ p["w"])[:, None])
    ),
    "as it is": lambda p, x, t: jnp.tanh(x @ p["u"] + t),
    "as it is, spread": lambda p, x, t: jnp.tanh(x @ p["u"] + t[:, :1]),
}


@pytest.mark.parametrize("name", CONDITIONED)
def test_a_condition_that_every_block_is_told_is_no_stream(name):
    assert closing(deep(CONDITIONED[name]), [squares("uw")] * 3, X, Y) == {}


# By name: what makes `h` of x and of f(x), and is no sum of a stream and a branch
NO_STREAMS = {
    "gated": lambda x, y, g: jax.nn.sigmoid(g) * x + (1 - jax.nn.sigmoid(g)) * y,
    "gated by what is learned of it": lambda x, y, g: x * jnp.tanh(g) + y,
    "straight through": lambda x, y, g: x + jax.lax.stop_gradient(y - x),
    "straight through, the other way": lambda x, y, g: jax.lax.stop_gradient(y) + x,
}


@pytest.mark.parametrize("name", NO_STREAMS)
def test_gates_of_the_stream_and_what_stops_gradients_end_no_branch(name):
    step = lambda p, x: NO_STREAMS[name](x, mlp(p, x), x @ p["g"])
    assert closing(deep(step), [squares("uwg")] * 2, X) == {}


def test_a_sum_of_two_look_ups_is_no_stream():
    apply = lambda p, i: (p["a"][i] + p["b"][i] @ p["up"]) @ p["head"]
    params = {"a": image(9, D), "b": image(9, D), **squares(["up", "head"])}
    assert closing(apply, params, jax.ShapeDtypeStruct((2, 5), "int32")) == {}


# What is a stream beside all that


# By name: a block of one stream, and what it is told beside it
STREAMS = {
    "condition in the branch": (
        lambda p, x, t: x + jnp.tanh(x @ p["u"] + t @ p["t"]) @ p["w"], Y
    ),
    "condition read with the stream": (
        lambda p, x, t: x + jnp.tanh((x + t) @ p["u"]) @ p["w"], Y
    ),
    "condition added to the stream": (lambda p, x, t: x + t @ p["t"] + mlp(p, x), Y),
    "memory": (lambda p, x, t: x + attention(p, x, t, 0.0) @ p["u"] @ p["w"], Y),
    "projection beside a condition": (
        lambda p, x, t: x @ p["s"] + jnp.tanh(x @ p["u"] + t[:, None]) @ p["w"],
        T,
    ),
    "pool beside the branch": (
        lambda p, x, t: (x + mlp(p, x)).reshape(2, -1, 1, D).mean(2), Y
    ),
    "branch of an average": (lambda p, x, t: x + mlp(p, x.mean(1))[:, None], Y),
    "gated branch": (
        lambda p, x, t: x + (t @ p["t"]) * mlp(p, jax.nn.standardize(x)), Y
    ),
    "squeezed branch": (
        lambda p, x, t: x + mlp(p, x) * jax.nn.sigmoid(x.mean(1)[:, None] @ p["t"]), Y
    ),
    "padding": (lambda p, x, t: (x + mlp(p, x)) * t[..., :1], Y),
    "activation of the stream": (lambda p, x, t: jax.nn.relu(x + mlp(p, x)), Y),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_the_last_layer_of_each_branch_of_a_stream_closes_it(name):
    step, condition = STREAMS[name]
    found = closing(deep(step), [squares("uwtsqkvo")] * 3, X, condition)
    assert found == {f"{i}/w": 3 for i in range(3)}


def test_an_encoder_and_a_decoder_are_two_streams():
    def apply(p, x, y, mask):
        for q in p["encoder"]:
            x = x + attention(q, x, x, mask)
        for q in p["decoder"]:
            y = y + attention(q["own"], y, y, mask)
            y = y + attention(q["other"], y, x, mask)
        return y

    block = squares("qkvo")
    params = {"encoder": [block] * 2, "decoder": [{"own": block, "other": block}] * 2}
    found = closing(apply, params, X, Y, image(2, 5, 5))
    assert found == {f"encoder/{i}/o": 2 for i in range(2)} | {
        f"decoder/{i}/{name}/o": 4 for i in range(2) for name in ("own", "other")
    }


@pytest.mark.parametrize("scanned", [True, False])
def test_the_layers_of_a_condition_are_in_no_branch(scanned):
    def step(x, p, t):
        return x + jnp.tanh(x @ p["u"] + t @ p["t"]) @ p["w"]

    def apply(p, x, t):
        t = jax.nn.silu(t @ p["trunk"])
        if scanned:
            return jax.lax.scan(lambda x, q: (step(x, q, t), None), x, p["blocks"])[0]
        for i in range(2):
            x = step(x, {k: w[i] for k, w in p["blocks"].items()}, t)
        return x

    blocks = {name: image(2, D, D) for name in "utw"}
    rows = jinit.trace(apply, {"trunk": image(D, D), "blocks": blocks}, X, Y)
    counts = {row.path[-1]: (row.branches, row.branch_layers) for row in rows}
    assert counts == {"k": (0, 0), "u": (2, 3), "t": (2, 3), "w": (2, 3)}


def test_two_streams_joined_by_a_projection_are_two():
    def apply(p, x):
        x = deep(lambda p, x: x + mlp(p, x))(p["narrow"], x) @ p["wider"]
        return deep(lambda p, x: x + mlp(p, x))(p["wide"], x)

    params = {"narrow": [squares("uw")] * 2, "wide": [squares("uw", 16)] * 3}
    found = closing(apply, params | {"wider": image(D, 16)}, X)
    assert found == {f"narrow/{i}/w": 2 for i in range(2)} | {
        f"wide/{i}/w": 3 for i in range(3)
    }


def test_a_long_way_around_all_blocks_is_a_stream_of_its_own():
    def apply(p, x):
        return x + deep(lambda p, x: x + mlp(p, x))(p["blocks"], x) @ p["last"]

    found = closing(apply, {"blocks": [squares("uw")] * 3, "last": image(D, D)}, X)
    assert found == {f"blocks/{i}/w": 3 for i in range(3)} | {"last": 1}


@pytest.mark.parametrize("of", [jax.nn.standardize, lambda h: h / jnp.linalg.norm(h)])
def test_a_branch_that_ends_in_a_norm_is_closed_by_the_scale_of_that(of):
    # The norm undoes whatever scales the kernel before it.
    step = lambda p, x: x + p["g"] * of(mlp(p, x)) + p["c"]
    blocks = [{**squares("uw"), "g": image(D), "c": image(D)}] * 2
    found = jinit.trace(deep(step), blocks, X)
    ends = {row.path: row.branches for row in found if row.closes_residual}
    assert ends == {"0/g": 2, "1/g": 2}
    assert [found[f"{i}/w"].branches for i in range(2)] == [2, 2]
    assert found.source.layers()["0/w"].place.closing is None


def test_members_of_an_ensemble_that_share_their_input_have_streams():
    members = jax.vmap(deep(lambda p, x: x + mlp(p, x)), (0, None))
    blocks = jax.tree.map(lambda a: image(3, *a.shape), [squares("uw")] * 2)
    assert closing(members, blocks, X) == {"0/w": 2, "1/w": 2}
