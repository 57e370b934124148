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
X = 3 * jax.random.normal(jax.random.key(1), (64, 8))


def _by_hand(weights, x):
    """Mishkin and Matas, algorithm 1, for a tanh network, one layer at a time."""
    scaled = []
    for w in weights:
        z = x @ w
        scaled.append(w / z.std())
        x = np.tanh(z / z.std())
    return scaled


def test_one_pass_equals_the_algorithm_layer_by_layer():
    keys = jax.random.split(KEY, 4)
    weights = [jax.random.normal(key, (8, 8)) for key in keys]

    def apply(params, x):
        for w in params:
            x = jnp.tanh(x @ w)
        return x

    params, record = jinit.lsuv(apply, weights, X, start="given")
    expected = _by_hand([np.asarray(w, float) for w in weights], np.asarray(X, float))
    for w, by_hand in zip(params, expected, strict=True):
        assert jnp.allclose(w, by_hand, rtol=1e-4)
    assert [each.after for each in record] == pytest.approx([1.0] * 4, abs=1e-5)
    assert record.layers[0].before == pytest.approx(float((X @ weights[0]).std()))


@pytest.mark.parametrize("name", ["linen", "nnx", "equinox", "plain", "batch norm"])
def test_every_layer_of_any_framework_ends_with_variance_one(name):
    apply, params, x = SMALL[name]()
    scaled, record = jinit.lsuv(apply, params, x, start="given")
    stds = [each.after for each in record]
    assert stds == pytest.approx([1.0] * len(record), abs=1e-4)
    assert jax.tree.structure(scaled) == jax.tree.structure(params)


def test_the_probe_sees_what_the_record_says():
    apply, params, x = SMALL["block"]()
    scaled, record = jinit.lsuv(apply, params, x, start="given")
    for layer, each in zip(jinit.probe(apply, scaled, x).layers, record, strict=True):
        assert layer.name == each.name
        assert layer.std == pytest.approx(each.after, abs=1e-4)


def test_nothing_but_kernels_changes_and_the_draw_is_deterministic():
    apply, params, x = SMALL["linen"]()
    first, again = (jinit.lsuv(apply, params, KEY, x).params for _ in range(2))
    kernels = {row.path for row in jinit.trace(apply, params, x) if row.is_kernel}
    pairs = zip(jax.tree.leaves(params), jax.tree.leaves(first), strict=True)
    for row, (old, new) in zip(jinit.trace(apply, params, x), pairs, strict=True):
        assert (row.path in kernels) != bool(jnp.array_equal(old, new))
    assert all(map(np.array_equal, jax.tree.leaves(first), jax.tree.leaves(again)))


def test_scanned_layers_get_a_scale_each():
    model = GPT(depth=3, width=16, heads=2, vocab=11)
    tokens = jax.random.randint(jax.random.key(2), (8, 4), 0, 11)
    params: Any = model.init(KEY, tokens)
    params["params"]["blocks"]["up"]["kernel"] *= jnp.array([1.0, 10.0, 100.0])[
        :, None, None
    ]
    scaled, record = jinit.lsuv(model.apply, params, tokens, start="given")
    ups = [each for each in record if each.name.startswith("blocks/up[")]
    assert [each.name for each in ups] == [f"blocks/up[{i}]" for i in range(3)]
    assert [each.scale for each in ups] == pytest.approx([1, 0.1, 0.01], rel=0.3)
    assert [each.after for each in record] == pytest.approx(
        [1.0] * len(record), abs=0.05
    )
    kernel = lambda p: p["params"]["blocks"]["up"]["kernel"]
    old, new = kernel(params), kernel(scaled)
    factors = jnp.array([each.scale for each in ups])[:, None, None]
    assert jnp.allclose(new, old * factors, rtol=1e-4)


def test_kernels_indexed_in_a_stack_get_a_scale_each():
    def apply(p, x):
        for i in range(3):
            x = jnp.tanh(x @ p["stack"][i].T)
        return x

    stack = jax.random.normal(KEY, (3, 8, 8)) * jnp.array([1, 0.1, 9])[:, None, None]
    scaled, record = jinit.lsuv(apply, {"stack": stack}, X, start="given")
    assert [each.after for each in record] == pytest.approx([1.0] * 3, abs=1e-4)
    expected = _by_hand([w.T for w in np.asarray(stack, float)], np.asarray(X, float))
    for w, by_hand in zip(scaled["stack"], expected, strict=True):
        assert jnp.allclose(w.T, by_hand, rtol=1e-3)


def test_parts_of_a_kernel_that_overlap_are_scaled_as_one():
    apply = lambda w, x: x @ w[0] + x @ w[:, 0]
    _, record = jinit.lsuv(apply, jnp.ones((8, 8, 8)), X, start="given")
    assert len(record) == 1


def test_shared_and_composed_kernels_take_more_passes():
    tied = lambda p, x: jnp.tanh(jnp.tanh(x @ p["w"]) @ p["w"].T)
    params = {"w": jax.random.normal(KEY, (8, 8))}
    _, record = jinit.lsuv(tied, params, KEY, X, tolerance=0.02)
    assert len(record) == 1
    assert record.layers[0].after == pytest.approx(1.0, abs=0.01)

    model: Any = nn.WeightNorm(nn.Dense(16))
    params = model.init(KEY, X)
    scaled, record = jinit.lsuv(model.apply, params, X, start="given")
    assert record.layers[0].path.endswith("kernel/scale")
    assert float(model.apply(scaled, X).std()) == pytest.approx(1.0, abs=1e-4)


def test_kernels_put_together_are_scaled_as_one():
    gates = lambda p, x: x @ jnp.concatenate([p["a"], p["b"].T], 1)
    keys = jax.random.split(KEY)
    given = {"a": jax.random.normal(keys[0], (8, 4)), "b": jnp.eye(3, 8)}
    params, record = jinit.lsuv(gates, given, X, start="given")
    assert float(gates(params, X).std()) == pytest.approx(1.0, abs=1e-4)
    assert [each.name for each in record] == ["a", "b"]
    scale = record.layers[0].scale
    assert all(jnp.allclose(params[k], given[k] * scale, rtol=1e-4) for k in given)


def test_center_gives_every_unit_mean_zero():
    apply, params, x = SMALL["linen"]()
    scaled, _ = jinit.lsuv(apply, params, KEY, x + 5.0, center=True)
    first = scaled["params"]["Dense_0"]
    z = (x + 5.0) @ first["kernel"] + first["bias"]
    assert jnp.allclose(z.mean(0), 0, atol=1e-5)
    assert first["bias"].any()


def test_the_target_and_the_dtype_are_kept():
    model = nn.Dense(16, param_dtype=jnp.bfloat16)
    scaled, record = jinit.lsuv(model.apply, model.init(KEY, X), KEY, X, target=2.0)
    assert scaled["params"]["kernel"].dtype == jnp.bfloat16
    assert record.layers[0].after == pytest.approx(2.0, rel=0.02)


def test_sharded_parameters_and_batches_are_taken():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    place = lambda x, *spec: jax.device_put(
        x, jax.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec))
    )
    apply, params = lambda w, x: x @ w, jax.random.normal(KEY, (8, 16))
    expected = jinit.lsuv(apply, params, X, start="given").params
    scaled, _ = jinit.lsuv(
        apply, place(params, None, "data"), place(X, "data"), start="given"
    )
    assert jnp.allclose(scaled, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_new_kernels_lie_where_the_given_ones_were_put(kind):
    mesh = jax.make_mesh((8,), ("units",), (getattr(jax.sharding.AxisType, kind),))
    place = jax.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "units"))
    apply, given = lambda w, x: x @ w, jax.device_put(jnp.zeros((8, 16)), place)
    scaled, _ = jinit.lsuv(apply, given, KEY, X)
    assert scaled.sharding.is_equivalent_to(place, 2)
    expected = jinit.lsuv(apply, jnp.zeros((8, 16)), KEY, X).params
    assert jnp.allclose(scaled, expected, atol=1e-5)


def test_the_record_prints_and_plots(tmp_path):
    apply, params, x = SMALL["plain"]()
    _, record = jinit.lsuv(apply, params, KEY, x)
    assert str(record).splitlines()[0].split() == [
        "layer", "std", "before", "scale", "std", "after",
    ]  # fmt: skip
    assert len(str(record).splitlines()) == 1 + len(record)
    record.plot(str(tmp_path / "lsuv.png"))
    assert (tmp_path / "lsuv.png").stat().st_size > 1000


def test_progress_is_told_pass_by_pass():
    said: list[str] = []
    apply, params, x = SMALL["plain"]()
    jinit.lsuv(apply, params, KEY, x, progress=said.append)
    assert said == ["lsuv: pass 1", "lsuv: pass 2"]


@pytest.mark.parametrize(
    ("apply", "x", "message"),
    [
        (lambda w, x: x @ w, X.at[3, 2].set(jnp.nan), "inf or nan first in the batch"),
        (lambda w, x: jnp.log(x @ w) @ w, X, r"first in `log`, after "),
        (lambda w, x: 0 * x @ w, X, "constant output"),
        (lambda w, x: x.sum() + w.sum(), X, "a model with a layer"),
    ],
)
def test_what_can_not_be_scaled_is_refused(apply, x, message):
    with pytest.raises(ValueError, match=rf"`jinit.lsuv` needs.*{message}"):
        jinit.lsuv(apply, jnp.eye(8), x, start="given")


def test_a_layer_in_a_branch_is_warned_of():
    def apply(p, x):
        return jax.lax.cond(x[0, 0] > 0, lambda x: x @ p["a"], jnp.tanh, x) @ p["o"]

    with pytest.warns(UserWarning, match=r"not scaled.*Got a\.") as warned:
        _, record = jinit.lsuv(apply, dict.fromkeys("ao", jnp.eye(8)), X, start="given")
    assert warned[0].filename == __file__
    assert [each.name for each in record] == ["o"]


def test_the_orthonormal_start_needs_a_key():
    with pytest.raises(ValueError, match=r"`jinit.lsuv` needs a key"):
        jinit.lsuv(lambda w, x: x @ w, jnp.eye(8), X)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"target": 0.0}, "`target` above 0"),
        ({"target": float("nan")}, "`target`"),
        ({"tolerance": -1.0}, "`tolerance`"),
        ({"max_passes": 0}, "`max_passes`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, named):
    with pytest.raises((TypeError, ValueError), match=rf"`jinit.lsuv` needs {named}"):
        jinit.lsuv(lambda w, x: x @ w, jnp.eye(8), KEY, X, **settings)


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match=r"`jinit.lsuv` needs .* arrays only. Got 2.0"):
        jinit.lsuv(lambda p, x: x @ p[0] * p[1], [jnp.eye(8), 2.0], X, start="given")


FITS = {
    "lsuv": lambda x, **more: jinit.lsuv(MLP.apply, PARAMS, KEY, x, **more),
    "weight_norm_init": lambda x, **more: jinit.weight_norm_init(
        MLP.apply, PARAMS, KEY, x, **more
    ),
    "within_layer": lambda x, **more: jinit.within_layer(
        MLP.apply, PARAMS, KEY, x, **more
    ),
}
MLP: Any = nn.Sequential([nn.Dense(6), nn.relu, nn.Dense(4)])
PARAMS = MLP.init(KEY, X)
each_fit = pytest.mark.parametrize("name", FITS)


def stopping(at):
    """Told of a pass, presses Ctrl-C if it is that one."""

    def tell(line):
        if line.endswith(f"pass {at}"):
            raise KeyboardInterrupt

    return tell


@each_fit
def test_a_ctrl_c_keeps_the_last_whole_pass(name):
    with pytest.raises(KeyboardInterrupt):
        FITS[name](X, progress=stopping(1))
    with pytest.warns(UserWarning, match=f"jinit.{name}` was stopped"):
        params, record = FITS[name](X, progress=stopping(2))
    z = MLP.apply(params, X)
    assert float(z.std()) == pytest.approx(1, abs=0.01)
    units = getattr(record, "units", record)
    # The factor is known; what came of it was not measured.
    assert units.layers[-1].scale != 1
    assert np.isnan(units.layers[-1].after).all()
    assert len(getattr(record, "rates", ())) == 0
    assert "–" in str(record)
    record.plot()


@pytest.mark.parametrize("name", ["lsuv", "weight_norm_init"])
def test_batches_may_differ_in_size(name):
    _, record = FITS[name]([X, X[:20], X], tolerance=1e-9, max_passes=3)
    assert np.median(record.layers[-1].after) == pytest.approx(1, abs=1e-3)
