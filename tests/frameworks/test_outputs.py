"""What a model returns, and what it reads beside reals."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit


shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")


@jax.tree_util.register_pytree_node_class
class Normal:
    """A distribution that asks of its arrays what no shape can answer."""

    def __init__(self, mean, deviation):
        self.mean, self.deviation = jnp.asarray(mean), jnp.asarray(deviation)

    def tree_flatten(self):
        return (self.mean, self.deviation), None

    @classmethod
    def tree_unflatten(cls, _, leaves):
        return cls(*leaves)


@dataclasses.dataclass
class Unknown:
    """An object that is no tree."""

    mean: jax.Array


def normals(*sizes):
    """Unit normals, by NumPy."""
    return np.random.default_rng(0).standard_normal(sizes, "float32")


def policy(params, x):
    hidden = jax.nn.tanh(x @ params["w"])
    return Normal(hidden @ params["head"], jnp.exp(params["log_std"]))


WEIGHTS = {"w": shape(4, 32), "head": shape(32, 2), "log_std": jnp.full(2, -0.5)}


def test_a_distribution_is_an_output():
    plan = jinit.explain(policy, WEIGHTS, shape(8, 4))
    assert [choice.path for choice in plan if choice.role == "output head"] == ["head"]
    x = normals(8, 4)
    weights = jinit.initialize((policy, WEIGHTS), jax.random.key(0), x)
    assert (weights["log_std"] == -0.5).all()
    loss = lambda pi: (pi.mean**2).mean() + pi.deviation.sum()
    assert jinit.probe(policy, weights, x, loss=loss, plan=plan).layers


def test_an_output_that_is_no_array_is_refused():
    said = r"^`jinit.explain` needs a model whose outputs are arrays.* Got a Unknown"
    with pytest.raises(TypeError, match=said):
        jinit.explain(lambda p, x: Unknown(x @ p["w"]), WEIGHTS, shape(8, 4))


def test_a_key_may_be_an_input_of_a_batch():
    def noisy(params, x, key):
        noise = jax.random.normal(key, x.shape)
        return jax.nn.tanh((x + noise) @ params["w"]) @ params["head"]

    batch = normals(8, 4), jax.random.key(1)
    weights = {"w": normals(4, 32), "head": normals(32, 2)}
    assert len(jinit.probe(noisy, weights, batch).layers) == 2
