"""Recipes of decoders with multipliers of muP, or with norms behind their branches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import recipes
from tests.recipes.by_kernel import by_kernel, check, D, DEPTH, planned
from tests.recipes.decoders import decoder, layer, TOKENS, VOCABULARY
from tests.zoo.entry import image, normals
from tests.zoo.plans import draw, laws


scans = pytest.mark.parametrize("scanned", [False, True])


@scans
def test_gemma_keeps_variances_and_divides_ends_by_the_layers(scanned):
    found = by_kernel(recipes.gemma(), scanned=scanned, tied=True)
    check(found, {"embed q k v mlp/w1 mlp/w3": D**-0.5})
    check(
        found, {"o": (2 / (DEPTH * D)) ** 0.5, "mlp/w2": (2 / (DEPTH * 2 * D)) ** 0.5}
    )


def test_gemma_starts_look_ups_and_logits_at_variance_one_and_scales_at_zero():
    def apply(p, tokens):
        x = p["table"][tokens] * 256**0.5
        x = x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True)) * (1 + p["scale"])
        return x @ p["table"].T

    params = {"table": image(VOCABULARY, 256), "scale": image(256)}
    drawn = draw((apply, params, TOKENS), recipes.gemma())
    assert not drawn["scale"].any()
    assert drawn["table"].std() * 16 == pytest.approx(1, abs=0.02)
    others = apply(drawn, jnp.arange(8)[None])[0, :, 8:]  # of other tokens
    assert others.std() == pytest.approx(1, abs=0.15)


@scans
def test_minicpm_and_cerebras_scale_hidden_kernels_by_the_width(scanned):
    m = D / 256
    found = by_kernel(recipes.minicpm(), scanned=scanned, tied=True)
    check(found, {"q k v o mlp/w1 mlp/w2 mlp/w3": 0.1 / m**0.5, "embed": 0.1})
    found = by_kernel(recipes.minicpm(0.2, base_width=D), scanned=scanned)
    check(found, {"q o mlp/w1 mlp/w2 embed head": 0.2})
    cut = jinit.truncated_normal(1.0).std((2, 2))  # at two deviations
    found = by_kernel(recipes.cerebras(), scanned=scanned)
    check(found, {"q k v mlp/w1 mlp/w3": 0.08 * cut / m**0.5, "embed head": 0.08 * cut})
    check(found, {"o mlp/w2": 0.08 * cut / (2 * DEPTH * m) ** 0.5})


def test_cerebras_has_the_numbers_of_its_page():
    """Width 1088 and 14 layers: 0.0388, and 0.007333 where branches end."""
    found = planned(recipes.cerebras(), decoder, 14, 1088, scanned=True)
    stddev = lambda name: found[f"layers/{name}"].settings["stddev"]
    assert stddev("attention/q") == pytest.approx(0.0388, abs=5e-5)
    assert stddev("attention/o") == pytest.approx(0.007333, abs=1e-6)
    assert found["layers/mlp/w2"].support((2, 2))[1] == pytest.approx(
        0.014668, abs=1e-6
    )
    assert found["embed"].support((2, 2)) == pytest.approx((-0.16, 0.16))


@scans
def test_peri_ln_has_one_deviation_everywhere(scanned):
    found = by_kernel(recipes.peri_ln(), scanned=scanned, peri=True, moe=True)
    check(found, {"q k v o mlp/router mlp/w1 mlp/w2 mlp/shared/w2 embed head": 0.02})


def test_the_stream_of_peri_ln_grows_in_proportion_to_the_depth_for_any_kernels():
    for stddev in (0.02, 1.0):
        params = draw(decoder(8, 64, peri=True), recipes.peri_ln(stddev))
        x, squares = normals(8, 16, 64), []
        for own in params["layers"]:
            x = layer(own, x, 2)
            squares.append(float(jnp.mean(x * x)))
        expected = 1 + 2 * np.arange(1, 9)
        assert squares == pytest.approx(expected, rel=0.15)


def test_peri_ln_needs_a_norm_at_the_end_of_every_branch():
    with pytest.raises(ValueError, match=r"a norm .* for jinit.recipes.peri_ln"):
        laws(decoder(1, D), recipes.peri_ln())
