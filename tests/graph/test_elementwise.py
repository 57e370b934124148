import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit._activations import activation_function, gain
from jinit._graph.elementwise import follow, uniform_values
from jinit._graph.jaxpr import flatten, has_rule
from jinit._graph.recognition import NAMES, recognize


FUNCTIONS = [
    jax.nn.relu,
    jax.nn.relu6,
    jax.nn.elu,
    jax.nn.selu,
    jax.nn.gelu,
    functools.partial(jax.nn.gelu, approximate=False),
    jax.nn.silu,
    jax.nn.mish,
    jax.nn.softplus,
    jax.nn.leaky_relu,
    jax.nn.hard_swish,
    jax.nn.soft_sign,
    jnp.tanh,
    lambda x: jnp.where(x > 0, x, 0.1 * x),
    lambda x: jnp.clip(x, -1.0, 1.0) ** 3 + x,
]


def _follow(function, shape=(3, 4), dtype=jnp.float32) -> Any:
    graph = flatten(
        jax.make_jaxpr(function)(jnp.zeros(shape, dtype)),
        lambda equation: not has_rule(equation),
    )
    return follow(graph, graph.inputs[0], uniform_values(graph))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_activation_is_rebuilt_for_any_shape(function):
    activation = _follow(function)
    for shape in [(3, 4), (), (5,), (2, 3, 4)]:
        z = 3 * jax.random.normal(jax.random.key(0), shape)
        assert jnp.allclose(activation(z), function(z), rtol=1e-6, atol=1e-6)


def test_an_activation_is_rebuilt_in_double_precision():
    activation = _follow(jax.nn.gelu)
    with jax.enable_x64(True):
        z = jnp.linspace(-3.0, 3.0, 7)
        assert activation(z).dtype == jnp.float64
        assert jnp.allclose(activation(z), jax.nn.gelu(z), rtol=1e-7, atol=1e-8)


def test_quadrature_takes_a_rebuilt_activation():
    assert gain(_follow(jax.nn.selu)) == pytest.approx(1.0, abs=1e-6)
    assert gain(_follow(jax.nn.relu)) == pytest.approx(np.sqrt(2), rel=1e-12)


def test_the_traced_shape_keeps_the_derivative_rule():
    activation = _follow(jax.nn.relu)
    slope = jax.jvp(activation, (jnp.zeros((3, 4)),), (jnp.ones((3, 4)),))[1]
    assert not slope.any()  # jax.nn.relu defines 0 at 0; a maximum would give 1/2


@pytest.mark.parametrize(
    "function",
    [
        jax.nn.softmax,  # mixes entries
        lambda x: (jnp.sin(x), jnp.cos(x)),  # two ways on
        lambda x: x + jnp.arange(4.0),  # not the same function of every entry
        lambda x: x.T,
    ],
)
def test_what_is_no_single_function_is_none(function):
    assert _follow(function) is None


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_recognized_by_its_values(name):
    assert recognize(activation_function(name)) == (name, 1.0)


def test_a_multiple_is_recognized_with_its_scale():
    assert recognize(lambda x: jax.nn.relu(x) / 0.8) == ("relu", 1.25)
    assert recognize(lambda x: -jax.nn.relu(x)) is None


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_function_traced_in_low_precision_is_recognized(dtype):
    for name in ("gelu", "selu"):
        function = activation_function(name)
        activation = _follow(function, dtype=dtype)
        assert recognize(activation) == (name, 1.0)


def test_an_unknown_function_has_no_name():
    assert recognize(lambda x: x**2 - 1) is None


def test_functions_that_differ_in_a_constant_are_told_apart():
    slopes = [jnp.asarray(0.01), jnp.asarray(0.2)]
    leaky = [lambda x, s=s: jnp.where(x > 0, x, s * x) for s in slopes]
    assert recognize(leaky[0]) == ("leaky_relu", 1.0)
    assert recognize(leaky[1]) is None
