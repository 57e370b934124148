"""Recipes of decoders: every number of their source, unrolled and scanned alike."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import recipes
from jinit._model.by_rules import plan_by_rules
from tests.recipes.by_kernel import (
    by_kernel,
    check,
    D,
    DEPTH,
    deviations,
    planned,
    traced,
)
from tests.recipes.decoders import decoder, layer, sinks
from tests.zoo.entry import image
from tests.zoo.plans import laws


ROOTS = [(2 * (i + 1)) ** -0.5 for i in range(DEPTH)]
scans = pytest.mark.parametrize("scanned", [False, True])
SMALL, LATE = 0.02, [0.02 * root for root in ROOTS]


@scans
def test_llama3_starts_later_layers_smaller(scanned):
    found = by_kernel(recipes.llama3(), scanned=scanned)
    check(found, {"q k v mlp/w1": SMALL, "o mlp/w2 mlp/w3": LATE})
    check(found, {"embed": 1.0, "head": D**-0.5})
    norms = [name for name in found if name.endswith(("norm", "before_mlp"))]
    assert all(found[name][0] == 0 for name in norms)  # ones


def test_a_tied_table_of_llama3_starts_as_a_head_cut_at_three_deviations():
    found = planned(recipes.llama3(), decoder, 1, D, tied=True)["embed"]
    assert found.support((4, 4)) == pytest.approx((-3 / D**0.5, 3 / D**0.5))


@scans
def test_deepseek_starts_routers_and_experts_by_layer_as_well(scanned):
    model = {"scanned": scanned, "moe": True, "latent": True}
    found = by_kernel(recipes.deepseek(), **model)
    check(found, {"q_a q_b kv_a kv_b mlp/w1 mlp/shared/w1": SMALL})
    check(found, {"o mlp/router mlp/w2 mlp/w3 mlp/shared/w2 mlp/shared/w3": LATE})
    check(found, {"embed": 1.0, "head": D**-0.5})


@scans
def test_qwen3_starts_ends_smaller_if_there_are_experts(scanned):
    found = by_kernel(recipes.qwen3(), scanned=scanned, tied=True)
    check(found, {"q k v o mlp/w1 mlp/w2 mlp/w3 embed": SMALL})
    found = by_kernel(recipes.qwen3(), scanned=scanned, moe=True)
    check(found, {"o mlp/w2": SMALL / (2 * DEPTH) ** 0.5})
    check(found, {"q k v mlp/router mlp/w1 mlp/w3 embed head": SMALL})


@scans
def test_gpt_oss_starts_everything_in_a_layer_by_its_number(scanned):
    found = by_kernel(recipes.gpt_oss(), make=sinks, scanned=scanned)
    check(found, {"q k v o router mlp1 mlp2 sinks mlp1_bias mlp2_bias": LATE})
    check(found, {"q_bias o_bias router_bias": 0.0})
    check(found, {"embed": SMALL, "head": D**-0.5})


WIDE = (2 * DEPTH) ** -0.5
OLMO = {  # embeddings, q and the gates, what gates multiply, ends, head, experts
    "normal": (0.02, 0.02, 0.02, 0.02, 0.02, 0.02),
    "llama": (1.0, 0.02, 0.02 * WIDE, 0.02 * WIDE, D**-0.5, 0.02 * WIDE),
    "llama_depth": (1.0, 0.02, LATE, LATE, D**-0.5, LATE),
    "normalized": (D**-0.5, D**-0.5, D**-0.5, D**-0.5 * WIDE, D**-0.5, 0.02),
}


@scans
@pytest.mark.parametrize("method", OLMO)
def test_olmo_has_the_table_of_its_docstring(method, scanned):
    embed, first, up, end, head, expert = OLMO[method]
    recipe = recipes.olmo(method)
    for peri in (False, True):  # OLMo 2 has norms behind its branches
        found = by_kernel(recipe, scanned=scanned, peri=peri)
        check(found, {"q k v mlp/w1": first, "mlp/w3": up, "o mlp/w2": end})
        check(found, {"embed": embed, "head": head})
    found = by_kernel(recipe, scanned=scanned, moe=True)
    check(found, {"mlp/router mlp/w1 mlp/w2 mlp/w3": expert, "mlp/shared/w1": first})
    tied = by_kernel(recipe, scanned=scanned, tied=True)
    check(tied, {"embed": embed})


@scans
def test_olmo_by_fan_in(scanned):
    recipe = recipes.olmo("fan_in", embed_scale=4.0)
    found = by_kernel(recipe, scanned=scanned, moe=True)
    check(found, {"q k v o mlp/router mlp/w1 mlp/w3 head": D**-0.5, "embed": 0.25})
    check(found, {"mlp/w2 mlp/shared/w2": (2 * D) ** -0.5})


def test_all_that_olmo_draws_is_cut_at_three_deviations_but_embeddings():
    found = planned(recipes.olmo("llama_depth"), decoder, DEPTH, D)
    cut = {path for path, law in found.items() if math.isfinite(law.support((4, 4))[1])}
    kernels = {path for path, law in found.items() if law != jinit.ones}
    assert cut >= kernels - {"embed"}
    assert "embed" not in cut


def test_parallel_branches_make_one_layer():
    def apply(p, x):
        for own in p:
            q, k, v = (x @ own[name] for name in "qkv")
            y = jax.nn.softmax(q @ k.mT) @ v @ own["o"]
            x = x + (y + jax.nn.relu(x @ own["up"]) @ own["down"])
        return x

    shapes = dict.fromkeys("qkvo", image(8, 8)) | {
        "up": image(8, 9),
        "down": image(9, 8),
    }
    found = laws((apply, [shapes] * 3, image(2, 5, 8)), recipes.llama3())
    for i, root in enumerate(ROOTS):
        for name in ("o", "down"):
            assert found[f"{i}/{name}"].std((2, 2)) == pytest.approx(0.02 * root)


def test_a_stack_that_python_slices_has_a_law_for_each_slice():
    def apply(p, x):
        for up, down in zip(p["up"], p["down"], strict=True):
            x = x + jax.nn.relu(x @ up) @ down
        return x

    model = apply, {"up": image(4, 8, 9), "down": image(4, 9, 8)}, image(2, 8)
    found = laws(model, recipes.llama3())
    roots = np.array([0, 0, 1, 1])  # two branches to a layer
    expected = 0.02 / (2 * (roots + 1)) ** 0.5
    assert deviations(found["down"], 4) == pytest.approx(expected)
    assert deviations(found["up"], 4) == pytest.approx(0.02)


def test_layers_before_a_scan_count():
    one = decoder(1, D)[1]["layers"][0]
    many = decoder(2, D, moe=True, scanned=True)[1]["layers"]

    def apply(p, x):
        step = lambda x, own: (layer(own, x, 2), None)
        return jax.lax.scan(step, layer(p["dense"], x, 2), p["moe"])[0]

    found = laws(
        (apply, {"dense": one, "moe": many}, image(2, 5, D)), recipes.deepseek()
    )
    assert deviations(found["dense/mlp/w2"], 1) == pytest.approx(LATE[:1])
    for name in ("attention/o", "mlp/router", "mlp/w2", "mlp/shared/w3"):
        assert deviations(found[f"moe/{name}"], 2) == pytest.approx(LATE[1:])


def test_the_plan_of_a_deep_stack_is_no_wider_than_that_of_a_flat_one():
    params, trace = traced(decoder, 40, D, scanned=True)
    plan = plan_by_rules(params, recipes.llama3(), "jinit.explain", lambda: trace)
    assert max(map(len, str(plan).splitlines())) < 220


def test_one_kernel_for_gates_and_what_they_multiply_needs_a_rule_of_its_own():
    def apply(p, x):
        gate, up = jnp.split(x @ p["w13"], 2, -1)
        return x + (jax.nn.silu(gate) * up) @ p["w2"]

    model = apply, {"w13": image(8, 16), "w2": image(8, 8)}, image(2, 8)
    with pytest.raises(ValueError, match=r"llama3\(\). Got w13 of shape \(8, 16\)"):
        laws(model, recipes.llama3())
    assert laws(model, [("w13", 0.5), *recipes.llama3()])["w13"] == jinit.constant(0.5)
    assert laws(model, recipes.qwen3())["w13"].std((2, 2)) == 0.02
