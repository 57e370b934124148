"""What JAX can not differentiate is measured forward, and named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jinit


X = np.linspace(-1.5, 1.5, 32, dtype="f").reshape(8, 4)
A, B = (np.sin(np.arange(1, 17, dtype="f")).reshape(4, 4) * k for k in (1, 0.7))


@jax.custom_vjp
def own(z):
    return jnp.tanh(z)


own.defvjp(lambda z: (own(z), z), lambda z, g: (g * (1 - jnp.tanh(z) ** 2),))


def until(z):
    going = lambda state: state[0] < 2 + (z[0, 0] > 9).astype(int)
    return lax.while_loop(going, lambda s: (s[0] + 1, jnp.tanh(s[1])), (0, z))[1]


def outside(z):
    kind = jax.ShapeDtypeStruct(z.shape, z.dtype)
    return jax.pure_callback(lambda z: np.tanh(np.asarray(z)), kind, z)


def probed(phi, loss=None):
    apply = lambda p, x: phi(x @ p["a"]) @ p["b"]
    return jinit.probe(apply, {"a": A, "b": B}, X, loss=loss)


@pytest.mark.parametrize("phi", [until, outside])
def test_what_has_no_gradient_is_measured_forward_and_named(phi):
    found = probed(phi)
    first, second = found.layers
    assert first.gradient_std is first.gradient_ratio is None
    assert first.std == pytest.approx((X @ A).std(), rel=1e-4)
    assert second.std == pytest.approx(float(np.std(phi(X @ A) @ B)), rel=1e-4)
    assert (second.gradient_std or 0) > 0
    assert found.verdict.endswith("JAX takes no gradient of what follows: a")
    assert found.to_dict()["layers"][0]["gradient_std"] is None
    assert "–" in str(found)


def test_a_rule_that_goes_back_alone_is_measured_in_full():
    (mine, _), (jaxs, _) = probed(own).layers, probed(jnp.tanh).layers
    assert mine.gradient_std == pytest.approx(jaxs.gradient_std, rel=1e-5)
    assert (mine.saturated, mine.dead) == (jaxs.saturated, jaxs.dead)
    assert probed(own).verdict == probed(jnp.tanh).verdict


def test_layers_of_integers_have_no_gradient():
    kernel = (3 * A).astype("int8")

    def apply(p, x):
        z = lax.dot((9 * x).astype("int8"), p["a"], preferred_element_type="int32")
        return jnp.tanh(z.astype("float32")) @ p["b"]

    first, _ = jinit.probe(apply, {"a": kernel, "b": B}, X).layers
    assert first.gradient_std is None
    assert first.std == pytest.approx(((9 * X).astype("int8") @ kernel).std(), rel=1e-4)


def test_what_a_loss_raises_is_passed_on():
    def loss(outputs):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        probed(jnp.tanh, loss)
    with pytest.raises(TypeError, match="`loss` to return a real number"):
        probed(jnp.tanh, lambda y: jnp.argmax(y))


def test_layers_that_are_hidden_in_a_loop_are_named():
    def apply(p, x):
        going = lambda state: state[0] < 2 + (x[0, 0] > 9).astype(int)
        step = lambda state: (state[0] + 1, state[1] @ p["a"])
        return lax.while_loop(going, step, (0, x))[1]

    with pytest.raises(ValueError, match="Got a, inside a loop or a branch"):
        jinit.probe(apply, {"a": A}, X)


def test_inputs_of_zeros_are_measured():
    def apply(p, x):
        step = lambda h, w: (jnp.tanh(h @ w + 1), None)
        return lax.scan(step, x, p["w"])[0] @ p["b"]

    found = jinit.probe(apply, {"w": np.stack([A, B, A]), "b": B}, np.zeros_like(X))
    assert found.layers[0].ratio is None
    assert found.condition in found.to_dict()["condition"]


@pytest.mark.parametrize("tool", [jinit.probe, jinit.lsuv, jinit.within_layer])
def test_shapes_are_no_data(tool):
    apply, shapes = lambda p, x: x @ p["a"], jax.ShapeDtypeStruct((8, 4), "float32")
    for params, batch in (({"a": A}, shapes), ({"a": shapes}, X)):
        with pytest.raises(
            TypeError, match=f"`jinit.{tool.__name__}` needs `(batch|p)"
        ):
            tool(apply, params, batch)


@pytest.mark.parametrize("phi", [jnp.round, jnp.sign, lambda z: (z > 0) * 1.0])
@pytest.mark.parametrize("direction", ["backward", "both"])
def test_what_passes_no_gradient_counts_as_the_identity(phi, direction):
    shape = jax.ShapeDtypeStruct((4, 4), "float32")
    apply = lambda p, x: phi(x @ p["a"]) @ p["b"]
    plan = jinit.explain(apply, {"a": shape, "b": shape}, X, direction=direction)
    assert "passes no gradient" in plan.choices[1].reason
    if direction == "backward":
        law = plan.choices[1].initializer
        assert law
        assert law.std((4, 4)) == pytest.approx(0.5)
