"""One face: models of every framework, keys and batches wherever they belong."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx

import jinit


KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (64, 6))
DATA = X, jnp.zeros((64, 4))


class Linen(nn.Module):
    """With batch statistics and dropout, in training unless it is told otherwise."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))
        x = nn.Dropout(0.5, deterministic=not train)(nn.relu(x))
        return nn.Dense(4)(x)


def mse(outputs, targets):
    return jnp.square(outputs - targets).mean()


def nnx_model():
    rngs = nnx.Rngs(0)
    layers = nnx.Linear(6, 8, rngs=rngs), nnx.relu, nnx.Dropout(0.5, rngs=rngs)
    return nnx.Sequential(*layers, nnx.Linear(8, 4, rngs=rngs))


MODELS: dict[str, Any] = {
    "linen": lambda: (Linen(), Linen().init(KEY, X, train=False)),
    "nnx": lambda: (nnx_model(),),
    "equinox": lambda: (eqx.nn.MLP(6, 4, 8, 1, key=KEY),),
}
each_model = pytest.mark.parametrize("name", MODELS)


@each_model
def test_every_kind_of_model_is_probed_and_scaled_and_comes_back_as_it_was(name):
    model = MODELS[name]()
    scaled, record = jinit.lsuv(*model, key=KEY, batch=X)
    assert [each.after for each in record] == pytest.approx([1.0, 1.0], abs=0.05)
    assert jax.tree.structure(scaled) == jax.tree.structure(model[-1])
    measured = (
        jinit.probe(model[0], scaled, X) if name == "linen" else jinit.probe(scaled, X)
    )
    stds = [layer.std for layer in measured.layers]
    assert stds == pytest.approx([1.0, 1.0], abs=0.2)  # another mask of dropout


@each_model
def test_gradients_teach_every_kind_of_model(name):
    model = MODELS[name]()
    learned, record = jinit.metainit(*model, batches=DATA, loss=mse, steps=2)
    assert len(record.history) == 2
    assert jax.tree.structure(learned) == jax.tree.structure(model[-1])


def test_one_network_is_measured_alike_with_and_without_its_params():
    module = eqx.nn.MLP(6, 4, 8, 1, key=KEY)
    params, static = eqx.partition(module, eqx.is_inexact_array)
    apply = lambda params, x: jax.vmap(eqx.combine(params, static))(x)
    own = jinit.probe(module, X).layers
    beside = jinit.probe(apply, params, X).layers
    pair = jinit.probe((apply, params), X).layers
    for each in (beside, pair):
        assert np.allclose([x.std for x in own], [x.std for x in each], rtol=1e-5)
        gradients = [[x.gradient_std or 0 for x in layers] for layers in (own, each)]
        assert np.allclose(*gradients, rtol=1e-5)


def test_a_key_is_taken_wherever_it_stands():
    apply, w = lambda w, x: x @ w, jnp.ones((6, 4))
    expected = jinit.lsuv(apply, w, KEY, X).params
    for second, third in ((X, KEY), (jax.random.key_data(KEY), X)):
        assert jnp.array_equal(jinit.lsuv(apply, w, second, third).params, expected)
    assert isinstance(jinit.lsuv(nnx_model(), nnx.Rngs(0), X).params, nnx.Sequential)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jinit.lsuv(Linen(), {}, KEY), "lsuv` needs params and a batch"),
        (lambda: jinit.lsuv(nnx_model(), X), "lsuv` needs a key"),
        (lambda: jinit.lsuv(nnx_model(), KEY), "lsuv` needs .* a batch"),
        (lambda: jinit.probe(KEY, nnx_model(), X), "probe` needs the model first"),
        (lambda: jinit.probe(Linen(), X), "probe` needs params and a batch"),
        (lambda: jinit.probe(nnx_model(), KEY, X), "probe` .*by name: `key=key`"),
        (lambda: jinit.metainit(nnx_model(), X, loss=mse), r"`\(inputs, targets\)`"),
    ],
    ids=["no batch", "no key", "key alone", "key first", "no params", "key", "no pair"],
)
def test_what_stands_in_the_wrong_place_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=f"`jinit.*{message}"):
        call()


def test_nothing_is_moved_in_silence():
    module, params = MODELS["linen"]()
    with jax.transfer_guard("disallow"):
        assert jinit.probe(module, params, X).layers
        assert len(jinit.lsuv(module, params, KEY, X).record) == 2
        assert jinit.within_layer(module, params, KEY, X).record.units
        assert jinit.metainit(module, params, DATA, loss=mse, steps=2).record.history
