"""What the literature claims of deep starts, in the parts that cost no training.

Notebook 7 trains the rest.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import theory


GAUSSIAN = jinit.lecun_normal(distribution="normal")
GRID = np.linspace(0, 1, 65)
each_seed = pytest.mark.parametrize("seed", range(3))


def stacked(law, key, depth, n):
    return law(batch_axis=0)(key, (depth, n, n))


@functools.partial(jax.jit, static_argnames="layer")
def norms(layer, weights, biases, x, target):
    """Norms of the gradient of every layer, for an output pulled at `target`."""

    def pull(weights):
        step = lambda h, Wb: (layer(h @ Wb[0] + Wb[1]), None)
        return jnp.sum(jax.lax.scan(step, x, (weights, biases))[0] * target)

    return jnp.linalg.norm(jax.grad(pull)(weights), axis=(1, 2))


def gradients(layer, law, depth, seed, q=None, n=16):
    """The same for a stack at tanh's edge of chaos at q, or as the law draws it."""
    keys = jax.random.split(jax.random.key(seed), 4)
    point = theory.edge_of_chaos("tanh", q) if q else None
    weight, bias = (point.weight_variance, point.bias_variance) if point else (1, 0)
    return np.asarray(
        norms(
            layer,
            weight**0.5 * stacked(law, keys[0], depth, n),
            bias**0.5 * jax.random.normal(keys[1], (depth, n)),
            (q or 1.0) ** 0.5 * jax.random.normal(keys[2], (n, n)),
            jax.random.normal(keys[3], (n, n)),
        )
    )


@each_seed
def test_a_gradient_passes_10_000_tanh_layers(seed):
    """Pennington et al. 2017, Xiao et al. 2018: orthogonal weights, q* = 1/L."""
    found = gradients(jnp.tanh, jinit.orthogonal, 10_000, seed, q=1e-4)
    assert 0.8 < found[0] / found[-1] < 1.25
    assert found.max() / found.min() < 1.6


def test_nothing_passes_10_000_layers_of_glorot():
    assert gradients(jnp.tanh, jinit.glorot_normal, 10_000, 0)[0] == 0


def normalized(z):
    """Batch normalization without a mean."""
    return z / jnp.sqrt((z**2).mean(0))


@each_seed
def test_batch_normalization_explodes_with_gaussian_weights_alone(seed):
    """Meterez et al. 2024: bounded at depth 1,000 where weights are orthogonal."""
    ratio = lambda law: np.divide(*gradients(normalized, law, 1000, seed)[[0, -1]])
    assert 0.5 < ratio(jinit.orthogonal) < 2
    assert ratio(GAUSSIAN) > 1e4


@functools.partial(jax.jit, static_argnames="steps")
def gaps(weights, rate, steps):
    """Distances of the product of all layers from a map, before every step."""
    hidden, last, target = weights

    def gap(hidden, last):
        product = jax.lax.scan(lambda p, W: (p @ W, None), jnp.eye(16), hidden)[0]
        return jnp.sum((product @ last - target) ** 2)

    def step(layers, _):
        value, slopes = jax.value_and_grad(gap, (0, 1))(*layers)
        return jax.tree.map(lambda W, g: W - rate * g, layers, slopes), value

    return jax.lax.scan(step, (hidden, last), length=steps)[1]


def learning_time(law, depth, seed):
    """Steps to a twentieth of the gap, at the best rate of a grid; 100 at the most."""
    keys = jax.random.split(jax.random.key(seed), 3)
    target = jinit.orthogonal(gain=0.7)(keys[0], (16, 4))
    weights = stacked(law, keys[1], depth - 1, 16), law(keys[2], (16, 4)), target
    found = [gaps(weights, rate / depth, 100) for rate in (1.0, 0.5, 0.25, 0.125)]
    reached = [np.append(each < 0.05 * each[0], True) for each in found]
    return min(map(np.argmax, reached))


@each_seed
def test_a_linear_network_learns_in_a_time_that_does_not_depend_on_depth(seed):
    """Saxe, McClelland and Ganguli 2014: with orthogonal weights, not with Gaussian."""
    shallow, deep = (learning_time(jinit.orthogonal, L, seed) for L in (4, 64))
    assert deep <= 2 * shallow
    assert learning_time(GAUSSIAN, 64, seed) > 5 * deep


@functools.partial(jax.jit, static_argnames="phi")
def input_gradients(phi, weights, x):
    def one(x):
        h = jax.lax.scan(lambda h, W: (phi(h @ W), None), x, weights)[0]
        return (h[:8] - h[8:]).sum()

    return jax.vmap(jax.grad(one))(x)


@pytest.mark.parametrize(
    ("law", "low", "high"),
    [(jinit.looks_linear, 0.999, 1.001), (jinit.he_normal, -0.6, 0.6)],
    ids=["looks-linear", "He"],
)
def test_gradients_of_two_inputs_agree_where_a_network_looks_linear(law, low, high):
    """Balduzzi et al. 2017: at depth 200 they are white noise otherwise."""
    keys = jax.random.split(jax.random.key(0), 201)
    weights = jax.vmap(lambda key: law(key, (16, 16)))(keys[1:])
    x = jax.random.normal(keys[0], (64, 8))
    g = input_gradients(jax.nn.relu, weights, jnp.hstack([x, -x]))
    g /= jnp.linalg.norm(g, axis=1, keepdims=True)
    assert low < float((g[::2] * g[1::2]).sum(1).mean()) < high


def test_a_tailored_slope_leaves_two_unrelated_inputs_a_correlation_of_0_9():
    """Zhang, Botev and Martens 2022: 100 layers, slope 0.57, scaled orthogonal."""
    slope, relu = 0.5704, [theory.correlation_map("relu", c, 1.0) for c in GRID]
    c = 0.0
    for _ in range(100):
        linear = 2 * slope * c
        c = ((1 - slope) ** 2 * np.interp(c, GRID, relu) + linear) / (1 + slope**2)
    assert c == pytest.approx(0.9, abs=0.005)
    phi = lambda z: jnp.where(z > 0, z, slope * z) * (2 / (1 + slope**2)) ** 0.5
    keys = jax.random.split(jax.random.key(0), 100)
    weights = jax.vmap(lambda key: jinit.scaled_orthogonal(key, (256, 256)))(keys)
    x = jax.random.normal(jax.random.key(1), (64, 256))
    h = np.asarray(jax.lax.scan(lambda h, W: (phi(h @ W), None), x, weights)[0])
    h = h / np.linalg.norm(h, axis=1, keepdims=True)
    assert (h[::2] * h[1::2]).sum(1).mean() == pytest.approx(c, abs=0.03)
