"""Members of an ensemble that share what they read, and the heads of one layer."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from tests.zoo.entry import image


def net(p, x):
    hidden = jax.nn.relu(x @ p["a"] + p["c"])
    return jax.nn.relu(hidden @ p["b"]) @ p["o"]


MEMBERS = {
    "a": image(5, 16, 32),
    "c": image(5, 32),
    "b": image(5, 32, 32),
    "o": image(5, 32, 1),
}


def critics(p, x):
    hidden = jax.nn.relu(jnp.einsum("bi,eio->ebo", x, p["a"]) + p["c"][:, None])
    hidden = jax.nn.relu(jnp.einsum("ebi,eio->ebo", hidden, p["b"]))
    return jnp.einsum("ebi,eio->ebo", hidden, p["o"]).min(0)


def in_the_middle(p, x):
    hidden = jax.nn.relu(jnp.einsum("bi,eio->beo", x, p["a"]) + p["c"])
    hidden = jax.nn.relu(jnp.einsum("bei,eio->beo", hidden, p["b"]))
    return jnp.einsum("bei,eio->beo", hidden, p["o"])


def experts(p, x):
    made = jax.vmap(net, (0, None))(p, x)
    return jnp.einsum("ebo,be->bo", made, jax.nn.softmax(x[:, :5]))


# By name: five members that read one batch
ENSEMBLES = {
    "vmap": jax.vmap(net, (0, None)),
    "vmap to the end": jax.vmap(net, (0, None), -1),
    "vmap of vectors": jax.vmap(jax.vmap(net, (None, 0)), (0, None)),
    "critics": critics,
    "members in the middle": in_the_middle,
    "experts": experts,
    "a batch for each": lambda p, x: jax.vmap(net)(p, jnp.stack([x] * 5)),
}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_members_that_share_a_batch_have_the_fans_of_one(name):
    rows = jinit.trace(ENSEMBLES[name], MEMBERS, image(4, 16))
    for path, fans in {"a": (16, 32), "b": (32, 32), "o": (32, 1)}.items():
        assert (rows[path].fan_in, rows[path].fan_out) == fans
        assert (rows[path].stack_axes, rows[path].in_axes) == ((0,), (1,))
    assert (rows["c"].role, rows["b"].activation_name) == ("bias", "relu")


def test_members_of_the_frameworks_are_copies():
    class Critic(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.LayerNorm()(nn.Dense(32, name="first")(x))
            return nn.Dense(1)(nn.relu(x))

    shared: Any = None  # the batch
    members = nn.vmap(
        Critic, {"params": 0}, split_rngs={"params": True}, in_axes=shared, axis_size=5
    )
    row = jinit.trace(members(), image(4, 16))["params/first/kernel"]
    assert (row.fan_in, row.fan_out, row.stack) == (16, 32, (5,))

    class Ensemble(eqx.Module):
        nets: eqx.nn.MLP

        def __init__(self, key):
            make = eqx.filter_vmap(lambda key: eqx.nn.MLP(16, 1, 32, 2, key=key))
            self.nets = make(jax.random.split(key, 5))

        def __call__(self, x):
            call = lambda net, x: jax.vmap(net)(x)
            return eqx.filter_vmap(call, in_axes=(eqx.if_array(0), None))(self.nets, x)

    make = lambda key: Ensemble(key)
    row = jinit.trace(make, image(4, 16))["nets/layers/0/weight"]
    assert (row.fan_in, row.fan_out, row.stack) == (16, 32, (5,))


def heads(p, x):
    split = jnp.einsum("btd,dhe->bthe", x, p["a"])
    return jnp.tanh(jnp.einsum("bthe,hef->bthf", split, p["b"]))


@pytest.mark.parametrize(
    "merge",
    [
        lambda p, x: jnp.einsum("bthe,hed->btd", heads(p, x), p["o"]),
        lambda p, x: heads(p, x).reshape(2, 5, 16) @ p["o"].reshape(16, 16),
    ],
)
def test_heads_that_a_layer_merges_again_are_outputs_of_one_layer(merge):
    params = {"a": image(16, 4, 4), "b": image(4, 4, 4), "o": image(4, 4, 16)}
    rows = jinit.trace(merge, params, image(2, 5, 16))
    assert (rows["a"].fan_out, rows["a"].out_axes) == (16, (1, 2))
    assert (rows["b"].fan_out, rows["b"].stack_axes) == (4, (0,))
    assert rows["o"].fan_in == 16


def test_the_heads_of_an_attention_are_outputs_of_one_layer():
    rows = jinit.trace(nn.MultiHeadDotProductAttention(4), image(2, 5, 16))
    for name in ("query", "key", "value"):
        row = rows[f"params/{name}/kernel"]
        assert (row.fan_in, row.fan_out, row.out_axes) == (16, 16, (1, 2))
