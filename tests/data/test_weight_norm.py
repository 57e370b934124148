from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from tests.zoo.language import GPT
from tests.zoo.small import SMALL


KEY = jax.random.key(0)
X = 3 + 2 * jax.random.normal(jax.random.key(1), (64, 8))


def test_it_equals_the_paper_layer_by_layer():
    model: Any = nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(4)])
    given: Any = model.init(KEY, X)
    params, _ = jinit.weight_norm_init(model.apply, given, X, start="given")
    x = np.asarray(X, float)
    for name in ("layers_0", "layers_2"):
        v = np.asarray(given["params"][name]["kernel"], float)
        t = x @ (v / np.linalg.norm(v, axis=0))
        g, b = 1 / t.std(0), -t.mean(0) / t.std(0)
        new = params["params"][name]
        assert np.allclose(new["kernel"], g * v / np.linalg.norm(v, axis=0), rtol=1e-4)
        assert np.allclose(new["bias"], b, rtol=1e-4, atol=1e-5)
        x = np.maximum(g * t + b, 0)


@pytest.mark.parametrize("name", ["cnn", "equinox", "nnx", "block"])
def test_every_unit_of_any_framework_gets_variance_one(name):
    apply, params, x = SMALL[name]()
    new, record = jinit.weight_norm_init(apply, params, KEY, x)
    for each in record:
        assert each.after.low == pytest.approx(1, abs=1e-3)
        assert each.after.high == pytest.approx(1, abs=1e-3)
        assert each.mean < 1e-4
    z = apply(new, x)
    if name != "block":  # its last sum is no layer
        rest = tuple(range(z.ndim - 1))
        assert jnp.allclose(z.mean(rest), 0, atol=1e-4)
        assert jnp.allclose(z.std(rest), 1, atol=1e-3)


def test_a_weight_normalized_layer_gets_its_gain():
    model: Any = nn.WeightNorm(nn.Dense(16))
    given: Any = model.init(KEY, X)
    params, record = jinit.weight_norm_init(model.apply, given, KEY, X)
    v = params["params"]["layer_instance"]["kernel"]
    assert abs(v.std() / 0.05 - 1) < 0.3  # drawn, and then left
    assert record.layers[0].path.endswith("kernel/scale")
    z = model.apply(params, X)
    assert jnp.allclose(z.mean(0), 0, atol=1e-4)
    assert jnp.allclose(z.std(0), 1, atol=1e-4)


def test_scanned_layers_and_heads_are_fitted_unit_by_unit():
    model = GPT(depth=3, width=16, heads=2, vocab=11)
    tokens = jax.random.randint(jax.random.key(2), (8, 4), 0, 11)
    params = model.init(KEY, tokens)
    _, record = jinit.weight_norm_init(model.apply, params, KEY, tokens)
    inner = [each for each in record if each.name.startswith("blocks/")]
    assert len(inner) == 3 * len({each.path for each in inner})
    for each in inner:
        assert each.after.low == pytest.approx(1, abs=0.05), each.name
        assert each.after.high == pytest.approx(1, abs=0.05), each.name


def test_nothing_but_kernels_and_biases_changes():
    apply, params, x = SMALL["block"]()
    rows = jinit.trace(apply, params, x)
    new, _ = jinit.weight_norm_init(apply, params, KEY, x)
    again, _ = jinit.weight_norm_init(apply, params, KEY, x)
    leaves = map(jax.tree.leaves, (params, new, again))
    for row, old, first, second in zip(rows, *leaves, strict=True):
        assert jnp.array_equal(first, second)
        if not row.is_kernel and row.role != "bias":
            assert first is old or jnp.array_equal(first, old)


def test_each_pass_takes_the_next_batch_of_a_stream():
    model: Any = nn.Dense(4)
    params = model.init(KEY, X)
    once = jinit.weight_norm_init(model.apply, params, KEY, X)
    many = jinit.weight_norm_init(model.apply, params, KEY, iter([X, X + 1]))
    kernel, same = (each.params["params"]["kernel"] for each in (once, many))
    assert jnp.array_equal(kernel, same)
    assert once.record.layers[0].mean < 1e-5
    assert many.record.layers[0].mean > 0.1  # what the second batch saw


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:1], "two or more values of every unit. Got 1 in Dense_0"),
        (jnp.zeros((8, 8)), "outputs that vary.*constant output of Dense_0"),
        (X.at[0, 0].set(jnp.inf), "finite numbers.*the batch"),
    ],
)
def test_what_can_not_be_fitted_is_refused_by_the_layers_name(x, message):
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.tanh(nn.Dense(4)(x))
            return nn.Dense(3)(x)

    params = Net().init(KEY, X)
    with pytest.raises(ValueError, match=rf"`jinit.weight_norm_init` needs.*{message}"):
        jinit.weight_norm_init(Net().apply, params, KEY, x)


def test_a_dead_unit_is_named():
    params = {"w": jnp.eye(8).at[:, 5].set(0)}
    with pytest.raises(ValueError, match="constant unit 5 of w"):
        jinit.weight_norm_init(lambda p, x: x @ p["w"], params, X, start="given")


def test_the_record_prints_and_plots(tmp_path):
    apply, params, x = SMALL["plain"]()
    _, record = jinit.weight_norm_init(apply, params, KEY, x)
    lines = str(record).splitlines()
    assert lines[0].split() == [
        "layer",
        "std",
        "before",
        "scale",
        "std",
        "after",
        "mean",
    ]
    assert len(lines) == 1 + len(record)
    record.plot(str(tmp_path / "units.png"))
    assert (tmp_path / "units.png").stat().st_size > 1000
