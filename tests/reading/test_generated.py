"""Kernels that layers make, and what a head of a hypernetwork gets for it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import jinit
from jinit._reading import find_generated, read_model


def found(apply, params, *inputs):
    model = read_model(apply, params, *inputs)
    return {
        each.head.path: (each.kernel.fan_in, each.bias.path if each.bias else None)
        for each in find_generated(model.facts, model.layers)
    }


def zeros(*shape):
    return jnp.zeros(shape)


def test_a_layer_whose_units_are_the_entries_of_a_kernel_makes_it():
    plain = lambda p, x, c: x @ (c @ p["w"]).reshape(8, 4)
    assert found(plain, {"w": zeros(5, 32)}, zeros(6, 8), zeros(5)) == {"w": (8, None)}
    turned = lambda p, x, c: (p["w"] @ c + p["b"]).reshape(4, 8) @ x
    params = {"w": zeros(32, 5), "b": zeros(32)}
    assert found(turned, params, zeros(8), zeros(5)) == {"w": (8, None)}
    each = lambda p, x, c: jax.vmap(turned, (None, 0, 0))(p, x, c)
    assert found(each, params, zeros(6, 8), zeros(6, 5)) == {"w": (8, None)}


def test_a_bias_may_be_made_as_well():
    def apply(p, x, c):
        w = 0.1 * (c @ p["w"]).reshape(-1, 8, 4)
        return jnp.einsum("bi,bij->bj", x, w) + c @ p["b"]

    params = {"w": zeros(5, 32), "b": zeros(5, 4)}
    assert found(apply, params, zeros(6, 8), zeros(6, 5)) == {"w": (8, "b")}


def test_a_window_counts():
    def apply(p, x, c):
        w = (c @ p["w"]).reshape(3, 2, 4)
        return jax.lax.conv_general_dilated(
            x, w, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
        )

    assert found(apply, {"w": zeros(5, 24)}, zeros(6, 9, 2), zeros(5)) == {
        "w": (6, None)
    }


def test_queries_and_keys_are_no_kernels_even_where_sizes_agree():
    attention = nn.MultiHeadDotProductAttention(4, qkv_features=16)
    x = zeros(4, 4, 4, 16)
    apply = lambda p, x: attention.apply(p, x, x)
    assert not found(apply, jax.eval_shape(attention.init, jax.random.key(0), x, x), x)


class OneHead(nn.Module):
    """A hypernetwork with one head for the whole of its main network."""

    @nn.compact
    def __call__(self, x, c):
        w = nn.Dense(64 * 64 * 3, name="head")(nn.relu(nn.Dense(64)(c)))
        for kernel in w.reshape(3, 64, 64):
            x = nn.relu(x @ kernel)
        return x


def test_the_main_network_keeps_its_signal():
    x = jax.random.normal(jax.random.key(0), (64, 64))
    c = jnp.ones((8,))
    sizes = []
    for i in range(8):
        params = jinit.initialize(OneHead(), jax.random.key(i), x, c)
        y = jnp.asarray(OneHead().apply(params, x, c))
        sizes.append(jnp.mean(jnp.square(y)))
    assert 0.2 < np.median(sizes) < 1.0  # half of 1, but for relu's and c's chance
    plan = jinit.explain(OneHead(), x, c)
    assert "makes a kernel of fan_in 64" in str(plan)
