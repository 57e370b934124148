"""The role of each parameter, in every form in which models write it."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text


def roles(apply, params, *inputs):
    rows = jinit.trace(apply, params, *inputs)
    return {row.path.removeprefix("params/"): row.role for row in rows}


def linen_roles(module, x):
    return roles(*shapes(module, x))


class Net(nn.Module):
    """Layers one after the other, each a function of the signal."""

    layers: tuple

    @nn.compact
    def __call__(self, x):
        for make in self.layers:
            x = make()(x)
        return x


def net(*layers):
    return Net(layers)


DENSE = {"Dense_0/kernel": "kernel", "Dense_0/bias": "bias"}
HEAD = {"Dense_1/kernel": "output head", "Dense_1/bias": "bias"}
dense = lambda: nn.Dense(8)


# Kernels and what is near them


def test_the_last_kernel_is_the_output_head():
    assert linen_roles(net(dense, dense), image(2, 4)) == DENSE | HEAD


def test_two_heads_are_both_heads():
    apply = lambda p, x: (jnp.tanh(x @ p["body"]) @ p["a"], x @ p["body"] @ p["b"])
    params = {"body": image(4, 8), "a": image(8, 2), "b": image(8, 3)}
    seen = roles(apply, params, image(2, 4))
    assert seen == {"a": "output head", "b": "output head", "body": "kernel"}


def test_a_router_is_no_output_head():
    def apply(p, x):
        gates = jax.nn.softmax(x @ p["router"])
        return jnp.einsum("bd,edf,be->bf", x, p["experts"], gates)

    params = {"router": image(8, 4), "experts": image(4, 8, 6)}
    assert roles(apply, params, image(2, 8))["router"] == "kernel"


def test_one_input_per_group_makes_a_depthwise_kernel():
    depthwise = lambda: nn.Conv(8, (3, 3), feature_group_count=4)
    grouped = lambda: nn.Conv(8, (3, 3), feature_group_count=4)
    assert linen_roles(net(depthwise, grouped, dense), image(2, 8, 8, 4)) == {
        "Conv_0/kernel": "depthwise kernel",
        "Conv_0/bias": "bias",
        "Conv_1/kernel": "kernel",
        "Conv_1/bias": "bias",
        "Dense_0/kernel": "output head",
        "Dense_0/bias": "bias",
    }


@pytest.mark.parametrize(
    ("cell", "recurrent"),
    [
        (nn.LSTMCell, {"hi", "hf", "hg", "ho"}),
        (nn.OptimizedLSTMCell, {"hi", "hf", "hg", "ho"}),
        (nn.GRUCell, {"hr", "hz", "hn"}),
        (nn.SimpleCell, {"h"}),
    ],
)
def test_the_kernels_of_a_cell_that_read_its_state_are_recurrent(cell, recurrent):
    seen = linen_roles(net(lambda: nn.RNN(cell(8)), dense), image(2, 5, 4))
    kernels = {
        path.split("/")[-2]: role
        for path, role in seen.items()
        if path.endswith("kernel")
    }
    assert {name for name, role in kernels.items() if role != "kernel"} == {
        *recurrent,
        "Dense_0",
    }
    assert {kernels[name] for name in recurrent} == {"recurrent kernel"}
    assert {role for path, role in seen.items() if path.endswith("bias")} == {"bias"}


def test_the_kernel_that_reads_the_state_of_a_scanned_rnn_is_recurrent():
    def apply(p, xs):
        def step(h, x):
            return jnp.tanh(x @ p["in"] + h @ p["again"] + p["b"]), None

        return jax.lax.scan(step, jnp.zeros((2, 8)), xs)[0] @ p["out"]

    params = {"in": image(4, 8), "again": image(8, 8), "out": image(8, 3)}
    params["b"] = image(8)
    assert roles(apply, params, image(5, 2, 4)) == {
        "in": "kernel",
        "again": "recurrent kernel",
        "b": "bias",
        "out": "output head",
    }


def test_a_stack_of_layers_is_not_recurrent():
    step = lambda x, w: (jnp.tanh(x @ w), None)
    apply = lambda p, x: jax.lax.scan(step, x, p["w"])[0] @ p["out"]
    assert roles(apply, {"w": image(3, 4, 4), "out": image(4, 4)}, image(2, 4)) == {
        "w": "kernel",
        "out": "output head",
    }


# Embeddings, positions and tokens


@pytest.mark.parametrize(
    "look_up",
    [
        lambda table, i: table[i],
        lambda table, i: jnp.take(table, i, axis=0),
        lambda table, i: jnp.take(table, i, axis=0, mode="clip"),
        lambda table, i: jax.nn.one_hot(i, 100) @ table,
    ],
)
def test_what_tokens_look_up_is_an_embedding(look_up):
    apply = lambda p, i: look_up(p["table"], i)
    (row,) = jinit.trace(apply, {"table": image(100, 8)}, text(2, 5))
    assert (row.role, row.fan_in, row.fan_out) == ("embedding", 1, 8)


@pytest.mark.parametrize(
    "position",
    [
        lambda table: table,
        lambda table: table[None],
        lambda table: table[jnp.arange(5)],
        lambda table: jnp.take(table, jnp.arange(5), axis=0),
        lambda table: jax.vmap(lambda i: table[i])(jnp.arange(5)),
        lambda table: jax.lax.dynamic_slice_in_dim(table, 0, 5),
        lambda table: table.astype(jnp.bfloat16).astype(jnp.float32),
    ],
)
def test_a_table_added_by_position_is_positional(position):
    apply = lambda p, x: (x + position(p["table"])) @ p["w"]
    params = {"table": image(5, 8), "w": image(8, 8)}
    seen = roles(apply, params, image(2, 5, 8))
    assert seen == {"table": "positional", "w": "output head"}


def test_a_table_of_attention_logits_is_positional():
    def apply(p, x):
        logits = (x @ p["q"]) @ (x @ p["k"]).swapaxes(-1, -2)
        return jax.nn.softmax(logits + p["table"]) @ (x @ p["v"])

    params = {"table": image(5, 5), **{name: image(8, 8) for name in "qkv"}}
    assert roles(apply, params, image(2, 5, 8)) == {
        "table": "positional",
        "q": "kernel",
        "k": "kernel",
        "v": "kernel",
    }


def test_a_class_token_is_a_token():
    def apply(p, x):
        cls = jnp.broadcast_to(p["cls"], (2, 1, 8))
        return jnp.concatenate([cls, x], 1) @ p["w"]

    params = {"cls": image(1, 1, 8), "w": image(8, 3)}
    seen = roles(apply, params, image(2, 5, 8))
    assert seen == {"cls": "token", "w": "output head"}


def test_what_replaces_masked_entries_is_a_token():
    apply = lambda p, x, mask: jnp.where(mask, p["mask"], x) @ p["w"]
    params = {"mask": image(8), "w": image(8, 3)}
    mask = jax.ShapeDtypeStruct((2, 5, 1), jnp.bool_)
    assert roles(apply, params, image(2, 5, 8), mask)["mask"] == "token"


# Normalization


@pytest.mark.parametrize(
    ("norm", "name"),
    [
        (nn.LayerNorm, "LayerNorm_0"),
        (lambda: nn.GroupNorm(2), "GroupNorm_0"),
        (lambda: nn.InstanceNorm(), "InstanceNorm_0"),
        (nn.RMSNorm, "RMSNorm_0"),
        (lambda: nn.BatchNorm(use_running_average=False), "BatchNorm_0"),
    ],
)
def test_a_norm_has_a_scale_and_an_offset(norm, name):
    seen = linen_roles(net(dense, norm, dense), image(2, 6, 4))
    parts = {f"{name}/scale": "norm scale", f"{name}/bias": "norm offset"}
    if norm is nn.RMSNorm:
        del parts[f"{name}/bias"]
    statistics = {path: role for path, role in seen.items() if "batch_stats" in path}
    assert set(statistics.values()) <= {"unused"}
    assert seen == DENSE | parts | HEAD | statistics


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.RMSNorm])
def test_the_first_and_the_last_operation_may_be_a_norm(norm):
    seen = linen_roles(net(norm, dense, norm), image(2, 4))
    scales = {role for path, role in seen.items() if path.endswith("scale")}
    assert scales == {"norm scale"}
    assert seen["Dense_0/kernel"] == "output head"


def test_a_batch_norm_after_training_reads_its_statistics():
    norm = lambda: nn.BatchNorm(use_running_average=True)
    assert linen_roles(net(dense, norm, dense), image(2, 4)) == DENSE | HEAD | {
        "BatchNorm_0/scale": "norm scale",
        "BatchNorm_0/bias": "norm offset",
        "batch_stats/BatchNorm_0/mean": "norm statistic",
        "batch_stats/BatchNorm_0/var": "norm statistic",
    }


# Gates, biases, the unused and the unknown


@pytest.mark.parametrize("shape", [(), (8,)], ids=["ReZero", "LayerScale"])
def test_what_multiplies_a_branch_is_a_gate(shape):
    apply = lambda p, x: (x + p["gate"] * jnp.tanh(x @ p["w"])) @ p["out"]
    params = {"gate": image(*shape), "w": image(8, 8), "out": image(8, 2)}
    assert roles(apply, params, image(2, 8)) == {
        "gate": "gate",
        "w": "kernel",
        "out": "output head",
    }


def test_a_temperature_is_a_gate():
    apply = lambda p, x, y: (x @ p["a"]) @ (y @ p["b"]).T * jnp.exp(p["temperature"])
    params = {"a": image(8, 4), "b": image(6, 4), "temperature": image()}
    assert roles(apply, params, image(2, 8), image(2, 6)) == {
        "a": "kernel",
        "b": "kernel",
        "temperature": "gate",
    }


def test_the_slope_of_a_prelu_is_a_gate():
    assert linen_roles(net(dense, nn.PReLU, dense), image(2, 4)) == DENSE | HEAD | {
        "PReLU_0/negative_slope": "gate"
    }


def test_the_scale_of_weight_norm_is_a_gate():
    weight_norm = lambda: nn.WeightNorm(nn.Dense(8))
    assert linen_roles(net(weight_norm, dense), image(2, 4)) == DENSE | HEAD | {
        "WeightNorm_0/Dense_0/kernel/scale": "gate"
    }


@pytest.mark.parametrize(
    "add",
    [
        lambda y, b: y + b,
        lambda y, b: b + y,
        lambda y, b: y - b,
        lambda y, b: y + jnp.expand_dims(b, (0,)),
        lambda y, b: (y.reshape(2, 2, 4) + b.reshape(2, 4)).reshape(2, 8),
        lambda y, b: (y.T + b[:, None]).T,
    ],
)
def test_what_is_added_to_a_product_is_a_bias(add):
    apply = lambda p, x: jnp.tanh(add(x @ p["w"], p["b"])) @ p["out"]
    params = {"w": image(4, 8), "b": image(8), "out": image(8, 2)}
    assert roles(apply, params, image(2, 4))["b"] == "bias"


def test_an_unused_parameter_is_unused():
    apply = lambda p, x: x @ p["w"] + 0 * x.sum()
    row = jinit.trace(apply, {"w": image(4, 4), "idle": image(3)}, image(2, 4))["idle"]
    assert (row.role, row.uses, row.order) == ("unused", 0, None)
    assert row.note == "no output depends on it"


def test_what_only_dead_code_reads_is_unused():
    def apply(p, x):
        jnp.tanh(x @ p["idle"])
        return x @ p["w"]

    params = {"w": image(4, 4), "idle": image(4, 4)}
    assert roles(apply, params, image(2, 4))["idle"] == "unused"


@pytest.mark.parametrize(
    ("meet", "name"),
    [
        (lambda x, p: jnp.maximum(x, p), "max"),
        (lambda x, p: jnp.arctan2(x, p), "atan2"),
        (lambda x, p: jnp.maximum(x, jnp.sort(p)), "max"),
    ],
)
def test_an_unknown_role_says_where_it_was_met(meet, name):
    apply = lambda p, x: meet(x, p["p"]) @ p["w"]
    row = jinit.trace(apply, {"p": image(4), "w": image(4, 4)}, image(2, 4))["p"]
    assert (row.role, row.note) == ("unknown", f"meets the data in `{name}`")


def test_a_kernel_behind_an_opaque_operation_has_fans_but_no_axes():
    apply = lambda w, x: x @ jnp.sort(w)
    (row,) = jinit.trace(apply, image(4, 6), image(2, 4))
    assert row.is_kernel
    assert (row.fan_in, row.fan_out, row.in_axes) == (4, 6, None)
