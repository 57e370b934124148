"""What a layer reads, and which streams it ends, where the way there is winding."""

import jax
import jax.numpy as jnp
import pytest

import jinit


H = jnp.ones((6, 8))
P = {name: jnp.ones((8, 8)) for name in "abcdw"}


def _trace(apply, *inputs, params=P):
    return jinit.trace(apply, params, *(inputs or (H,)))


MASK = jnp.arange(48.0).reshape(6, 8) > 20


@pytest.mark.parametrize(
    ("phi", "name"),
    [
        (lambda h: jnp.where(h > 0, h, 0), "relu"),
        (lambda h: jax.nn.relu(h) * MASK, "relu"),
        (lambda h: jnp.where(MASK, jax.nn.silu(h), 0.0), "silu"),
        (lambda h: jax.nn.gelu(h.astype(jnp.bfloat16)).astype(jnp.float32), "gelu"),
        (lambda h: jax.lax.cond(h.sum() > 0, jnp.tanh, jnp.tanh, h), "tanh"),
        (lambda h: jnp.max(jax.nn.relu(h).reshape(3, 2, 8), 1), "relu"),
        (lambda h: jnp.pad(jax.nn.relu(h), 2, mode="wrap")[:, :8], "relu"),
        (lambda h: jnp.pad(jax.nn.relu(h), 1, mode="reflect")[:, :8], "relu"),
        (lambda h: jax.image.resize(jnp.tanh(h), (3, 8), "linear"), "tanh"),
        (lambda h: jnp.split(jnp.tanh(jnp.tile(h, 2)), 2, 1)[0], "tanh"),
        (lambda h: jnp.tanh(h).at[0].set(0.0), "tanh"),
        (lambda h: jnp.concatenate([h, jnp.tanh(h)]), None),
        (lambda h: jnp.maximum(h, h.mean(0)), None),
    ],
)
def test_the_activation_is_found_behind_masks_casts_branches_and_pools(phi, name):
    row = _trace(lambda p, x: phi(x @ p["a"]) @ p["b"])["b"]
    assert row.activation_name == name
    assert (name is None) == ("no function of one signal" in row.note)


def test_patches_of_an_image_keep_its_activation():
    image = jnp.ones((2, 4, 4, 8))
    patches = lambda h: jax.lax.conv_general_dilated_patches(
        h, (2, 2), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    apply = lambda p, x: patches(jax.nn.relu(x @ p["a"])) @ p["long"]
    params = {"a": jnp.ones((8, 8)), "long": jnp.ones((32, 2))}
    assert _trace(apply, image, params=params)["long"].activation_name == "relu"


@pytest.mark.parametrize(
    ("make", "note"),
    [
        (lambda h: jnp.cumsum(h, 0), "reads what `cumsum` makes of a signal"),
        (lambda h: jnp.sort(h), "reads what `sort` makes of a signal"),
        (
            lambda h: jax.lax.cond(h.sum() > 0, jnp.tanh, jax.nn.relu, h),
            "reads different functions by branch",
        ),
    ],
)
def test_what_makes_an_unknown_signal_is_named(make, note):
    row = _trace(lambda p, x: make(x @ p["a"]) @ p["b"])["b"]
    assert (row.activation, row.note) == (None, note)


def test_a_random_key_among_the_inputs_is_no_signal():
    def apply(p, x, key):
        kept = jax.random.bernoulli(key, 0.5, (6, 8))
        return jnp.where(kept, jax.nn.relu(x @ p["a"]) / 0.5, 0.0) @ p["b"]

    assert _trace(apply, H, jax.random.key(0))["b"].activation_name == "relu"


def test_branches_of_one_cond_are_one_use():
    g = lambda p, x: jnp.tanh(x @ p["a"])
    rows = _trace(lambda p, x: jax.lax.cond(x.sum() > 0, g, g, p, x) @ p["b"])
    assert not rows["a"].tied
    assert rows["b"].activation_name == "tanh"


def test_a_look_up_is_no_activation_of_its_index():
    tokens = jnp.arange(6)
    rows = _trace(lambda p, i: p["a"][i] @ p["b"], tokens)
    assert rows["a"].role == "embedding"
    assert rows["b"].activation_name == "identity"


def test_a_kernel_that_data_choose_is_not_guessed():
    params = {"w": jnp.ones((5, 8, 4))}
    apply = lambda p, x, i: jnp.einsum("bd,bdf->bf", x, p["w"][i])
    row = _trace(apply, H, jnp.arange(6), params=params)["w"]
    assert (row.role, row.fan_in) == ("unknown", None)
    assert "the data choose" in row.note


def test_parallel_branches_both_close():
    def apply(p, x):
        x = x + jnp.tanh(x @ p["a"]) @ p["b"] + jnp.sin(x @ p["c"]) @ p["d"]
        return x @ p["w"]

    rows = _trace(apply)
    assert [rows[name].branches for name in "abcd"] == [2, 2, 2, 2]
    assert [rows[name].closes_residual for name in "abcd"] == [False, True] * 2
    assert [rows[name].role for name in "dw"] == ["kernel", "output head"]


def test_a_linear_recurrence_is_no_residual_stream():
    params = {"a": jnp.ones(8), "b": jnp.ones((8, 8))}
    step = lambda p: lambda h, x: (p["a"] * h + x @ p["b"], None)
    apply = lambda p, x: jax.lax.scan(step(p), jnp.zeros(8), x)[0]
    assert not _trace(apply, params=params)["b"].closes_residual


@pytest.mark.parametrize("start", [jnp.zeros((6, 8)), None])
def test_an_unrolled_recurrence_is_one(start):
    def apply(p, x):
        h = x if start is None else start
        for _ in range(3):
            h = jnp.tanh(x @ p["a"] + h @ p["b"])
        return h @ p["c"]

    rows = _trace(apply)
    assert [rows[name].role for name in "abc"] == [
        "kernel", "recurrent kernel", "output head",
    ]  # fmt: skip
    assert not rows["b"].closes_residual


def test_a_table_before_a_norm_is_positional():
    params = {"t": jnp.ones((6, 8)), "w": jnp.ones((8, 4))}

    def apply(p, x):
        x = x + p["t"]
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) @ p["w"]

    assert _trace(apply, params=params)["t"].role == "positional"


def _block(p, x):
    return x + jnp.tanh(x @ p["a"]) @ p["b"]


def test_what_a_stream_has_summed_is_the_same_scanned_and_unrolled():
    def scanned(p, x):
        x = jax.lax.scan(lambda x, p: (_block(p, x), None), x, p["blocks"])[0]
        return x @ p["head"]

    def unrolled(p, x):
        for block in p["blocks"]:
            x = _block(block, x)
        return x @ p["head"]

    blocks = [{"a": jnp.ones((8, 8)), "b": jnp.ones((8, 8))}] * 4
    stacked = jax.tree.map(lambda *w: jnp.stack(w), *blocks)
    one = jinit.trace(scanned, {"blocks": stacked, "head": P["w"]}, H)
    each = jinit.trace(unrolled, {"blocks": blocks, "head": P["w"]}, H)
    shares = [each[f"blocks/{i}/a"].summed for i in range(4)]
    assert shares == [0, 0.25, 0.5, 0.75]
    assert one["blocks/a"].summed == pytest.approx(sum(shares) / 4)
    assert one["head"].summed == each["head"].summed == 1
    assert one["blocks/b"].branches == each["blocks/3/b"].branches == 4
