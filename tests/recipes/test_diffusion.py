"""Recipes of diffusion models: what starts closed, and how large all else is."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import recipes
from tests.zoo.entry import image, normals, text
from tests.zoo.plans import filled, laws, of_zoo

from .networks import EDM2


def test_dit_closes_what_scales_the_stream_and_the_head():
    found = of_zoo("dit", recipes.dit())
    zero = {path for path, law in found.items()
            if law == jinit.zeros and path.endswith("kernel")}  # fmt: skip
    blocks = {f"block_{i}/modulation/kernel" for i in range(2)}
    assert zero == blocks | {"modulation/kernel", "head/kernel"}
    small = {path for path, law in found.items() if law == jinit.normal(stddev=0.02)}
    assert small == {"time_in/kernel", "time_out/kernel", "labels/embedding"}
    bound = found["Conv_0/kernel"].support((2, 2, 4, 64))[1]
    assert bound == pytest.approx(math.sqrt(6 / (16 + 64)))  # as a linear layer
    bound = found["block_1/Dense_0/kernel"].support((64, 192))[1]
    assert bound == pytest.approx(math.sqrt(6 / (64 + 192)))


def embedded(params, time):
    waves = jnp.sin(time[:, None] * jnp.arange(1, 9))
    return jax.nn.silu(waves @ params["time_in"]) @ params["time_out"]


def modulated(params, x, time, label):
    """Residual MLPs in a loop, which time and label scale, shift and gate.

    Time is added to their input besides.
    """
    time = embedded(params, time)
    c, x = jax.nn.silu(time + params["labels"][label]), x + time[:, None]

    def block(x, p):
        scale, shift, gate = (c @ p[name] for name in ("scale", "shift", "gate"))
        scale, shift, gate = (a[:, None] for a in (scale, shift, gate))
        h = (x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)) * (1 + scale) + shift
        a, b = jnp.split(h @ p["in"], 2, -1)
        return x + gate * ((jax.nn.silu(a) * b) @ p["out"]), None

    return jax.lax.scan(block, x, params["blocks"])[0] @ params["head"]


BLOCKS = {
    **{name: image(3, 8, 8) for name in ("scale", "shift", "gate")},
    "in": image(3, 8, 32),
    "out": image(3, 16, 8),
}
LOOP = (
    modulated,
    {
        "time_in": image(8, 8),
        "time_out": image(8, 8),
        "labels": image(6, 8),
        "blocks": BLOCKS,
        "head": image(8, 4),
    },
    image(2, 5, 8),
    image(2),
    text(2),
)


def test_dit_reads_a_loop_like_blocks_one_by_one_and_starts_each_as_the_identity():
    found = laws(LOOP, recipes.dit())
    zero = {path for path, law in found.items() if law == jinit.zeros}
    assert zero == {"blocks/scale", "blocks/shift", "blocks/gate", "head"}
    small = {path for path, law in found.items() if law == jinit.normal(stddev=0.02)}
    assert small == {"time_in", "time_out", "labels"}
    assert found["blocks/in"] == jinit.glorot_uniform(fans=(8, 32))  # a gated pair
    x, *condition = normals(2, 5, 8), normals(2), jnp.array([1, 2])
    params = filled(LOOP, found | {"head": jinit.normal(stddev=1.0)})
    stream = x + embedded(params, condition[0])[:, None]
    assert jnp.array_equal(modulated(params, x, *condition), stream @ params["head"])
    assert not modulated(filled(LOOP, found), x, *condition).any()


def joint(params, image, words, time, summary):
    """Two streams that attend to each other, under one condition (MMDiT, Flux)."""
    c = jax.nn.silu(embedded(params, time) + summary @ params["summary"])[:, None]
    streams = {"image": image @ params["patches"], "words": words @ params["tokens"]}
    parts, gates = [], {}
    for name, x in streams.items():
        p = params[name]
        shift, scale, gates[name] = jnp.split(c @ p["modulation"], 3, -1)
        parts.append((x * (1 + scale) + shift) @ p["qkv"])
    q, k, v = jnp.split(jnp.concatenate(parts, 1), 3, -1)
    y = jax.nn.softmax(q @ k.mT / 8**0.5) @ v
    y = {"image": y[:, : image.shape[1]], "words": y[:, image.shape[1] :]}
    x, z = (streams[n] + gates[n] * (y[n] @ params[n]["out"]) for n in streams)
    return x @ params["head"], z


def test_dit_of_two_streams_closes_both_and_leaves_what_makes_them():
    own = {"modulation": image(8, 24), "qkv": image(8, 24), "out": image(8, 8)}
    params = {"time_in": image(8, 8), "time_out": image(8, 8), "summary": image(6, 8),
              "patches": image(4, 8), "tokens": image(5, 8), "image": own,
              "words": own, "head": image(8, 4)}  # fmt: skip
    inputs = image(2, 4, 4), image(2, 3, 5), image(2), image(2, 6)
    found = laws((joint, params, *inputs), recipes.dit())
    zero = {path for path, law in found.items() if law == jinit.zeros}
    assert zero == {"image/modulation", "words/modulation", "head"}
    small = {path for path, law in found.items() if law == jinit.normal(stddev=0.02)}
    assert small == {"time_in", "time_out", "summary"}
    assert found["tokens"] == jinit.glorot_uniform(fans=(5, 8))


def test_dit_knows_a_condition_by_its_places_where_it_scales_but_once():
    def once(p, x, time):
        c = (time[:, None] @ p["time"])[:, None]
        return jnp.tanh(x @ p["in"]) * (1 + jax.nn.silu(c) @ p["scale"]) @ p["head"]

    params = {"time": image(1, 8), "in": image(4, 8), "scale": image(8, 8),
              "head": image(8, 4)}  # fmt: skip
    found = laws((once, params, image(2, 3, 4), image(2)), recipes.dit())
    assert found["scale"] == found["head"] == jinit.zeros
    assert found["time"] == jinit.normal(stddev=0.02)


def test_dit_knows_a_condition_where_there_are_no_places():
    def vectors(p, x, time):
        c = jax.nn.silu(time[:, None] @ p["time"])
        h = jnp.tanh(x @ p["in"]) * (1 + c @ p["scale"])
        return (x + (c @ p["gate"]) * (h @ p["out"])) @ p["head"]

    params = {"time": image(1, 8), "scale": image(8, 16), "gate": image(8, 8),
              "in": image(8, 16), "out": image(16, 8), "head": image(8, 8)}  # fmt: skip
    found = laws((vectors, params, image(2, 8), image(2)), recipes.dit())
    zero = {path for path, law in found.items() if law == jinit.zeros}
    assert zero == {"scale", "gate", "head"}


def test_dit_needs_a_condition_that_scales_the_stream():
    def gated(p, x):
        a, b = jnp.split(x @ p["in"], 2, -1)
        return x + (jax.nn.silu(a) * b) @ p["out"]

    model = gated, {"in": image(8, 32), "out": image(16, 8)}, image(2, 8)
    with pytest.raises(jinit.UnmatchedError, match=r"a modulation.* of .*dit\(\)"):
        laws(model, recipes.dit())


def test_edm_almost_closes_branches_and_the_output():
    found = of_zoo("unet", recipes.edm())
    gains = {path: law.settings.get("gain", 1.0) for path, law in found.items()
             if path.endswith("kernel")}  # fmt: skip
    heads = {
        f"multi_head_attention/{name}/kernel" for name in ("query", "key", "value")
    }
    tiny = {path for path in gains if path.endswith("_last/kernel")} | {
        "head/kernel", "multi_head_attention/attention_output/kernel"}  # fmt: skip
    assert len(tiny) == 7
    for path, gain in gains.items():
        expected = 1e-5 if path in tiny else math.sqrt(0.2) if path in heads else 1.0
        assert gain == pytest.approx(expected), path
    std = found["head/kernel"].std((3, 3, 16, 3))  # k² · in and k² · out
    assert std == pytest.approx(1e-5 * math.sqrt(2 / (144 + 27)))
    assert found["down_32_last/bias"] == jinit.zeros


def test_edm_of_adm_has_biases_and_closes_all_of_the_branch():
    found = of_zoo("unet", recipes.edm("adm"))
    zero = {path for path, law in found.items() if law == jinit.zeros}
    for path in ("middle_last/kernel", "middle_last/bias", "head/kernel", "head/bias"):
        assert path in zero
    for leaf, shape in (("kernel", (3, 3, 16, 32)), ("bias", (32,))):
        bound = found[f"conv2d_3/{leaf}"].support(shape)[1]
        assert bound == pytest.approx(1 / 12)  # 1/√(9 · 16)


def labelled(params, x, label):
    x = x + jax.nn.silu(x @ params["in"] + params["labels"][label]) @ params["out"]
    return x @ params["head"]


LABELLED = (
    labelled,
    {"labels": image(10, 16), "in": image(8, 16), "out": image(16, 8),
     "head": image(8, 8)},
    image(2, 8),
    text(2),
)  # fmt: skip


@pytest.mark.parametrize(
    ("model", "labels"), [("ddpm++", math.sqrt(2 * 10 / (10 + 16))), ("adm", 1.0)]
)
def test_a_table_of_labels_is_what_edm_makes_of_a_scaled_one_hot(model, labels):
    found = laws(LABELLED, recipes.edm(model))
    assert found["labels"].std((10, 16)) == pytest.approx(labels)
    params, x = filled(LABELLED, found), normals(2, 8)
    out = labelled(params, x, jnp.array([1, 2]))
    size = float(jnp.abs(out).max())
    assert size == 0 if model == "adm" else 1e-6 < size < 1e-4


def test_edm_needs_branches():
    model = lambda p, x: x @ p["w"], {"w": image(8, 8)}, image(2, 8)
    with pytest.raises(jinit.UnmatchedError, match="closes_residual"):
        laws(model, recipes.edm())


def edm2():
    module, inputs = EDM2(width=32), (image(2, 8, 8, 3), image(2), image(2, 5))
    params = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    return module.apply, params, *inputs


def test_edm2_draws_what_the_model_normalizes_and_starts_at_0():
    model = edm2()
    found = laws(model, recipes.edm2())
    kernels = {law for path, law in found.items() if path.endswith("weight")}
    assert kernels == {jinit.normal(stddev=1.0)}
    gains = {path for path, law in found.items() if law == jinit.zeros}
    assert gains == {f"params/{name}_gain" for name in (
        "block_0/emb", "block_1/emb", "out")}  # fmt: skip
    turn = 2 * math.pi
    assert found["params/rates"].std((32,)) == pytest.approx(turn)
    assert found["params/phases"].support((32,)) == pytest.approx((0, turn))
    params = filled(model, found)
    inputs = [normals(2, 8, 8, 3), normals(2, seed=1), jnp.eye(5)[:2]]
    forward = jax.jit(model[0])
    assert not forward(params, *inputs).any()
    # Every layer keeps the size of its signal: with the output's gain at 1, so does it.
    params["params"]["out_gain"] = jnp.ones(())
    size = np.sqrt(np.mean(np.square(forward(params, *inputs))))
    assert size == pytest.approx(1, abs=0.15)


def test_edm2_needs_kernels_that_the_model_normalizes():
    apply = lambda p, x: p["gain"] * (x @ p["w"])
    model = apply, {"w": image(8, 8), "gain": image()}, image(2, 8)
    with pytest.raises(ValueError, match=r"normalizes its kernels.*Got w of shape"):
        laws(model, recipes.edm2())
    plain = lambda p, x: x @ p["w"], {"w": image(8, 8)}, image(2, 8)
    with pytest.raises(jinit.UnmatchedError, match="a scalar"):
        laws(plain, recipes.edm2())
