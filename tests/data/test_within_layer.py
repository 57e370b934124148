from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from tests.zoo.small import SMALL


KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (256, 6)) @ jnp.tri(6)


def test_units_get_the_mean_asked_for_and_variance_one():
    model: Any = nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(4)])
    params = model.init(KEY, X)
    for mean in (0.0, 0.1):
        new, _ = jinit.within_layer(model.apply, params, KEY, X, mean=mean, rounds=0)
        z = model.apply(new, X)
        assert jnp.allclose(z.mean(0), mean, atol=1e-4)
        assert jnp.allclose(z.std(0), 1, atol=1e-4)


def test_relu_layers_are_balanced_in_one_round():
    # Scaling one layer of a homogeneous network scales all other gradients alike.
    apply, params, x = SMALL["equinox"]()
    _, record = jinit.within_layer(apply, params, KEY, x, rounds=1)
    before, after = ([getattr(e, w) for e in record.rates] for w in ("before", "after"))
    assert max(before) / min(before) > 1.5
    assert max(after) / min(after) == pytest.approx(1, abs=1e-3)


def test_balance_keeps_the_shape_of_every_units_distribution():
    # The biases follow the scale, so relu cuts off what it did before.
    model: Any = nn.Sequential(
        [nn.Dense(16), nn.relu, nn.Dense(16), nn.relu, nn.Dense(4)]
    )
    params = model.init(KEY, X)
    first, _ = jinit.within_layer(model.apply, params, KEY, X, mean=0.3, rounds=0)
    then, _ = jinit.within_layer(model.apply, params, KEY, X, mean=0.3, rounds=3)
    a, b = (model.apply(p, X) for p in (first, then))
    assert jnp.allclose(a / a.std(), b / b.std(), atol=1e-3)
    assert float(b.std()) == pytest.approx(1, abs=0.1)


def test_layers_that_are_not_homogeneous_are_balanced_in_rounds():
    apply, params, x = SMALL["linen"]()
    _, record = jinit.within_layer(apply, params, KEY, x)
    rates = [each.after for each in record.rates]
    assert max(rates) / min(rates) < 1.05


def test_principal_axes_make_outputs_white():
    model: Any = nn.Dense(4)
    params = model.init(KEY, X)
    new, _ = jinit.within_layer(model.apply, params, KEY, X, directions="pca", rounds=0)
    z = np.asarray(model.apply(new, X))
    assert np.allclose(np.cov(z.T, bias=True), np.eye(4), atol=1e-3)
    # And they are the largest: what they leave out varies least.
    _, _, Vt = np.linalg.svd(np.asarray(X - X.mean(0)), full_matrices=False)
    kernel = np.asarray(new["params"]["kernel"])
    assert np.allclose(Vt[4:] @ kernel, 0, atol=1e-3 * abs(kernel).max())


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_convolution_reads_patches(padding):
    model: Any = nn.Conv(5, (3, 2), strides=(2, 1), padding=padding)
    x = jax.random.normal(KEY, (16, 7, 6, 2))
    params = model.init(KEY, x)
    new, _ = jinit.within_layer(model.apply, params, KEY, x, directions="pca", rounds=0)
    z = np.asarray(model.apply(new, x)).reshape(-1, 5)
    assert np.allclose(np.cov(z.T, bias=True), np.eye(5), atol=1e-3)


def test_axes_without_variance_are_not_blown_up():
    model: Any = nn.Sequential([nn.LayerNorm(), nn.Dense(12)])
    params = model.init(KEY, X)
    new, _ = jinit.within_layer(model.apply, params, KEY, X, directions="pca", rounds=0)
    assert abs(new["params"]["layers_1"]["kernel"]).max() < 100


def test_clusters_are_found():
    centers = 5 * jnp.eye(4)
    own = jax.random.randint(jax.random.key(2), (400,), 0, 4)
    x = centers[own] + 0.1 * jax.random.normal(jax.random.key(3), (400, 4))
    model: Any = nn.Dense(12)
    new, _ = jinit.within_layer(
        model.apply, model.init(KEY, x), KEY, x, directions="kmeans", rounds=0
    )
    best = np.asarray(model.apply(new, x)).argmax(0)  # the input each unit likes most
    assert set(np.asarray(own)[best]) == {0, 1, 2, 3}


def test_the_record_prints_plots_and_is_deterministic(tmp_path):
    apply, params, x = SMALL["plain"]()
    new, record = jinit.within_layer(apply, params, KEY, x, directions="kmeans")
    again, _ = jinit.within_layer(apply, params, KEY, x, directions="kmeans")
    assert all(map(np.array_equal, jax.tree.leaves(new), jax.tree.leaves(again)))
    assert "std before" in str(record)
    assert "rate before" in str(record)
    record.plot(str(tmp_path / "within.png"))
    assert (tmp_path / "within.png").stat().st_size > 1000


def test_a_layer_without_gradient_is_named():
    stopped = lambda p, x: jax.lax.stop_gradient(x @ p["a"]) @ p["b"]
    params = {"a": jnp.eye(6), "b": jnp.eye(6)}
    with pytest.raises(ValueError, match=r"a gradient in every layer. Got 0 .* in a"):
        jinit.within_layer(stopped, params, KEY, X)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"directions": "ica"}, "'ica'"),
        ({"rounds": -1}, "`rounds`"),
        ({"mean": float("nan")}, "`mean`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, named):
    with pytest.raises(
        (TypeError, ValueError), match=rf"`jinit.within_layer`.*{named}"
    ):
        jinit.within_layer(lambda w, x: x @ w, jnp.eye(6), KEY, X, **settings)


def test_of_several_batches_the_first_is_fitted():
    model: Any = nn.Dense(4)
    params = model.init(KEY, X)
    alone = jinit.within_layer(model.apply, params, KEY, X)
    among = jinit.within_layer(model.apply, params, [X, 2 * X], KEY)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, alone.params, among.params))
