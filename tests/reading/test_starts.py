"""Layers that read parameters or constants: their roles and fans are as with data."""

import jax
import jax.numpy as jnp
import pytest

import jinit
from tests.zoo.entry import image, text


D = 8
X = image(2, 5, D)


def squares(names):
    return {name: image(D, D) for name in names}


def told(apply, params, *inputs):
    """The role, the fans and what is read, by parameter."""
    return {
        row.path: (row.role, row.fan_in, row.fan_out, row.activation_name)
        for row in jinit.trace(apply, params, *inputs)
    }


KERNEL = ("kernel", D, D, "identity")
TOKEN = ("token", None, None, None)
BIAS = ("bias", None, None, None)


def attend(q, k, v):
    return jax.nn.softmax(q @ k.swapaxes(-1, -2)) @ v


# By name: how the learned queries become those of an attention
QUERIES = {
    "projected": lambda p: p["t"] @ p["q"] + p["b"],
    "in a batch": lambda p: jnp.tile(p["t"], (2, 1, 1)) @ p["q"] + p["b"],
    "matrix first": lambda p: jax.vmap(lambda t: p["q"].T @ t + p["b"])(p["t"]),
    "normalized": lambda p: jax.nn.standardize(p["t"]) @ p["q"] + p["b"],
    "deep": lambda p: jax.nn.standardize(p["t"] @ p["r"]) @ p["q"] + p["b"],
}


@pytest.mark.parametrize("name", QUERIES)
def test_learned_queries_are_tokens_that_a_layer_reads(name):
    def apply(p, x):
        return attend(QUERIES[name](p), x @ p["k"], x @ p["v"]) @ p["o"]

    params = {"t": image(3, D), "b": image(D), **squares("qkvor")}
    found = told(apply, params, X)
    assert (found["t"], found["q"], found["b"]) == (TOKEN, KERNEL, BIAS)
    rows = jinit.trace(apply, params, X)
    assert [rows[name].attention for name in "qkv"] == ["scores", "scores", ""]


@pytest.mark.parametrize("scanned", [True, False])
def test_a_decoder_of_learned_queries_has_layers_like_any_other(scanned):
    def block(x, p, memory):
        x = jax.nn.standardize(x + attend(x @ p["q"], x @ p["k"], x) @ p["o"])
        x = x + attend(x @ p["r"], memory @ p["l"], memory) @ p["m"]
        return x + jax.nn.relu(x @ p["u"]) @ p["w"]

    def apply(p, memory):
        step = lambda x, q: (block(x, q, memory), None)
        x = jnp.broadcast_to(p["t"], (2, 3, D))
        if scanned:
            return jax.lax.scan(step, x, p["blocks"])[0] @ p["head"]
        for i in range(2):
            x, _ = step(x, {k: w[i] for k, w in p["blocks"].items()})
        return x @ p["head"]

    blocks = {k: image(2, D, D) for k in "qkormluw"}
    params = {"t": image(3, D), "blocks": blocks, "head": image(D, 4)}
    rows = jinit.trace(apply, params, X)
    assert rows["t"].role == "token"
    inside = [row for row in rows if "blocks" in row.path]
    assert {(row.role, row.fan_in, row.fan_out) for row in inside} == {("kernel", D, D)}
    assert rows["blocks/w"].activation_name == "relu"
    ends = {row.path[-1]: row.branches for row in rows if row.closes_residual}
    assert ends == {"o": 6, "m": 6, "w": 6}


GRID = jnp.stack(jnp.meshgrid(jnp.linspace(-1, 1, 5), jnp.linspace(-1, 1, 5)), -1)


def test_a_network_of_fixed_positions_makes_a_bias_of_logits():
    def apply(p, x):
        bias = (jax.nn.relu(GRID @ p["a"] + p["c"]) @ p["b"])[..., 0]
        logits = (x @ p["q"]) @ (x @ p["k"]).swapaxes(-1, -2)
        return jax.nn.softmax(logits + 16 * jax.nn.sigmoid(bias)) @ x @ p["o"]

    params = {"a": image(2, 32), "c": image(32), "b": image(32, 1), **squares("qko")}
    found = told(apply, params, X)
    assert found["a"] == ("kernel", 2, 32, "identity")
    assert found["b"] == ("kernel", 32, 1, "relu")
    assert (found["c"], found["q"]) == (BIAS, KERNEL)
    assert not any(row.closes_residual for row in jinit.trace(apply, params, X))


def test_sines_of_positions_that_a_layer_reads_are_its_signal():
    sines = jnp.sin(jnp.arange(20.0).reshape(5, 4))
    apply = lambda p, x: jnp.tanh((x + sines @ p["w"]) @ p["a"]) @ p["o"]
    found = told(apply, {"w": image(4, D), **squares("ao")}, X)
    assert found["w"][:3] == ("kernel", 4, D)


def test_a_network_of_learned_positions_is_one_as_well():
    apply = lambda p, x: (x + jax.nn.gelu(p["t"] @ p["a"]) @ p["b"]) @ p["o"]
    params = {"t": image(5, 4), "a": image(4, 32), "b": image(32, D), **squares("o")}
    found = told(apply, params, X)
    assert found["t"] == TOKEN
    assert found["a"] == ("kernel", 4, 32, "identity")
    assert found["b"] == ("kernel", 32, D, "gelu")


@pytest.mark.parametrize("code", [image(6), image(1, 6)])
def test_the_trunk_of_a_hypernetwork_reads_a_learned_code(code):
    def apply(p, x):
        made = jax.nn.relu(p["z"] @ p["a"] + p["c"]) @ p["g"]
        return jnp.tanh(x @ made.reshape(D, D)) @ p["o"]

    params = {"z": code, "a": image(6, 24), "c": image(24), "g": image(24, D * D)}
    found = told(apply, params | squares("o"), X)
    assert (found["z"], found["c"]) == (TOKEN, BIAS)
    assert found["a"] == ("kernel", 6, 24, "identity")
    assert found["g"] == ("kernel", 24, D * D, "relu")


def test_a_prefix_that_is_set_before_the_keys_has_layers():
    def apply(p, x):
        prefix = jnp.tanh(p["t"] @ p["a"]) @ p["b"]
        k = jnp.concatenate([jnp.broadcast_to(prefix, (2, 3, D)), x @ p["k"]], 1)
        return attend(x @ p["q"], k, k) @ p["o"]

    found = told(apply, {"t": image(3, D), **squares("abkqo")}, X)
    assert (found["t"], found["a"]) == (TOKEN, KERNEL)
    assert found["b"] == ("kernel", D, D, "tanh")


# By name: what makes a kernel of parameters, and is no layer


def _unit(w):
    return w / jnp.linalg.norm(w, axis=0)


KERNELS = {
    "low rank": lambda p: p["u"] @ p["v"],
    "low rank, normalized": lambda p: _unit(p["u"] @ p["v"]),
    "update": lambda p: p["w"] + p["u"] @ p["v"] / 4,
    "three factors": lambda p: p["u"] @ (p["m"] @ p["v"]),
    "basis": lambda p: jnp.arange(D * 4.0).reshape(D, 4) @ p["v"],
    "made orthogonal": lambda p: 1.5 * p["w"] - p["w"] @ p["w"].T @ p["w"] / 2,
    "spectral": lambda p: p["w"] / jnp.linalg.norm(p["w"] @ _unit(jnp.arange(8.0))),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("head", [jax.nn.softmax, jnp.tanh])
def test_a_product_of_parameters_that_is_used_as_a_kernel_is_one(name, head):
    params = {"u": image(D, 4), "m": image(4, 4), "v": image(4, D), "w": image(D, D)}
    rows = jinit.trace(lambda p, x: head(x @ KERNELS[name](p)), params, X)
    assert len(rows.source.model.layers) == 1
    assert all(row.is_kernel for row in rows if row.role != "unused")


def test_positions_that_are_resized_stay_positions():
    apply = lambda p, x: (x + jax.image.resize(p["t"], (5, D), "bicubic")) @ p["o"]
    found = told(apply, {"t": image(3, D), **squares("o")}, X)
    assert found["t"][0] == "positional"


def test_a_table_that_is_looked_up_is_no_query():
    # Factors of a table that the head reads as well.
    apply = lambda p, i: jnp.tanh(p["e"][i] @ p["p"]) @ (p["e"] @ p["p"]).T
    found = told(apply, {"e": image(99, 4), "p": image(4, D)}, text(2, 5))
    assert (found["e"][0], found["p"][:3]) == ("embedding", ("kernel", 4, D))
