from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit


@pytest.mark.parametrize("phi", [jax.nn.relu, jax.nn.gelu, jax.nn.silu])
def test_a_deep_network_is_an_isometry_in_both_directions(phi):
    keys = jax.random.split(jax.random.key(0), 31)
    sides: list[Any] = ["out", *["both"] * 28, "in"]
    shapes = [(8, 16), *[(16, 16)] * 28, (16, 8)]
    weights = [
        jinit.looks_linear(sides=side)(key, shape)
        for side, key, shape in zip(sides, keys, shapes, strict=False)
    ]

    def network(x):
        for w in weights[:-1]:
            x = phi(x @ w)
        return x @ weights[-1]

    x = jax.random.normal(keys[-1], (8,))
    jacobian = jax.jit(jax.jacobian(network))(x)
    assert jnp.allclose(jacobian @ jacobian.T, jnp.eye(8), atol=1e-4)
    assert jnp.allclose(network(x), jacobian @ x, atol=1e-4)  # linear: f(x) = J x


@pytest.mark.parametrize("sides", ["both", "in", "out"])
def test_the_mirror_is_exact(sides):
    w = np.asarray(jinit.looks_linear(sides=sides)(jax.random.key(0), (3, 8, 6)))
    if sides != "in":
        assert np.array_equal(w[..., :3], -w[..., 3:])
    if sides != "out":
        assert np.array_equal(w[:, :4], -w[:, 4:])


def test_other_axes_may_be_inputs_and_outputs():
    w = jinit.looks_linear(in_axis=1, out_axis=0)(jax.random.key(0), (6, 8))
    assert jnp.array_equal(w[:3], -w[3:])
    q = w[:3, :4]
    assert jnp.allclose(q @ q.T, jnp.eye(3), atol=1e-5)


@pytest.mark.parametrize(("shape", "sides"), [((7, 8), "both"), ((8, 7), "out")])
def test_odd_sizes_are_refused_with_the_numbers(shape, sides):
    with pytest.raises(ValueError, match=r"`jinit.looks_linear` needs an even number"):
        jinit.looks_linear(sides=sides)(jax.random.key(0), shape)


def test_the_entries_have_the_stated_law():
    shape = (4, 6)
    init = jinit.looks_linear(gain=2.0)
    quarters = jax.vmap(lambda key: init(key, shape)[:2, :3])(
        jax.random.split(jax.random.key(3), 4000)
    )
    assert init.std(shape) == pytest.approx(2 / np.sqrt(3))
    error = 5 * init.std(shape) ** 2 * np.sqrt(2 / (4000 * 6))
    assert float(jnp.mean(quarters**2)) == pytest.approx(
        init.std(shape) ** 2, abs=error
    )


@pytest.mark.parametrize(("shape", "axes"), [((8,), {}), ((8, 8), {"in_axis": 5})])
def test_axes_that_do_not_exist_are_refused(shape, axes):
    with pytest.raises(
        ValueError, match=r"`jinit.looks_linear` needs `in_axis` within"
    ):
        jinit.looks_linear(**axes)(jax.random.key(0), shape)
