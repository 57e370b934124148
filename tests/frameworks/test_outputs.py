"""What a model returns, and what it reads beside reals."""

import dataclasses

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

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


class Averaged(nn.Module):
    """A batch that is averaged over devices by hand, also where the module starts."""

    @nn.compact
    def __call__(self, x):
        x = jax.lax.pmean(nn.Dense(8)(x), "devices")
        mean = self.variable("stats", "mean", jnp.zeros, 8)
        mean.value = jax.lax.pmean(x.mean(0), "devices")
        return nn.Dense(2)(x - mean.value)


def averaged(x):
    x = hk.Linear(8)(x)
    return hk.BatchNorm(True, True, 0.9, cross_replica_axis="devices")(x, True)


@pytest.mark.parametrize(
    "model", [Averaged(), hk.transform_with_state(averaged)], ids=["linen", "haiku"]
)
def test_names_of_devices_may_be_asked_for_where_a_model_starts(model):
    x = normals(16, 4)
    weights = jinit.initialize(model, jax.random.key(0), x)
    kernel = max(jax.tree.leaves(weights), key=jnp.size)
    assert kernel.std() > 0.2
    assert jinit.probe(model, weights, x).layers


def test_a_model_of_one_example_is_measured_on_a_batch():
    layer = eqx.nn.Linear(4, 8, key=jax.random.key(0))

    class Timed(eqx.Module):
        layer: eqx.nn.Linear

        def __call__(self, time, x):
            return self.layer(x) * time

    said = r"^`jinit.probe` needs a batch of what the model takes one of.*float32\[\]"
    with pytest.raises(ValueError, match=said):
        jinit.probe(Timed(layer), (jnp.ones(()), normals(4)))
    assert jinit.probe(Timed(layer), (np.ones(16, "f4"), normals(16, 4))).layers


def test_a_constant_of_a_computation_may_be_a_number_of_python():
    def apply(params, x):
        return jnp.where(jnp.logical_and(x > 0, True), x, 0.0) @ params

    (choice,) = jinit.explain(apply, shape(64, 8), shape(8, 64))
    assert choice.makes == pytest.approx(1, rel=0.05)
