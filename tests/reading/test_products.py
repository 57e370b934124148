"""What belongs to a layer: its product, the factors behind it, and its bias."""

import jax
import jax.numpy as jnp
import pytest

import jinit
from tests.zoo.entry import image


PARAMS = {
    "a": image(16, 32), "b": image(32, 4), "c": image(32), "g": image(32),
    "t": image(),
}  # fmt: skip

# By name: the pre-activation, and how many factors it has
PRODUCTS = {
    "neural tangent": (lambda p, x: x @ p["a"] / 4 + p["c"], 1),
    "alpha over rank": (lambda p, x: (x @ p["a"]) * 2.0 / 8 + p["c"], 2),
    "equalized rate": (lambda p, x: 0.25 * (x @ p["a"]) + p["c"], 1),
    "before a cast": (
        lambda p, x: (x @ p["a"] / 4).astype("bfloat16").astype("float32") + p["c"], 1
    ),
    "gate": (lambda p, x: (x @ p["a"]) * p["g"], 1),
    "gate and bias": (lambda p, x: (x @ p["a"]) * p["g"] + p["c"], 1),
    "exponential gate": (lambda p, x: (x @ p["a"]) * jnp.exp(p["g"]) + p["c"], 1),
    "divided": (lambda p, x: (x @ p["a"]) / p["g"] + p["c"], 1),
    "one gate for all": (lambda p, x: (x @ p["a"]) * p["t"], 1),
    "a constant per entry": (lambda p, x: (x @ p["a"]) * jnp.arange(32.0), 1),
    "repeated bias": (
        lambda p, x: x @ p["a"] + jnp.broadcast_to(p["c"], (2, 5, 32)), 0
    ),
    "tiled bias": (lambda p, x: x @ p["a"] + jnp.tile(p["c"], (2, 5, 1)), 0),
    "batched": (lambda p, x: jax.vmap(lambda x: x @ p["a"] / 4 + p["c"])(x), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_activation_is_found_behind_factors_and_repeated_biases(name):
    before, factors = PRODUCTS[name]
    apply = lambda p, x: jax.nn.gelu(before(p, x)) @ p["b"]
    found = jinit.trace(apply, PARAMS, image(2, 5, 16))
    assert found["b"].activation_name == "gelu"
    assert found["b"].follows == "a"
    layer = found.source.layers()["a"]
    assert len(layer.factors) == factors
    used = {row.path: row.role for row in found if row.role != "unused"}
    kinds = {"c": "bias", "g": "gate", "t": "gate"}
    assert used == {k: kinds.get(k) for k in used} | {"a": "kernel", "b": "output head"}


def test_a_table_of_positions_is_no_bias_however_it_is_repeated():
    params = PARAMS | {"p": image(5, 32)}
    apply = lambda p, x: jnp.tanh(x @ p["a"] + jnp.tile(p["p"], (2, 1, 1))) @ p["b"]
    assert jinit.trace(apply, params, image(2, 5, 16))["p"].role == "positional"


def test_a_number_behind_a_layer_with_no_bias_belongs_to_what_follows():
    # As in q / √d: the logits are divided, not the queries made larger.
    apply = lambda p, x: jax.nn.relu(x @ p["a"] / 4) @ p["b"]
    found = jinit.trace(apply, PARAMS, image(2, 5, 16))
    assert found["b"].activation_name == "relu"
    assert found.source.layers()["a"].factors == ()


def test_what_scales_a_norm_is_no_factor_of_the_layer_before():
    def apply(p, x):
        scale = p["g"] * jax.lax.rsqrt(p["v"] + 1e-5)
        return jax.nn.relu((x @ p["a"]) * scale + (p["c"] - p["m"] * scale)) @ p["b"]

    params = PARAMS | {"m": image(32), "v": image(32)}
    found = jinit.trace(apply, params, image(2, 5, 16))
    assert found["b"].normalized
    assert (found["g"].role, found["v"].role) == ("norm scale", "norm statistic")


def test_a_mask_beside_its_factor_hides_no_activation():
    def apply(p, x, key):
        kept = jax.random.bernoulli(key, 0.5, (2, 5, 32))
        return kept * jax.nn.silu(x @ p["a"]) / 0.5 @ p["b"]

    found = jinit.trace(apply, PARAMS, image(2, 5, 16), jax.random.key(0))
    assert found["b"].activation_name == "silu"


def test_experts_that_read_rows_by_group_have_the_fans_of_one():
    def apply(p, x, groups):
        hidden = jax.nn.silu(jax.lax.ragged_dot(x, p["up"], groups))
        return jax.lax.ragged_dot(hidden, p["down"], groups)

    params = {"up": image(4, 16, 32), "down": image(4, 32, 8)}
    groups = jax.ShapeDtypeStruct((4,), "int32")
    up, down = jinit.trace(apply, params, image(64, 16), groups).in_order
    assert (up.fan_in, up.fan_out, up.stack_axes) == (16, 32, (0,))
    assert (down.fan_in, down.fan_out, down.stack_axes) == (32, 8, (0,))
    assert (up.role, down.role) == ("kernel", "output head")
    assert down.activation_name == "silu"


def _ragged(contracted, ragged, groups, batched=((), ())):
    numbers = jax.lax.RaggedDotDimensionNumbers(
        dot_dimension_numbers=(contracted, batched),
        lhs_ragged_dimensions=[ragged],
        rhs_group_dimensions=groups,
    )
    return lambda x, w, g: jax.lax.ragged_dot_general(x, w, g, numbers)


# A signal, a kernel, and which of its axes are summed; the fans of one kernel of 4.
GROUPED = {
    "rows, kernels (group, out, in)": (
        (64, 16), (4, 32, 16), _ragged(((1,), (2,)), 0, [0]), (16, 32)
    ),
    "terms": ((5, 64), (64, 32), _ragged(((1,), (0,)), 1, []), (16, 32)),
    "batches": (
        (6, 5, 16), (6, 16, 32), _ragged(((2,), (1,)), 0, [], ((0,), (0,))), (16, 32)
    ),
    "rows of several examples": (
        (3, 64, 16), (4, 16, 32),
        lambda x, w, g: jax.vmap(jax.lax.ragged_dot)(
            x, jnp.stack([w] * 3), jnp.stack([g] * 3)
        ), (16, 32),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPED)
def test_grouped_products_are_read_in_every_form(name):
    x, w, product, fans = GROUPED[name]
    apply = lambda p, x, g: jax.nn.relu(product(x, p["w"], g)) @ p["out"]
    params, groups = (
        {"w": image(*w), "out": image(32, 8)},
        jax.ShapeDtypeStruct((4,), "int32"),
    )
    out, w = jinit.explain(apply, params, image(*x), groups)
    assert w.initializer == jinit.lecun_normal(fans=fans)
    assert (w.makes, out.reads) == pytest.approx((1, 0.5), rel=0.05)


def test_what_is_added_by_group_is_a_bias():
    def apply(p, x, groups):
        made = jax.lax.ragged_dot(x, p["w"], groups).astype("bfloat16")
        ids = jnp.repeat(jnp.arange(4), groups, total_repeat_length=64)
        return jnp.tanh(made + p["b"][ids]) @ p["out"] + p["table"][ids]

    params = {"w": image(4, 16, 32), "b": image(4, 32), "out": image(32, 8)}
    groups = jax.ShapeDtypeStruct((4,), "int32")
    found = jinit.trace(apply, params | {"table": image(4, 8)}, image(64, 16), groups)
    assert [found[name].role for name in ("b", "table")] == ["bias", "embedding"]
