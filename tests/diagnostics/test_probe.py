import dataclasses
import json
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._diagnostics.foretold import with_plan
from jinit._diagnostics.measure import BINS
from tests.helpers import compiled_for
from tests.zoo.entry import normals
from tests.zoo.noise import probed, X
from tests.zoo.small import SMALL


# Three standard deviations of log rms per relu layer of width n are CHANCE / √n.
CHANCE = 3 * math.sqrt(5) / 2
X = X[:, :64]


def test_every_number_is_that_of_the_hand_written_network():
    w1, w2 = normals(64, 32), normals(32, 3, seed=1)
    w1 = w1.at[:, :4].set(-jnp.abs(w1[:, :4]))
    x = jnp.abs(X) / jnp.sqrt(jnp.mean(X**2))
    b1 = jnp.where(jnp.arange(32) < 4, -1.0, 0.5)

    def tapped(taps):
        z1 = x @ w1 + b1 + taps[0]
        z2 = jax.nn.relu(z1) @ w2 + taps[1]
        return jnp.mean(z2**2), (z1, z2)

    taps = [jnp.zeros((256, 32)), jnp.zeros((256, 3))]
    gradients, (z1, z2) = jax.grad(tapped, has_aux=True)(taps)
    apply = lambda p, x: jax.nn.relu(x @ p[0] + p[1]) @ p[2]
    with pytest.warns(UserWarning, match="mean 0.8"):
        seen = jinit.probe(apply, [w1, b1, w2], x, loss=lambda y: jnp.mean(y**2))
    first, second = seen.layers

    near = lambda value: pytest.approx(float(value), rel=1e-5)
    z1, z2, g1, g2 = map(np.asarray, (z1, z2, *gradients))
    rms = lambda a: np.sqrt(np.mean(np.square(np.asarray(a, float))))
    assert (first.mean, first.std) == (near(z1.mean()), near(z1.std()))
    assert first.second_moment == near(rms(z1) ** 2)
    assert first.activation_std == near(np.maximum(z1, 0).std())
    assert first.saturated == near(np.mean(z1 <= 0))
    assert first.dead == np.mean((z1 <= 0).all(0)) >= 4 / 32
    assert (first.gradient_std, second.gradient_std) == (near(g1.std()), near(g2.std()))
    assert first.weight_variance == near(64 * rms(w1) ** 2)
    assert (first.ratio, second.ratio) == (
        near(rms(z1) / rms(x)),
        near(rms(z2) / rms(z1)),
    )
    assert first.gradient_ratio == near(g1.std() / g2.std())
    assert first.predicted_ratio == near(
        math.sqrt(64 * rms(w1) ** 2 + rms(b1) ** 2 / rms(x) ** 2)
    )
    assert second.predicted_ratio == near(math.sqrt(32 * rms(w2) ** 2 / 2))
    assert first.predicted_gradient_ratio == near(math.sqrt(3 * rms(w2) ** 2 / 2))
    assert (first.activation, second.activation) == ("relu", "identity")
    assert (first.hidden, second.hidden) == (True, False)


@pytest.mark.parametrize("side", ["activation", "gradient"])
def test_histograms_hold_every_entry_between_the_extremes(side):
    for layer in probed("tanh", "lecun_normal").layers:
        histogram = getattr(layer, f"{side}_histogram")
        assert len(histogram.counts) == BINS
        assert sum(histogram.counts) == math.prod(layer.shape)
        centers = np.linspace(histogram.low, histogram.high, 2 * BINS + 1)[1::2]
        mean = np.average(centers, weights=histogram.counts)
        spread = np.sqrt(np.average((centers - mean) ** 2, weights=histogram.counts))
        bin_width = (histogram.high - histogram.low) / BINS
        assert abs(spread - getattr(layer, f"{side}_std")) < bin_width


@pytest.mark.parametrize(
    ("activation", "init"),
    [
        ("relu", "he_normal"),
        ("relu", "fan_in_uniform"),
        ("tanh", "normal(1.0)"),
        ("gelu", "lecun_normal"),
        ("selu", "lecun_normal"),
    ],
)
def test_theory_predicts_the_growth_of_a_wide_network(activation, init):
    width = 512
    layers = probed(activation, init, depth=3, width=width).layers
    slack = 2 * CHANCE / math.sqrt(width)
    for layer in layers[:-1]:
        assert abs(math.log(layer.ratio / layer.predicted_ratio)) < slack
    for layer in layers[:-2]:
        growth = layer.gradient_ratio / layer.predicted_gradient_ratio
        assert abs(math.log(growth)) < slack


@pytest.mark.filterwarnings("ignore:The input has mean")
@pytest.mark.parametrize("name", SMALL)
def test_every_kind_of_model_is_probed(name):
    seen = jinit.probe(*SMALL[name]())
    for layer in seen.layers:
        assert layer.std > 0
        assert math.isfinite(layer.gradient_std or math.nan)
        assert layer.name in str(seen)
    assert seen.verdict


@pytest.mark.filterwarnings("ignore:The input has mean")
def test_an_activation_behind_a_normalization_is_measured_but_not_foretold():
    first, second = jinit.probe(*SMALL["batch norm"]()).layers
    assert first.normalized
    assert first.activation == "silu"
    assert first.saturated is not None
    assert second.predicted_ratio is None


def test_the_default_loss_sends_back_a_gradient_of_unit_variance():
    layers = probed("relu", "he_normal").layers
    size = math.prod(layers[-1].shape)
    assert abs(layers[-1].gradient_std - 1) < 4.89 / math.sqrt(2 * size)
    again = probed("relu", "he_normal", key=jax.random.key(0)).layers
    other = probed("relu", "he_normal", key=jax.random.key(1)).layers
    assert again == layers != other


def test_one_compilation_serves_all_weights_of_one_shape():
    draws = [jinit.lecun_normal(jax.random.key(seed), (64, 8)) for seed in range(3)]
    probe = lambda w: jinit.probe(lambda w, x: jnp.tanh(x @ w), w, X)
    probe(draws[0])
    assert compiled_for(lambda: [probe(w) for w in draws[1:]]) == 0


def test_an_apply_that_has_no_hash_is_probed_all_the_same():
    class Apply:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, w, x):
            return x @ w

    assert jinit.probe(Apply(), jnp.eye(64), X).layers[0].ratio == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-25, 1e15])
def test_a_square_neither_vanishes_nor_overflows(scale):
    w = scale * jinit.he_normal(jax.random.key(0), (64, 64))
    layer, _ = jinit.probe(lambda w, x: (x @ w) @ (w / scale), w, X).layers
    assert layer.std == pytest.approx(scale * float(jnp.std(X @ (w / scale))), rel=1e-5)
    assert layer.ratio == pytest.approx(layer.predicted_ratio, rel=0.2)


def test_the_record_is_plain_json():
    seen = probed("relu", "he_normal")
    loaded = json.loads(json.dumps(seen.to_dict()))
    assert loaded["verdict"] == seen.verdict
    assert loaded["layers"][1]["std"] == seen.layers[1].std


def test_it_prints_as_a_table_with_the_verdict():
    rich = pytest.importorskip("rich.console")
    seen = probed("relu", "he_normal")
    console = rich.Console(width=100)
    with console.capture() as printed:
        console.print(seen)
    for text in (str(seen), printed.get()):
        assert seen.verdict in text
        assert all(f"{layer.std:.3g}" in text for layer in seen.layers)


# A plan


def _planned(scale, **options):
    apply = lambda p, x: jax.nn.relu(jax.nn.relu(x @ p["a"]) @ p["b"]) @ p["c"]
    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    shapes = {"a": shape(64, 128), "b": shape(128, 128), "c": shape(128, 64)}
    plan = jinit.explain(apply, shapes, X)
    params = plan.draw(jax.random.key(0), shapes)
    params["b"] = scale * params["b"]
    return jinit.probe(apply, params, X, plan=plan, **options), plan


def test_a_plan_stands_beside_what_is_measured():
    seen, plan = _planned(1.0)
    told = {choice.path: choice for choice in plan}
    for layer in seen.layers:
        assert layer.predicted_second_moment == told[layer.path].makes
        assert layer.predicted_signal_second_moment == told[layer.path].reads
        assert layer.second_moment == pytest.approx(told[layer.path].makes, rel=0.3)
        signal = layer.signal_second_moment
        assert signal == pytest.approx(layer.predicted_signal_second_moment, rel=0.3)
    assert seen.parting == ""
    assert "z²/plan" in str(seen)
    assert "plan: E z² is as predicted in all 3 layers that it is sure of" in str(seen)
    assert json.loads(json.dumps(seen.to_dict()))["layers"][0]["off"] > 0.7


def test_the_first_layer_where_plan_and_measurement_part_is_named():
    seen, plan = _planned(2.0)
    assert seen.parting == "b"
    assert "parts from the measured first at b" in str(seen)
    figure = pytest.importorskip("matplotlib.figure")
    assert isinstance(seen.plot(), figure.Figure)
    unsure = [dataclasses.replace(c, doubt="odd") if c.path == "b" else c for c in plan]
    layers = with_plan(seen.layers, type(plan)(tuple(unsure)))
    seen = dataclasses.replace(seen, layers=layers)
    assert seen.parting == "c"
    assert re.search(r"unsure: b [345]\.\d+x \(odd\)", str(seen))
    with pytest.raises(TypeError, match=r"one of `jinit\.explain`"):
        with_plan(seen.layers, "plan")
    with pytest.raises(ValueError, match="of this model"):
        with_plan(seen.layers, type(plan)(()))


# Refusals


@pytest.mark.parametrize(
    ("mean", "std", "said"), [(3.0, 1.0, "mean 3 "), (0.0, 0.1, "E x², here 0.01")]
)
def test_an_input_of_another_scale_is_warned_of(mean, std, said):
    with pytest.warns(UserWarning, match=said):
        jinit.probe(lambda w, x: x @ w, jnp.eye(64), mean + std * X)


def test_tokens_have_no_scale_to_warn_of():
    apply = lambda p, tokens: p["table"][tokens] @ p["out"]
    params = {"table": jnp.ones((10, 8)), "out": jnp.ones((8, 10))}
    assert jinit.probe(apply, params, jnp.arange(6)).layers[0].name == "out"


def _refused(error, match, apply, params, x, **kwargs):
    with pytest.raises(error, match=match):
        jinit.probe(apply, params, x, **kwargs)


def _two(p, x):
    return jnp.log(x @ p["a"] @ p["b"])


def test_the_first_place_that_is_not_finite_is_named():
    eye = jnp.eye(64)
    good = {"a": eye, "b": eye}
    _refused(ValueError, r"first at parameter b\.$", _two, good | {"b": eye / 0}, X)
    _refused(ValueError, r"first at the batch\.$", _two, good, X.at[0, 0].set(jnp.nan))
    _refused(
        ValueError, "first at b. Weights", _two, {"a": 1e30 * eye, "b": 1e30 * eye}, X
    )
    _refused(ValueError, "first at `log`, after b", _two, good, X)


def test_a_gradient_that_is_not_finite_is_named():
    apply = lambda p, x: jnp.sqrt(jnp.abs(x @ p["a"]) @ p["b"])
    params = {"a": jnp.eye(64), "b": jnp.zeros((64, 4))}
    _refused(ValueError, "first at the gradient at b", apply, params, X)


def test_a_model_without_layers_is_refused():
    w = jnp.ones((64, 3))
    _refused(ValueError, "instead of closing over", lambda p, x: x @ w, {}, X)


def test_layers_in_a_branch_are_not_seen_but_named():
    def apply(p, x):
        branches = (lambda x: jnp.tanh(x @ p["a"]), lambda x: x @ p["b"])
        return jax.lax.cond(x[0, 0] > 0, *branches, x) @ p["o"]

    seen = jinit.probe(apply, dict.fromkeys("abo", jnp.eye(64)), X)
    assert [layer.name for layer in seen.layers] == ["o"]
    assert set(seen.unseen) == {"a", "b"}
    assert f"`shard_map`: {', '.join(seen.unseen)}" in str(seen)


def test_parameters_that_are_no_arrays_are_refused():
    _refused(TypeError, "Got 'relu'", lambda p, x: x, {"activation": "relu"}, X)


def test_complex_layers_are_refused():
    apply = lambda p, x: jnp.abs(x @ p["w"])
    _refused(TypeError, "Got complex64 at w", apply, {"w": jnp.eye(64) + 0j}, X)


def test_an_empty_batch_is_refused():
    empty = jnp.zeros((0, 64))
    _refused(ValueError, r"\(0, 64\)", lambda w, x: x @ w, jnp.eye(64), empty)


def test_a_loss_that_is_no_scalar_is_refused():
    loss = lambda y: y.mean(-1)
    _refused(ValueError, r"\(256,\)", lambda w, x: x @ w, jnp.eye(64), X, loss=loss)


def test_an_output_without_a_gradient_is_refused():
    classify = lambda w, x: jnp.argmax(x @ w, -1)
    _refused(ValueError, "floating dtype", classify, jnp.eye(64), X)


def _scanned(params, x):
    step = lambda x, w: (jnp.tanh(x @ w), None)
    return jax.lax.scan(step, x, params)[0]


def _unrolled(params, x):
    for w in params:
        x = jnp.tanh(x @ w)
    return x


def test_scanned_layers_are_probed_as_if_unrolled():
    weights = normals(4, 32, 32) / 5
    x = normals(64, 32, seed=1)
    scanned, unrolled = (
        jinit.probe(_scanned, weights, x),
        jinit.probe(_unrolled, list(weights), x),
    )
    assert [layer.name for layer in scanned.layers] == [f"[{i}]" for i in range(4)]
    for one, other in zip(scanned.layers, unrolled.layers, strict=True):
        for field in ("std", "activation_std", "gradient_std", "dead", "saturated"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-4)
        for field in ("ratio", "predicted_ratio"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-4)
        assert one.activation == other.activation == "tanh"
    for one, other in list(zip(scanned.layers, unrolled.layers, strict=True))[:-1]:
        assert one.gradient_ratio == pytest.approx(other.gradient_ratio, rel=1e-4)
        assert one.predicted_gradient_ratio == pytest.approx(
            other.predicted_gradient_ratio, rel=1e-4
        )


def test_a_mesh_of_explicit_axes_changes_no_number():
    explicit = (jax.sharding.AxisType.Explicit,)
    mesh = jax.make_mesh((2,), ("rows",), explicit, devices=jax.devices()[:2])
    place = lambda x, *spec: jax.device_put(
        x, jax.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec))
    )
    weights = normals(2, 8, 8) / 3
    x = normals(64, 8, seed=1)
    seen = jinit.probe(_scanned, place(weights), place(x, "rows"))
    expected = jinit.probe(_scanned, weights, x)
    for one, other in zip(seen.layers, expected.layers, strict=True):
        for field in ("std", "gradient_std", "saturated"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-4)


def test_a_reversed_scan_is_probed_from_its_last_slice_to_its_first():
    def backwards(params, x):
        step = lambda x, w: (jnp.tanh(x @ w), None)
        return jax.lax.scan(step, x, params, reverse=True)[0]

    weights = normals(3, 32, 32) / 5
    x = normals(64, 32, seed=1)
    seen = jinit.probe(backwards, weights, x).layers
    expected = jinit.probe(_unrolled, list(weights[::-1]), x).layers
    for one, other in zip(reversed(seen), expected, strict=True):
        for field in ("std", "ratio", "predicted_ratio"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-4)


def test_a_kernel_that_a_loop_shares_is_one_layer_over_all_steps():
    def rnn(params, x):
        def step(h, x):
            h = jnp.tanh(x @ params["wi"] + h @ params["wh"].T)
            return h, h

        return jax.lax.scan(step, jnp.zeros((16, 8)), x)[1]

    params = {
        "wi": normals(4, 8),
        "wh": normals(8, 8, seed=1),
    }
    x = normals(5, 16, 4, seed=2)
    layers = {layer.path: layer for layer in jinit.probe(rnn, params, x).layers}
    assert list(layers) == ["wi", "wh"]
    assert layers["wi"].std == pytest.approx(float((x @ params["wi"]).std()), rel=1e-4)
    h = jnp.concatenate([jnp.zeros((1, 16, 8)), rnn(params, x)[:-1]])
    assert layers["wh"].std == pytest.approx(
        float((h @ params["wh"].T).std()), rel=1e-4
    )


def test_the_operation_that_first_makes_nan_is_named():
    def apply(params, x):
        x = jnp.tanh(x @ params["first"]["w"])
        return jnp.log(x - 2) @ params["second"]["w"]

    params = {"first": {"w": jnp.eye(4)}, "second": {"w": jnp.eye(4)}}
    x = normals(8, 4)
    with pytest.raises(ValueError, match=r"first at `log`, after first"):
        jinit.probe(apply, params, x)
