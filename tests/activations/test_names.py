import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit._activations import activation_function, activation_name


def test_a_name_of_jax_nn_is_that_function():
    shared = [
        *(
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "celu",
            "selu",
            "gelu",
            "silu",
            "swish",
        ),
        *("mish", "softplus", "squareplus", "sparse_plus", "sparse_sigmoid", "tanh"),
        *("log_sigmoid", "sigmoid", "hard_sigmoid", "hard_swish", "hard_silu"),
        *("hard_tanh", "soft_sign", "identity"),
    ]
    for name in shared:
        assert activation_function(name) is getattr(jax.nn, name)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (jax.nn.relu, "relu"),
        (jax.nn.gelu, "gelu"),
        (functools.partial(jax.nn.gelu, approximate=True), "gelu"),
        (functools.partial(jax.nn.gelu, approximate=False), "gelu_exact"),
        (functools.partial(jax.nn.leaky_relu, negative_slope=0.01), "leaky_relu"),
        (functools.partial(jax.nn.leaky_relu, negative_slope=0.2), None),
        (functools.partial(jax.nn.elu, alpha=jnp.ones(())), "elu"),
        (functools.partial(jax.nn.elu, alpha=jnp.ones(2)), None),
        (jax.nn.swish, "silu"),
        (jax.nn.soft_sign, "softsign"),
        (jnp.tanh, "tanh"),
        (jax.lax.tanh, "tanh"),
        (jax.lax.logistic, "sigmoid"),
        (jax.scipy.special.erf, "erf"),
        (jnp.absolute, "abs"),
        (abs, "abs"),
        (jax.nn.identity, "identity"),
        (jax.nn.glu, "glu"),
        (lambda x: x, None),
        (np.tanh, None),
    ],
)
def test_the_name_of_a_function(function, name):
    assert activation_name(function) == name


def test_flax_functions_have_their_name():
    linen = pytest.importorskip("flax.linen")
    assert activation_name(linen.relu) == "relu"
    assert activation_name(linen.hard_swish) == "hard_swish"


def test_name_and_function_are_inverse():
    for name in ("relu", "gelu_exact", "silu", "hard_swish", "softsign", "gaussian"):
        assert activation_name(activation_function(name)) == name


def test_what_jax_nn_lacks():
    x = jnp.array([-2.0, 0.5])
    expected = {
        "gaussian": np.exp([-2.0, -0.125]),
        "squared_relu": [0.0, 0.25],
        "tanhshrink": x - np.tanh(x),
        "linear": x,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(activation_function(name)(x), values, rtol=1e-6)


def test_param_is_the_activations_own():
    assert activation_function("leaky_relu", 0.5)(-4.0) == -2.0
    for name, function in (("elu", jax.nn.elu), ("celu", jax.nn.celu)):
        assert activation_function(name, 2.0)(-1.0) == function(-1.0, 2.0)


@pytest.mark.parametrize(
    ("name", "param", "kind", "message"),
    [
        ("rleu", None, ValueError, "'softplus'.* Got 'rleu'. Did you mean 'relu'?"),
        ("relu", 0.2, ValueError, "Got 0.2 for 'relu'"),
        ("elu", "steep", TypeError, "Got 'steep'"),
        ("elu", float("inf"), ValueError, "Got inf"),
        ("swiglu", None, ValueError, "Got the gated pair 'swiglu'. Its φ is 'silu'"),
    ],
)
def test_refusals(name, param, kind, message):
    with pytest.raises(kind, match=message):
        activation_function(name, param)
