"""What feeds a layer: activations, gates, masks and norms, by name."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from tests.zoo.adapters import shapes
from tests.zoo.entry import image


ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "gelu_exact": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "leaky_relu": jax.nn.leaky_relu,
    "softplus": jax.nn.softplus,
    "mish": jax.nn.mish,
    "squared_relu": lambda x: jnp.square(jax.nn.relu(x)),
    "sin": jnp.sin,
    "other": lambda x: jnp.cosh(x) - x,
}
TWO = {"w": image(8, 8), "out": image(8, 3)}


def feeding(function):
    """The row of a kernel that reads a function of another's output, (2, 6, 8)."""
    apply = lambda p, x: function(x @ p["w"]) @ p["out"]
    return jinit.trace(apply, TWO, image(2, 6, 8))["out"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activation_is_named_and_callable(name):
    row = feeding(ACTIVATIONS[name])
    x = jnp.linspace(-3, 3, 7)
    assert row.activation_name == name
    assert row.activation is not None
    assert jnp.allclose(row.activation(x), ACTIVATIONS[name](x), rtol=1e-6)


@pytest.mark.parametrize("phi", [nn.relu, nn.gelu, nn.silu, jnp.tanh])
def test_the_activation_is_named_in_low_precision_too(phi):
    dense = lambda: nn.Dense(8, dtype=jnp.bfloat16)
    trace = jinit.trace(*shapes(nn.Sequential([dense(), phi, dense()]), image(2, 4)))
    assert trace["params/layers_2/kernel"].activation_name == phi.__name__


MASK = jax.random.bernoulli(jax.random.key(0), 0.5, (2, 6, 8))


@pytest.mark.parametrize(
    "after",
    [
        lambda x: 3 * x,
        lambda x: x.mean(1),
        lambda x: x.max(1),
        lambda x: x[:, -1],
        lambda x: x.reshape(-1, 8),
        lambda x: x.swapaxes(0, 1),
        lambda x: jnp.flip(x, 1),
        lambda x: nn.max_pool(x, (2,), (2,)),
        lambda x: nn.avg_pool(x, (2,), (2,)),
        lambda x: jnp.pad(x, ((0, 0), (1, 1), (0, 0))),
        lambda x: jnp.where(MASK, x / 0.5, 0),
        jax.checkpoint(lambda x: 2 * x),
    ],
)
def test_pools_moves_and_masks_keep_the_activation(after):
    assert feeding(lambda x: after(jax.nn.relu(x))).activation_name == "relu"


@pytest.mark.parametrize(
    ("phi", "name"),
    [
        (jax.nn.silu, "swiglu"),
        (jax.nn.gelu, "geglu"),
        (jax.nn.relu, "reglu"),
        (jax.nn.sigmoid, "glu"),
        (jnp.tanh, "other"),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_a_gated_pair_is_named(phi, name, split):
    def apply(p, x):
        a, b = jnp.split(x @ p["w"], 2, -1) if split else (x @ p["a"], x @ p["b"])
        return (phi(a) * b) @ p["out"]

    params = {"w": image(8, 16)} if split else {"a": image(8, 8), "b": image(8, 8)}
    row = jinit.trace(apply, {**params, "out": image(8, 3)}, image(2, 8))["out"]
    assert row.activation_name == name


@pytest.mark.parametrize(
    "function",
    [jax.nn.softmax, lambda x: jnp.concatenate([jax.nn.relu(x), x], 1)],
)
def test_no_activation_where_there_is_no_single_function(function):
    row = feeding(function)
    assert (row.activation, row.activation_name) == (None, None)
    assert row.note == "reads no function of one signal"


@pytest.mark.parametrize(
    ("function", "name", "normalized"),
    [
        (jax.nn.standardize, "identity", True),
        (lambda x: jax.nn.relu(jax.nn.standardize(x)), "relu", True),
        (lambda x: jax.nn.standardize(jax.nn.relu(x)), "identity", True),
        (lambda x: jnp.tanh(x / jnp.std(x, 0)), "tanh", True),
        (lambda x: jax.nn.relu(x - x.mean(-1, keepdims=True)), "relu", False),
        (lambda x: x / 8**0.5, "identity", False),
    ],
)
def test_a_signal_divided_by_its_deviation_is_normalized(function, name, normalized):
    row = feeding(function)
    assert (row.activation_name, row.normalized) == (name, normalized)


def test_inside_a_scan_the_activation_is_that_of_the_last_step():
    step = lambda x, w: (jax.nn.silu(x @ w), None)
    apply = lambda p, x: jax.lax.scan(step, x, p["w"])[0] @ p["out"]
    params = {"w": image(3, 4, 4), "out": image(4, 2)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert [row.activation_name for row in trace] == ["silu", "silu"]
