"""Recipes of decoders that are trained with Muon, on miniatures of them."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import recipes
from tests.recipes.by_kernel import by_kernel, check, CUT, D, planned
from tests.recipes.decoders import decoder, VOCABULARY
from tests.recipes.muon_era import grug, nanochat
from tests.zoo.entry import image
from tests.zoo.plans import draw, laws


WIDTH = 32
IDS = jax.random.randint(jax.random.key(5), (4, 6), 0, VOCABULARY)


def test_nanochat_has_the_numbers_of_its_code():
    found = planned(recipes.nanochat(), nanochat, 4, WIDTH)
    for name, std in {"c_q": 1, "c_k": 1, "c_v": 1}.items():
        law = found[f"h/1/attn/{name}"]
        assert law.std((4, 4)) == pytest.approx(std * WIDTH**-0.5)
        assert law.support((4, 4))[1] == pytest.approx((3 / WIDTH) ** 0.5)
    assert found["h/3/mlp/c_fc"].std((4, 4)) == pytest.approx(0.4 * WIDTH**-0.5)
    assert found["h/0/attn/c_proj"] == found["h/3/mlp/c_proj"] == jinit.zeros
    assert found["wte"] == jinit.normal(stddev=0.8)
    assert found["lm_head"] == jinit.normal(stddev=0.001)
    assert found["value_embeds/3"] == found["h/1/attn/c_v"]
    for gate in ("h/1/attn/ve_gate", "h/3/attn/ve_gate", "smear_gate"):
        assert found[gate].support((4, 4)) == (0, 0.02)


def test_nanochat_starts_its_scalars_by_layer():
    drawn = draw(nanochat(4, WIDTH), recipes.nanochat())
    i = np.arange(4)
    assert drawn["resid_lambdas"] == pytest.approx(1.15 - 0.1 * i / 3)
    assert drawn["x0_lambdas"] == pytest.approx(0.2 - 0.15 * i / 3)
    assert drawn["smear_lambda"] == 0
    assert drawn["backout_lambda"] == pytest.approx(0.2)


def loss(model, params):
    logits = jax.nn.log_softmax(model[0](params, IDS))
    return -jnp.take_along_axis(logits, jnp.roll(IDS, -1, 1)[..., None], -1).mean()


def test_nanochat_starts_with_branches_of_zero_and_the_loss_of_a_uniform_guess():
    model = nanochat(4, WIDTH)
    params = draw(model, recipes.nanochat())
    assert loss(model, params) == pytest.approx(math.log(VOCABULARY), rel=1e-3)
    silent = params | {"h": [
        jax.tree.map(jnp.zeros_like, own) for own in params["h"]
    ]}  # fmt: skip
    assert jnp.array_equal(model[0](params, IDS), model[0](silent, IDS))


def test_nanochat_finds_scalars_that_each_layer_holds():
    def apply(p, x):
        for own in p:
            x = own["resid_lambda"] * x + jax.nn.relu(x @ own["up"]) ** 2 @ own["down"]
        return x

    layer = {"resid_lambda": image(), "up": image(8, 8), "down": image(8, 8)}
    found = laws((apply, [layer] * 3, image(4, 8)), recipes.nanochat())
    starts = [found[f"{i}/resid_lambda"].mean(()) for i in range(3)]
    assert starts == pytest.approx([1.15, 1.10, 1.05])
    assert found["1/up"].std((4, 4)) == pytest.approx(0.4 * 8**-0.5)


def test_nanochat_needs_a_head_of_its_own():
    with pytest.raises(ValueError, match=r"a head of its own for .*nanochat\(\). Got"):
        laws(decoder(1, D, tied=True), recipes.nanochat())


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize(
    ("track", "qkv", "o"), [("short", 0.5, 0.5), ("medium", 1.0, 0.0)]
)
def test_modded_nanogpt_in_both_tracks(track, qkv, o, scanned):
    found = by_kernel(recipes.modded_nanogpt(track), scanned=scanned)
    check(found, {"q k v": qkv * D**-0.5, "o": o * D**-0.5, "embed head": 0.005})
    check(found, {"mlp/w1 mlp/w3": 0.5 * D**-0.5, "mlp/w2": 0.0})


def test_modded_nanogpt_starts_scalars_value_embeddings_and_gates():
    found = planned(recipes.modded_nanogpt(), nanochat, 4, WIDTH)
    assert found["value_embeds/1"] == jinit.normal(stddev=0.01)
    assert found["h/1/attn/ve_gate"] == found["smear_gate"] == jinit.zeros
    starts = {name: found[name].mean((2,)) for name in found if "lambda" in name}
    expected = {"resid_lambdas": 1.1**0.5, "x0_lambdas": 0, "smear_lambda": 0,
                "backout_lambda": 0.5}  # fmt: skip
    assert starts == pytest.approx(expected)


def test_blocks_of_modded_nanogpt_start_as_the_identity_in_the_medium_track():
    model = decoder(2, D)
    params = draw(model, recipes.modded_nanogpt("medium"))
    x = params["embed"][IDS]
    x = x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)
    assert jnp.allclose(model[0](params, IDS), x @ params["head"], atol=1e-6)
    assert loss(model, params) == pytest.approx(math.log(VOCABULARY), rel=1e-3)


def test_marin_has_one_deviation_for_everything_and_open_gates():
    found = planned(recipes.marin(), grug, 2, WIDTH)
    cut = [law for law in found.values() if law not in (jinit.ones, jinit.zeros)]
    assert {law.std((4, 4)) for law in cut} == {0.5 * WIDTH**-0.5 * CUT}
    zero = [path for path, law in found.items() if law == jinit.zeros]
    assert zero == ["blocks/0/attn/attn_gate", "blocks/1/attn/attn_gate"]
    ones = [path for path, law in found.items() if law == jinit.ones]
    assert all(path.endswith("scale") for path in ones)
    assert {"token_embed", "output_proj", "blocks/0/mlp/router"} <= found.keys() - {
        *ones
    }
