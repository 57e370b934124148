"""Recipes of vision models: the numbers of their code, and what they are for."""

import math

import jax
import jax.numpy as jnp
import pytest

import jinit
from jinit import recipes
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, normals
from tests.zoo.parts import attend, split_heads
from tests.zoo.plans import filled, laws, of_zoo
from tests.zoo.vision import Mixer

from .networks import CaiT, NFNet


PICTURES = image(2, 16, 16, 3)


def only(found, end):
    """The laws of the paths that end so, as a set."""
    return {law for path, law in found.items() if path.endswith(end)}


def test_mixer_takes_the_fan_of_tokens_and_of_channels_and_starts_at_chance():
    model = shapes(Mixer(depth=1), PICTURES)
    found = laws(model, recipes.mixer())
    fans = {"stem": 48, "MixerBlock_0/tokens_in": 16, "MixerBlock_0/tokens_out": 64,
            "MixerBlock_0/channels_in": 64,
            "MixerBlock_0/channels_out": 256}  # fmt: skip
    for name, fan_in in fans.items():
        law = found[f"params/{name}/kernel"]
        assert law.settings["fans"][0] == fan_in
        assert law.std((64, 64)) == pytest.approx(fan_in**-0.5)
    logits = jax.jit(model[0])(filled(model, found), normals(2, 16, 16, 3))
    assert not logits.any()
    loss = -jax.nn.log_softmax(logits)[0, 3]
    assert float(loss) == pytest.approx(math.log(10))


def test_convnext_cuts_nothing_and_almost_closes_its_branches():
    found = of_zoo("convnext", recipes.convnext(head_scale=0.001))
    assert only(found, "gamma") == {jinit.constant(1e-6)}
    kernel = found["block_00/Conv_0/kernel"]
    assert kernel.std((7, 7, 1, 32)) == pytest.approx(0.02)
    assert kernel.support((7, 7, 1, 32)) == (-2, 2)
    assert found["head/kernel"].std((64, 10)) == pytest.approx(2e-5)
    rest = [law for path, law in found.items()
            if path.endswith("/kernel") and path != "head/kernel"]  # fmt: skip
    assert {*rest} == {kernel}


def test_convnext_without_its_scales_has_to_be_said():
    model = shapes(Mixer(depth=1), PICTURES)
    with pytest.raises(jinit.UnmatchedError, match="on a residual branch"):
        laws(model, recipes.convnext())
    law = laws(model, recipes.convnext(layer_scale=None))["params/head/kernel"]
    assert law.std((64, 10)) == pytest.approx(0.02)


def test_swin_v2_starts_every_block_as_the_identity():
    found = of_zoo("swin_v2", recipes.swin())
    closing = {path for path, law in found.items() if law == jinit.zeros}
    scales = {path for path in closing if path.endswith("scale")}
    blocks = [f"block_{i}{j}/LayerNorm_{k}/scale" for i in (0, 1) for j in (0, 1)
              for k in (0, 1)]  # fmt: skip
    assert scales == {*blocks}
    assert only(found, "logit_scale") == {jinit.constant(math.log(10))}
    for leaf, shape in (("kernel", (2, 2, 3, 32)), ("bias", (32,))):
        bound = found[f"embed/{leaf}"].support(shape)[1]
        assert bound == pytest.approx(12**-0.5)
    inner = {law for path, law in found.items()
             if path.endswith("kernel") and path != "embed/kernel"}  # fmt: skip
    (law,) = inner
    assert law.std((8, 8)) == pytest.approx(0.02)


def test_swin_v1_has_a_table_of_positions_and_its_norms_at_1():
    def apply(p, x):
        h = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)
        parts = jnp.split(h * p["scale"] @ p["qkv"], 3, -1)
        place = jnp.arange(4)[:, None] - jnp.arange(4) + 3
        bias = jnp.moveaxis(p["table"][place], -1, 0)
        q, k, v = (split_heads(each, 2) for each in parts)
        return x + attend(q, k, v, bias) @ p["out"]

    params = {"scale": image(16), "qkv": image(16, 48), "out": image(16, 16),
              "table": image(7, 2)}  # fmt: skip
    found = laws((apply, params, image(2, 4, 16)), recipes.swin())
    assert found["scale"] == jinit.ones
    assert {found[each].std((8, 8)) for each in ("qkv", "out", "table")} == {0.02}


@pytest.mark.parametrize("scanned", [False, True])
def test_layer_scale_sets_every_multiplier_and_weights_as_cait(scanned):
    found = laws(shapes(CaiT(2, scanned), PICTURES), recipes.layer_scale())
    gates = [path for path in found if "gamma" in path]
    assert len(gates) == 2 * ((1 if scanned else 2) + 2)  # those of the class as well
    assert {found[path] for path in gates} == {jinit.constant(0.1)}
    assert found["params/class_0/up/kernel"].std((8, 32)) == pytest.approx(0.02)
    assert found["params/positions"] == found["params/cls"]
    bound = found["params/patches/bias"].support((8,))[1]
    assert bound == pytest.approx(48**-0.5)


def layers(params, x):
    """Layers of two branches with a multiplier each, in a loop."""

    def layer(x, p):
        for i in range(2):
            x = x + p["gamma"][i] * (jnp.tanh(x @ p["up"][i]) @ p["down"][i])
        return x, None

    return jax.lax.scan(layer, x, params)[0]


@pytest.mark.parametrize(
    ("depth", "value"), [(18, 0.1), (19, 1e-5), (24, 1e-5), (25, 1e-6), (48, 1e-6)]
)
def test_layer_scale_is_by_depth(depth, value):
    params = {"gamma": image(depth, 2, 8), "up": image(depth, 2, 8, 8),
              "down": image(depth, 2, 8, 8)}  # fmt: skip
    found = laws((layers, params, image(2, 8)), recipes.layer_scale())
    assert found["gamma"] == jinit.constant(value)


def test_layer_scale_takes_a_value_and_needs_multipliers():
    params = {"gamma": image(3, 2, 8), "up": image(3, 2, 8, 8),
              "down": image(3, 2, 8, 8)}  # fmt: skip
    for recipe, gamma in (
        (recipes.layer_scale(0.01), 0.01),
        (recipes.layer_scale(layers=36), 1e-6),
    ):
        assert laws((layers, params, image(2, 8)), recipe)["gamma"].mean(()) == gamma
    bare = lambda p, x: x + jnp.tanh(x @ p["up"]) @ p["down"]
    model = bare, {"up": image(8, 8), "down": image(8, 8)}, image(2, 8)
    with pytest.raises(jinit.UnmatchedError, match=r"layer_scale\(\)"):
        laws(model, recipes.layer_scale())


@pytest.mark.parametrize("name", ["relu", "gelu", "sigmoid"])
def test_gains_of_nfnet_are_exact_where_the_published_ones_are_of_a_draw(name):
    moments = jinit.gaussian_moments(name)
    variance = moments.second - moments.mean**2
    assert recipes.nfnet_gain(name) ** 2 * variance == pytest.approx(1, rel=1e-12)


def test_nfnet_starts_every_block_as_its_shortcut():
    model = shapes(NFNet(), PICTURES)
    found = laws(model, recipes.nfnet())
    assert only(found, "skip_gain") == {jinit.constant(0.0)}
    assert only(found, "/gain") == {jinit.ones}
    standard = found["params/block_2/conv_1/kernel"]  # of two groups
    assert standard == jinit.lecun_normal(distribution="normal", fans=(144, 36))
    assert found["params/block_2/squeeze/kernel"].std((64, 32)) == pytest.approx(
        64**-0.5 * jinit.truncated_normal(stddev=1.0).std((4, 4))
    )
    assert found["params/head/kernel"] == jinit.normal(stddev=0.01)
    forward, x = jax.jit(model[0]), normals(2, 16, 16, 3)
    outputs = forward(filled(model, found), x)
    for inside, ignored in (("block_1/conv", True), ("block_2/shortcut", False)):
        other = {path: jinit.normal(stddev=3.0) for path in found if inside in path}
        changed = forward(filled(model, found | other), x)
        assert jnp.array_equal(changed, outputs) == ignored


def test_nfnet_puts_the_gain_of_bare_activations_into_the_kernels_that_read_them():
    found = laws(shapes(NFNet(gamma=1.0), PICTURES), recipes.nfnet("gelu"))
    gamma = jinit.constant(recipes.nfnet_gain("gelu"))
    gains = {path: law for path, law in found.items() if path.endswith("/gain")}
    linear = {"params/stem_0/gain", "params/last/gain"}  # they read no activation
    assert {path for path, law in gains.items() if law == jinit.ones} == linear
    assert {gains[path] for path in gains.keys() - linear} == {gamma}


def test_a_gain_of_a_kernel_that_closes_a_branch_is_none_of_the_branch():
    def apply(p, x):
        w = p["w"] - p["w"].mean(0)
        w = w * (p["gain"] / jnp.sqrt((w**2).sum(0) + 1e-4))
        return x + p["skip_gain"] * (jax.nn.gelu(x) @ w)

    params = {"w": image(8, 8), "gain": image(8), "skip_gain": image()}
    found = laws((apply, params, image(2, 8)), recipes.nfnet())
    assert found["gain"] == jinit.ones
    assert found["skip_gain"] == jinit.constant(0.0)


def test_nfnet_needs_kernels_that_the_model_standardizes():
    model = shapes(Mixer(depth=1), PICTURES)
    with pytest.raises(jinit.UnmatchedError, match="normalized by the model"):
        laws(model, recipes.nfnet(skip_gain=None))
    with pytest.raises(ValueError, match=r"`jinit.recipes.nfnet`.*'geloo'"):
        recipes.nfnet("geloo")
