import jax
import jax.numpy as jnp
import pytest

from jinit._reading.instances import copies, unroll
from jinit._reading.model import read_model


W, STACK, X = jnp.eye(4), jnp.ones((3, 4, 4)), jnp.ones((2, 4))


def _shared(kernel):
    return lambda w, x: jax.lax.scan(lambda h, _: (h @ kernel(w), None), x, length=5)[0]


def _sliced(w, x):
    return jax.lax.scan(lambda h, w: (h @ (2 * w).T, None), x, w)[0]


def _indexed(w, x):
    return jax.lax.fori_loop(0, 3, lambda i, h: h @ w[i], x)


def _handed_on(w, x):
    step = lambda carry, _: ((carry[0] @ carry[1], carry[1]), None)
    return jax.lax.scan(step, (x, w), length=5)[0]


def _sliced_again_and_again(w, x):
    return jax.lax.scan(lambda h, _: (_sliced(w, h), None), x, length=5)[0]


@pytest.mark.parametrize(
    ("apply", "w", "times"),
    [
        (lambda w, x: x @ w, W, ()),
        (_shared(lambda w: w), W, ()),
        (_shared(lambda w: w.T), W, ()),
        (_shared(lambda w: w.astype(jnp.bfloat16)), W, ()),
        (_handed_on, W, ()),
        (_sliced, STACK, (3,)),
        (_indexed, STACK, (3,)),
        (_sliced_again_and_again, STACK, (3,)),
    ],
)
def test_a_layer_has_a_copy_for_each_iteration_that_changes_its_kernel(apply, w, times):
    model = read_model(apply, w, X)
    (layer,) = model.layers
    assert copies(model.graph, layer) == times
    assert len(unroll(model.graph, model.layers)) == (3 if times else 1)
