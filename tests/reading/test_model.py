import jax
import jax.numpy as jnp
import pytest

from jinit._core.trees import named_leaves
from jinit._reading.model import read_model
from tests.zoo.small import SMALL


def test_the_gradient_at_a_tap_is_that_of_the_hand_written_network():
    keys = jax.random.split(jax.random.key(0), 4)
    w1, w2 = jax.random.normal(keys[0], (5, 8)), jax.random.normal(keys[1], (8, 3))
    b1, x = jax.random.normal(keys[2], (8,)), jax.random.normal(keys[3], (7, 5))

    def tapped(taps):
        z1 = x @ w1 + b1 + taps[0]
        z2 = jax.nn.relu(z1) @ w2 + taps[1]
        return jnp.sum(jnp.sin(z2)), (z1, z2)

    zeros = [jnp.zeros((7, 8)), jnp.zeros((7, 3))]
    expected, z = jax.grad(tapped, has_aux=True)(zeros)

    apply = lambda p, x: jnp.sin(jax.nn.relu(x @ p[0] + p[1]) @ p[2])
    model = read_model(apply, [w1, b1, w2], x)
    taps = [layer.output for layer in model.layers]
    _, values, gradients = model.tap([w1, b1, w2], x, jnp.sum, taps, taps)
    for layer, gradient, preactivation in zip(model.layers, expected, z, strict=True):
        assert jnp.array_equal(values[layer.output], preactivation)
        assert jnp.array_equal(gradients[layer.output], gradient)


@pytest.mark.parametrize("name", SMALL)
def test_the_tap_gradient_is_that_of_the_bias_summed_over_examples(name):
    apply, params, x = SMALL[name]()
    model = read_model(apply, params, x)
    loss = lambda y: jnp.sum(jnp.cos(y))
    taps = [layer.output for layer in model.layers]
    _, _, gradients = model.tap(params, x, loss, (), taps)
    wanted = jax.grad(lambda p: loss(apply(p, x)))(params)
    by_path = named_leaves(wanted)
    for layer in model.layers:
        bias = by_path.get(layer.path.rsplit("/", 1)[0] + "/bias")
        if bias is not None and layer.bias is not None:
            gradient = gradients[layer.output]
            axes = tuple(range(gradient.ndim - bias.ndim))
            seen = gradient.sum(axes)
            scale = jnp.abs(gradient).sum(axes).max()
            assert jnp.abs(seen - bias).max() <= 1e-6 * scale


def test_outputs_of_any_structure_reach_the_loss():
    apply = lambda w, x: {"logits": x @ w, "label": jnp.argmax(x @ w, -1)}
    w, x = jnp.ones((4, 3)), jnp.ones((2, 4))
    model = read_model(apply, w, x)
    taps = [model.layers[0].output]
    _, _, gradients = model.tap(w, x, lambda out: out["logits"].sum(), (), taps)
    assert jnp.array_equal(gradients[model.layers[0].output], jnp.ones((2, 3)))


def test_paths_are_plain_words_in_every_framework():
    for name, path in [
        ("linen", "params/Dense_0/kernel"),
        ("nnx", "first/kernel"),
        ("equinox", "layers/0/weight"),
        ("plain", "w1"),
    ]:
        assert path in read_model(*SMALL[name]()).paths
