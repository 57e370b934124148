"""What the user's own code raises is passed on; what does not fit is said by us."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx

import jinit


X = np.linspace(-1, 1, 8, dtype="f").reshape(2, 4)
W = {"a": np.eye(4, dtype="f"), "b": np.eye(8, dtype="f")}


def raises(p, x):
    raise ValueError("mine")


def raises_inside_of_jit(p, x):
    return jax.jit(raises)(p, x)


def misses(p, x):
    return x @ p["none"]


def unpacks(p, x):
    _rows, _columns, _third = x.shape


def asserts(p, x):
    assert x.ndim == 3, "mine"


def divides(p, x):
    return x / (1 // 0)


def calls_wrongly(p, x):
    return misses(x)  # pyright: ignore[reportCallIssue]


def asks_for_what_is_not_there(p, x):
    return x.nothing


def branches(p, x):
    return x if x.sum() > 0 else -x


def does_not_fit(p, x):
    return x @ p["b"]


def does_not_fit_inside_of_jit(p, x):
    return jax.jit(does_not_fit)(p, x)


OWN = {
    raises: ValueError,
    raises_inside_of_jit: ValueError,
    misses: KeyError,
    unpacks: ValueError,
    asserts: AssertionError,
    divides: ZeroDivisionError,
    calls_wrongly: TypeError,
    asks_for_what_is_not_there: AttributeError,
    branches: jax.errors.TracerBoolConversionError,
}


def in_linen(body):
    class Model(nn.Module):
        @nn.compact
        def __call__(self, x):
            a = self.param("a", nn.initializers.ones, (4, 4))
            return body({"a": a, "b": W["b"]}, x)

    return jinit.trace(Model(), X)


def in_nnx(body):
    class Model(nnx.Module):
        def __init__(self, rngs):
            self.a = nnx.Param(jnp.ones((4, 4)))

        def __call__(self, x):
            return body({"a": self.a[...], "b": W["b"]}, x)

    return jinit.trace(Model, X)


def in_equinox(body):
    class Model(eqx.Module):
        a: jax.Array

        def __call__(self, x):
            return body({"a": self.a, "b": W["b"]}, x)

    return jinit.trace(Model(jnp.ones((4, 4))), X)


FORMS = {
    "trace": lambda body: jinit.trace(body, W, X),
    "probe": lambda body: jinit.probe(body, W, X),
    "two inputs": lambda body: jinit.lsuv(lambda p, x, y: body(p, x), W, (X, X)),
    "linen": in_linen,
    "nnx": in_nnx,
    "equinox": in_equinox,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", OWN, ids=lambda body: body.__name__)
def test_what_a_model_raises_is_passed_on(form, body):
    with pytest.raises(OWN[body]) as raised:
        FORMS[form](body)
    assert "jinit" not in str(raised.value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", [does_not_fit, does_not_fit_inside_of_jit])
def test_inputs_that_do_not_fit_are_refused_in_a_line(form, body):
    with pytest.raises(ValueError, match="needs inputs that the model takes") as raised:
        FORMS[form](body)
    assert "\n" not in str(raised.value)


def test_a_wrong_number_of_inputs_is_refused():
    for inputs in ((), (X, X)):
        with pytest.raises(ValueError, match=r"`jinit.trace` needs .*argument"):
            jinit.trace(does_not_fit, W, *inputs)
        with pytest.raises(ValueError, match=r"`jinit.trace` needs .*argument"):
            jinit.trace(nn.Dense(3), *inputs)


def test_constructors_and_activations_raise_their_own():
    with pytest.raises(ZeroDivisionError):
        jinit.initialize(lambda key: 1 // 0, jax.random.key(0), X)
    with pytest.raises(KeyError, match="mine"):
        jinit.gain(lambda x: {}["mine"])
    with pytest.raises(
        TypeError, match=r"`jinit.gain` needs an activation that JAX can"
    ):
        jinit.gain(lambda x: float(x))
