import dataclasses
import math
import pickle
import re

import jax
import jax.numpy as jnp
import pytest

import jinit
from jinit._diagnostics.advice import suited
from tests.zoo.entry import normals
from tests.zoo.noise import probed, X


@pytest.mark.parametrize(
    ("activation", "init", "condition", "verdict"),
    [
        ("relu", "he_normal", "keeps", "keeps the scale: signal"),
        ("relu", "normal(0.01)", "shrinks", r"0\.08x per layer: gone by layer"),
        (
            "relu",
            "fan_in_uniform",
            "shrinks",
            r"0\.\d\dx per .* layer \d; use he_normal",
        ),
        ("relu", "lecun_normal", "shrinks", r"signal shrinks 0\.[67]\dx per layer"),
        ("relu", "normal(1.0)", "explodes", r"grows [78]\.\d\dx per layer: past 1000x"),
        ("relu", "zeros", "symmetric", "no training can tell them apart; use he_n"),
        ("relu", "constant(0.1)", "symmetric", "equal weights and equal gradients"),
        ("tanh", "normal(1.0)", "saturated", r"\d\d% of layer_\d lies where tanh is"),
        ("tanh", "normal(0.01)", "shrinks", "use glorot_uniform"),
        ("tanh", "zeros", "symmetric", "layer_1"),
        ("sigmoid", "lecun_normal", "gradient vanishes", "no scale of weights keeps"),
        ("sigmoid", "zeros", "symmetric", "of sigmoid: add normalization, or use tanh"),
        ("sigmoid", "sigmoid_uniform", "gradient vanishes", "no scale of weights"),
        ("selu", "lecun_normal", "keeps", "keeps the scale"),
        ("identity", "he_normal", "explodes", r"grows 1\.\d\dx .* use glorot_uniform"),
        ("gelu", "lecun_normal", "shrinks", r"use lecun_normal\(gain='gelu'\)"),
    ],
)
def test_known_cases_get_their_verdict(activation, init, condition, verdict):
    seen = probed(activation, init)
    assert seen.condition == condition
    assert re.search(verdict, seen.verdict)


@pytest.mark.parametrize(
    "activation",
    [
        "relu",
        "leaky_relu",
        "tanh",
        "identity",
        "selu",
        "elu",
        "gelu",
        "silu",
        "softsign",
    ],
)
def test_the_advice_is_true(activation):
    bad = probed(activation, "normal(0.01)")
    fix = suited(bad.layers[:-1]).scheme
    assert bad.condition != "keeps"
    assert bad.verdict.endswith(f"use {fix}")
    better = probed(activation, fix)
    # What no scale can mend is said to need something else.
    assert better.condition == "keeps" or "already" in better.verdict


@pytest.mark.parametrize("seed", range(6))
def test_chance_does_not_change_the_verdict(seed):
    assert probed("relu", "he_normal", width=64, seed=seed).condition == "keeps"
    assert probed("relu", "lecun_normal", seed=seed).condition == "shrinks"


def test_batch_norm_forgives_a_bad_start_but_not_equal_units():
    for init in ("normal(0.01)", "normal(1.0)", "he_normal"):
        assert probed("relu", init, batch_norm=True).condition == "keeps"
    assert probed("relu", "zeros", batch_norm=True).condition == "symmetric"


def test_deep_batch_norm_explodes_backward_whatever_the_weights():
    # √(π / (π − 1)) = 1.211 per layer: Yang et al. 2019.
    layers = probed("relu", "he_normal", depth=20, batch_norm=True)
    assert layers.condition == "gradient explodes"
    assert layers.verdict.endswith("add residual connections")
    growth = [layer.gradient_ratio for layer in layers.layers[1:-2]]
    seen = math.exp(sum(map(math.log, growth)) / len(growth))
    assert seen == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), rel=0.02)


def test_a_signal_that_decays_ever_more_slowly_is_never_gone():
    verdict = probed("tanh", "glorot_uniform", width=512).verdict
    assert "signal shrinks" in verdict
    assert "gone" not in verdict


def test_the_layer_where_the_signal_is_gone_is_foretold():
    layer = lambda seen: int(re.findall(r"gone by layer (\d+)", seen.verdict)[0])
    foretold = layer(probed("relu", "fan_in_uniform"))
    measured = layer(probed("relu", "fan_in_uniform", depth=12))
    assert foretold > 5
    assert abs(foretold - measured) <= 1


def test_a_gradient_that_passes_straight_through_a_quantizer_is_not_dead():
    def apply(weights, x):
        z = x @ weights[0]
        codes = weights[1][jnp.argmin(jnp.abs(z[..., None] - weights[1]), -1)]
        return jax.nn.relu((z + jax.lax.stop_gradient(codes - z)) @ weights[2])

    w = jinit.lecun_normal(jax.random.key(0), (128, 128))
    seen = jinit.probe(apply, [w, jnp.linspace(-2.0, 2.0, 9), w], X)
    quantized = seen.layers[0]
    assert (quantized.dead, quantized.saturated) == (0, 0)
    assert seen.condition != "dead"


def test_dead_units_are_reported():
    apply = lambda p, x: jax.nn.relu(jax.nn.relu(x @ p[0] + p[1]) @ p[2]) @ p[3]
    w = jinit.he_normal(jax.random.key(0), (128, 128))
    dead = jnp.where(jnp.arange(128) < 100, -50.0, 20.0)
    seen = jinit.probe(apply, [w, dead, w, w[:, :4]], X)
    assert seen.condition == "dead"
    assert "78% of the units of 0" in seen.verdict


def test_a_readout_of_zeros_wakes_after_one_step():
    w = jinit.he_normal(jax.random.key(0), (128, 128))
    apply = lambda p, x: jax.nn.relu(jax.nn.relu(x @ p["a"]) @ p["b"]) @ p["c"]
    seen = jinit.probe(apply, {"a": w, "b": w, "c": jnp.zeros((128, 4))}, X)
    assert seen.keeps
    assert "c starts at 0" in seen.verdict
    assert "wakes after one step" in seen.verdict
    assert "normalization" not in seen.verdict
    assert seen.require_healthy() is seen


def test_a_branch_of_zeros_wakes_after_one_step_and_a_product_of_zeros_never():
    w = jinit.he_normal(jax.random.key(0), (128, 128))
    block = lambda x, p: x + jax.nn.relu(x @ p["up"]) @ p["down"]
    weights = {"up": w, "down": jnp.zeros((128, 128))}
    apply = lambda p, x: block(block(x, p[0]), p[1]) @ p[2]
    seen = jinit.probe(apply, [weights, weights, w[:, :4] / 4], X)
    assert seen.keeps, seen.verdict
    assert "0/down and 1 more start at 0" in seen.verdict
    dead = {"up": jnp.zeros((128, 4)), "down": jnp.zeros((4, 128))}
    lora = lambda p, x: jax.nn.relu(x @ p["up"] @ p["down"]) @ p["w"]
    seen = jinit.probe(lora, dead | {"w": w}, X)
    assert not seen.keeps


def test_a_gate_of_zero_holds_back_its_branch_alone():
    w = jinit.he_normal(jax.random.key(0), (128, 128))
    block = lambda x, p: x + p["gate"] * (jax.nn.relu(x @ p["up"]) @ p["down"])
    weights = {"up": w, "down": w / 2, "gate": jnp.zeros(())}
    apply = lambda p, x: block(block(x @ p[2], p[0]), p[1]) @ p[3]
    seen = jinit.probe(apply, [weights, weights, w / 2**0.5, w[:, :4]], X)
    assert seen.keeps, seen.verdict
    assert "wake after one step" in seen.verdict


@pytest.mark.parametrize("scale", ["zeros", "stored"])
def test_a_norm_in_evaluation_mode_forgives_nothing(scale):
    def net(p, state, x):
        for w in p[:-1]:
            z = x @ w
            x = jax.nn.relu((z - state["mean"]) * jax.lax.rsqrt(state["var"] + 1e-5))
        return x @ p[-1]

    state = {"mean": jnp.zeros(16), "var": jnp.ones(16)}
    keys = jax.random.split(jax.random.key(1), 7)
    gain = {"zeros": 0.5, "stored": 0.5 * 2**0.5}[scale]
    weights = [gain * jinit.lecun_normal(key, (16, 16)) for key in keys]
    apply = lambda p, x: net(p["w"], p["batch_stats"], x)
    seen = jinit.probe(apply, {"w": weights, "batch_stats": state}, X[:, :16])
    assert not any(layer.normalized for layer in seen.layers)
    assert seen.condition == "shrinks"
    assert "use he_normal" in seen.verdict
    assert seen.stability.startswith("stability: relu hands on")


@pytest.mark.parametrize("depth", [1, 2])
def test_what_theory_says_must_decay_does_not_fit(depth):
    w = jinit.fan_in_uniform(jax.random.key(0), (8, 8))
    weights = [w] * depth + [w]

    def apply(p, x):
        for each in p[:-1]:
            x = jax.nn.relu(x @ each)
        return x @ p[-1]

    seen = jinit.probe(apply, weights, X[:, :8])
    assert (seen.layers[0].predicted_ratio or 0) < 0.7
    assert seen.condition == "shrinks"
    better = jinit.lecun_normal(jax.random.key(0), (8, 8))
    assert depth > 1 or jinit.probe(apply, [better] * 2, X[:, :8]).keeps


def test_require_healthy_names_the_layer_and_the_fix():
    seen = probed("relu", "normal(0.01)")
    with pytest.raises(
        jinit.UnhealthyError, match=r"first at layer_1\. Fix: use he_"
    ) as e:
        seen.require_healthy()
    assert (e.value.condition, e.value.layer) == ("shrinks", "layer_1")
    assert e.value.fix == "use he_normal"
    copy = pickle.loads(pickle.dumps(e.value))
    assert str(copy) == str(e.value)
    fit = probed("relu", "he_normal")
    assert fit.require_healthy() is fit


def test_what_no_scale_mends_is_not_blamed_on_jinits_own_scale():
    seen = probed("sigmoid", "lecun_normal(gain='sigmoid')")
    assert seen.keeps
    assert not seen.fits
    assert "as sigmoid does at every scale that keeps its signal" in seen.verdict


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        ("relu", "relu hands on a relative error of E z² as it is.*10% off after"),
        ("gelu", r"grows 1\.14x per gelu layer, 1\.96x over these 5"),
        ("tanh", r"shrinks 0\.46x per tanh layer"),
    ],
)
def test_stability_knows_the_activation_and_the_depth(activation, said):
    init = f"lecun_normal(gain={activation!r})"
    assert re.search(said, probed(activation, init).stability)


def test_zeros_in_one_layer_alone_do_not_make_it_symmetric():
    w = jinit.he_normal(jax.random.key(0), (128, 128))
    apply = lambda p, x: jnp.tanh(jnp.tanh(x @ p["a"]) @ p["b"]) @ p["c"]
    seen = jinit.probe(apply, {"a": 0 * w, "b": w, "c": w}, X)
    assert seen.condition != "symmetric"


def test_underflow_is_shrinking_not_symmetry():
    seen = probed("relu", "normal(1e-9)", depth=8)
    assert seen.condition == "shrinks"


def test_a_stride_does_not_count_as_a_vanishing_gradient():
    from flax import linen as nn

    class Strided(nn.Module):
        @nn.compact
        def __call__(self, x):
            for width in (32, 64, 128):
                conv = nn.Conv(width, (3, 3), 2, kernel_init=jinit.he_normal)
                x = nn.relu(conv(x))
            return nn.Dense(10)(x.mean((1, 2)))

    x = normals(16, 32, 32, 16)
    params = jax.jit(Strided().init)(jax.random.key(0), x)
    seen = jinit.probe(Strided().apply, params, x)
    assert seen.condition == "keeps"
    assert all((layer.gradient_ratio or 1) < 0.8 for layer in seen.layers[:2])


@pytest.mark.parametrize(
    "name", ["relu", "tanh", "sigmoid", "identity", "gelu", "selu"]
)
def test_the_gain_behind_an_advice_is_that_of_the_scheme(name):
    layer = probed("relu", "he_normal").layers[0]
    fix = suited([dataclasses.replace(layer, activation=name)])
    init = jinit.get(fix.scheme)
    fan = 256 if not fix.average else (256 + 64) / 2
    assert init.std((256, 64)) ** 2 * fan == pytest.approx(fix.gain**2)
