"""Recipes of language models that carry a state: the law of each parameter by layer."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit import recipes, ssm
from tests.recipes.states import (
    GeGLU,
    Mamba,
    RGLRU,
    rwkv,
    rwkv_shapes,
    SIZE,
    Stacked,
    WIDTH,
)
from tests.zoo import state_space  # noqa: F401 (its entries)
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text, ZOO
from tests.zoo.plans import KEY, laws
from tests.zoo.recurrent import MLSTM, SLSTM


def bound(law, *shape):
    return law.support(shape)[1]


def planned(name, recipe) -> dict[str, Any]:
    """The laws of a model of the zoo."""
    entry = ZOO[name]
    plan = jinit.explain(entry.model, *entry.inputs, rules=recipe)
    return {choice.path: choice.initializer for choice in plan}


@pytest.mark.parametrize("scan", [False, True])
def test_mamba_draws_as_torch_and_divides_the_ends_by_the_root_of_the_layers(scan):
    model = shapes(Stacked((Mamba,), depth=3, scan=scan), text(2, 5))
    found = laws(model, recipes.mamba())
    at = "params/layers/Mamba" if scan else "params/layer_2/Mamba"
    stack = (3,) if scan else ()
    inner = 2 * WIDTH
    for name, size, *shape in (
        ("in_proj/kernel", WIDTH**-0.5, WIDTH, 2 * inner),
        ("x_proj/kernel", inner**-0.5, inner, 12),
        ("dt_proj/kernel", 4**-0.5, 4, inner),
        ("out_proj/kernel", (3 * inner) ** -0.5, inner, WIDTH),
        ("conv1d/kernel", 4**-0.5, 4, 1, inner),
        ("conv1d/bias", 4**-0.5, inner),
    ):
        law = found[f"{at}/{name}"]
        assert bound(law, *stack, *shape) == pytest.approx(size)
        assert law.std((*stack, *shape)) == pytest.approx(size / 3**0.5)  # uniform
    assert found[f"{at}/A_log"] == ssm.mamba_a_log()
    assert found[f"{at}/D"] == jinit.ones
    low, high = found[f"{at}/dt_proj/bias"].support((inner,))
    steps = np.logaddexp(0, [low, high])
    assert steps == pytest.approx([0.001, 0.1], rel=1e-4)
    assert found["params/Embed_0/embedding"] == jinit.normal(stddev=0.02)


def test_mamba_2_has_a_rate_for_each_head():
    found = planned("mamba2", recipes.mamba())
    assert found["mixers/1/A_log"] == ssm.mamba2_a_log()
    assert found["mixers/1/dt_bias"] == ssm.mamba_dt_bias()
    assert found["mixers/1/D"] == jinit.ones
    assert bound(found["mixers/1/out/kernel"], 128, 64) == pytest.approx(256**-0.5)


@pytest.mark.parametrize("stacked", [False, True])
def test_rwkv7_starts_every_block_as_the_identity_and_vectors_by_layer(stacked):
    model = rwkv, rwkv_shapes(3, stacked), text(2, 5)
    found = laws(model, recipes.rwkv7())
    blocks = ["blocks"] if stacked else [f"blocks/{i}" for i in range(3)]
    for at in blocks:
        for end in ("att/output", "ffn/value"):
            assert found[f"{at}/{end}"] == jinit.zeros
        for name, gain in (("receptance", 1), ("key", 0.1), ("value", 1)):
            assert gain_of(found[f"{at}/att/{name}"]) == gain
        assert gain_of(found[f"{at}/ffn/key"]) == 1
    for name in "wavg":
        assert found[f"{blocks[-1]}/att/{name}1"] == jinit.zeros
        assert gain_of(found[f"{blocks[-1]}/att/{name}2"]) == 0.1
    assert found["emb"].support((32, 16)) == (-1e-4, 1e-4)
    assert gain_of(found["head"]) == pytest.approx(0.5 * math.sqrt(2))
    for leaf, name in (
        *((f"att/x_{c}", f"x_{c}") for c in "rwkvag"),
        *((f"att/{name}", name) for name in ("w0", "a0", "v0", "k_k", "k_a", "ln_x")),
        ("ffn/x_k", "ffn_x_k"),
    ):
        table = [_vector(name, i) for i in range(3)]
        each = [found[f"{at}/{leaf}"](KEY, (*[3] * stacked, WIDTH)) for at in blocks]
        assert np.reshape(each, (3, WIDTH)) == pytest.approx(np.array(table), rel=1e-5)
    bonus = found[f"{blocks[0]}/att/r_k"]
    assert bonus.support((*[3] * stacked, 2, SIZE)) == pytest.approx((-0.04, -0.04))


def _vector(name, layer):
    law = ssm.rwkv7(name, layer=layer, layers=3, head_size=SIZE)
    return np.asarray(law(None, (WIDTH,)))


def gain_of(law):
    assert law.law.name == "orthogonal"
    return law.settings.get("gain", 1.0)


def test_rwkv7_needs_its_vectors_and_the_size_of_its_heads():
    params = rwkv_shapes(2)
    for block in params["blocks"]:
        block["att"]["r_k"] = image(WIDTH)

    def flat(p, ids):
        parts = lambda block: block["att"] | {"r_k": block["att"]["r_k"].reshape(2, 8)}
        blocks = [block | {"att": parts(block)} for block in p["blocks"]]
        return rwkv(p | {"blocks": blocks}, ids)

    model = flat, params, text(2, 5)
    with pytest.raises(ValueError, match=r"`head_size` for jinit.recipes.rwkv7\(\)"):
        laws(model, recipes.rwkv7())
    told = laws(model, recipes.rwkv7(head_size=8))["blocks/1/att/w0"]
    assert told == ssm.rwkv7("w0", layer=1, layers=2, head_size=8)
    with pytest.raises(jinit.UnmatchedError, match=r"'x_r'.* of jinit.recipes.rwkv7"):
        laws(shapes(Stacked((Mamba,)), text(2, 5)), recipes.rwkv7())


@pytest.mark.parametrize("scan", [False, True])
def test_recurrent_gemma_counts_fans_as_its_code_and_scales_ends_by_depth(scan):
    model = shapes(Stacked((RGLRU, GeGLU), depth=3, scan=scan), text(2, 5))
    found = laws(model, recipes.recurrent_gemma())
    at = "params/layers" if scan else "params/layer_1"
    stack = (3,) if scan else ()
    for name, variance, *shape in (
        ("RGLRU/linear_x/kernel", 1 / WIDTH, WIDTH, WIDTH),
        ("RGLRU/linear_out/kernel", 2 / (3 * WIDTH), WIDTH, WIDTH),
        ("RGLRU/a_gate", 1 / WIDTH, 2, SIZE, SIZE),  # both blocks count
        ("RGLRU/conv_1d", 0.01 / 4, 4, WIDTH),
        ("GeGLU/ffw_up", 1 / (2 * WIDTH), 2, WIDTH, 3 * WIDTH),  # both slices do
        ("GeGLU/ffw_down/kernel", 2 / (3 * 3 * WIDTH), 3 * WIDTH, WIDTH),
    ):
        law = found[f"{at}/{name}"]
        assert law.std((*stack, *shape)) ** 2 == pytest.approx(variance)
    decays = np.exp(-np.logaddexp(0, found[f"{at}/RGLRU/a_param"].support((WIDTH,))))
    assert sorted(decays) == pytest.approx([0.9, 0.999], rel=1e-4)
    assert found["params/Embed_0/embedding"].std((32, WIDTH)) == WIDTH**-0.5
    with pytest.raises(jinit.UnmatchedError, match=r"of jinit.recipes.recurrent_gem"):
        laws(shapes(Stacked((Mamba,)), text(2, 5)), recipes.recurrent_gemma())


def test_xlstm_starts_gates_open_and_ends_by_the_number_of_blocks():
    found = planned("xlstm", recipes.xlstm())
    d, small = 64, math.sqrt(2 / (5 * 64))
    for i in (0, 2):
        at = f"params/block_{i}"
        for gate in ("forget", "input"):
            assert found[f"{at}/{gate}/kernel"] == jinit.zeros
        assert found[f"{at}/forget/bias"](None, (4,)).tolist() == [3, 4, 5, 6]
        assert found[f"{at}/input/bias"].std((4,)) == 0.1
        assert bound(found[f"{at}/Conv_0/kernel"], 4, 1, d) == 0.5
        assert bound(found[f"{at}/Conv_0/bias"], d) == 0.5
        for name in ("up", "q", "k", "v"):
            assert found[f"{at}/{name}/kernel"].std((d, d)) == pytest.approx(small)
        assert found[f"{at}/down/kernel"].std((d, d)) == pytest.approx(2 / (3 * 8))
    assert found["params/block_1/recurrent"] == jinit.zeros
    bias = found["params/block_1/bias"](KEY, (4, 64))
    remembers = ssm.xlstm_forget_bias("slstm", layer=1, layers=3)(None, (4, 16))
    assert bias[:, 16:32] == pytest.approx(remembers)
    assert not np.delete(bias, range(16, 32), 1).any()
    assert found["params/block_1/down/bias"] == jinit.zeros  # 64 numbers as well
    for name in ("Embed_0/embedding", "head/kernel"):
        assert found[f"params/{name}"].std((96, d)) == pytest.approx(small)


class FeedForward(nn.Module):
    @nn.compact
    def __call__(self, x):
        gate, up = jnp.split(nn.Dense(128, name="up")(x), 2, -1)
        return nn.Dense(64, name="down")(nn.gelu(gate) * up)


class Forgetful(nn.Module):
    """A plain recurrence, without a bias."""

    @nn.compact
    def __call__(self, x):
        cell = nn.RNN(nn.SimpleCell(64, name="cell"))
        return nn.Dense(64, name="down")(cell(x))


class Blocks(nn.Module):
    parts: tuple[type[nn.Module], ...]

    @nn.compact
    def __call__(self, ids):
        x = nn.Embed(32, 64)(ids)
        for i, part in enumerate(self.parts):
            x = x + part(name=f"part_{i}")(nn.LayerNorm()(x))
        return nn.Dense(32, name="head")(nn.LayerNorm()(x))


def test_a_block_of_xlstm_is_one_cell_with_all_that_follows():
    model = shapes(Blocks((SLSTM, FeedForward, MLSTM, SLSTM)), text(2, 5))
    found = laws(model, recipes.xlstm(gates="zofi"))
    for i in range(4):
        law = found[f"params/part_{i}/down/kernel"]
        assert law.std((64, 64)) == pytest.approx(2 / (3 * 8))
    bias = found["params/part_3/bias"](KEY, (4, 64))
    remembers = ssm.xlstm_forget_bias("slstm", layer=2, layers=3)(None, (4, 16))
    assert bias[:, 32:48] == pytest.approx(remembers)


def test_xlstm_says_what_it_misses():
    with pytest.raises(ValueError, match=r"xlstm` needs `gates` .* Got 'ifz'"):
        recipes.xlstm(gates="ifz")
    with pytest.raises(jinit.UnmatchedError, match=r"of jinit.recipes.xlstm"):
        laws(shapes(Stacked((Mamba,)), text(2, 5)), recipes.xlstm())
    model = shapes(Blocks((MLSTM, Forgetful)), text(2, 5))
    with pytest.raises(ValueError, match=r"a bias of the forget gates .* Got params/p"):
        laws(model, recipes.xlstm())
