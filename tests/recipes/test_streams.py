"""nGPT, whose vectors have length 1, and hyper-connections, with several streams."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import recipes
from tests.recipes.decoders import decoder, norm, VOCABULARY
from tests.recipes.streams import ngpt, streams
from tests.zoo.entry import image
from tests.zoo.parts import attend, causal, split_heads
from tests.zoo.plans import draw, laws


D, DEPTH = 16, 2
IDS = jax.random.randint(jax.random.key(5), (4, 6), 0, VOCABULARY)
scans = pytest.mark.parametrize("scanned", [False, True])


@scans
def test_vectors_of_ngpt_along_the_stream_have_length_one(scanned):
    model = ngpt(2, D, scanned=scanned)
    params = draw(model, recipes.ngpt())
    layers = (
        params["h"] if scanned else jax.tree.map(lambda *w: jnp.stack(w), *params["h"])
    )
    axes = dict.fromkeys(("query", "key", "value", "c_fc"), 1)
    axes |= dict.fromkeys(("att_c_proj", "mlp_c_proj"), 2)
    lengths = [jnp.linalg.norm(layers[name], axis=axis) for name, axis in axes.items()]
    lengths += [jnp.linalg.norm(params["wte"], axis=1)]
    lengths += [jnp.linalg.norm(params["lm_head"], axis=0)]
    for length in lengths:
        assert jnp.allclose(length, 1, atol=1e-6)
    for name in ("attn_alpha", "mlp_alpha", "sqk"):
        assert jnp.allclose(layers[name], D**-0.5)
    assert jnp.allclose(params["sz"], D**-0.5)
    assert (layers["suv"] == 1).all()
    # So logits are cosines.
    logits = model[0](params, IDS)
    assert 0.5 < abs(logits).max() <= 1 + 1e-6


def test_ngpt_needs_learned_rates():
    with pytest.raises(jinit.UnmatchedError, match=r"alpha.*of jinit.recipes.ngpt\(\)"):
        laws(decoder(1, D), recipes.ngpt())


def plain(p, tokens, layers):
    """The network of `streams` with one residual stream."""
    x = p["embed"][tokens]
    for own in layers:
        q, k, v = (split_heads(norm(x) @ own[name], 2) for name in "qkv")
        x = x + attend(q, k, v, causal(x.shape[1])) @ own["o"]
        x = x + jax.nn.gelu(norm(x) @ own["up"]) @ own["down"]
    return norm(x) @ p["head"]


@scans
def test_hyper_connections_start_as_one_residual_stream(scanned):
    model = streams(DEPTH, D, scanned=scanned)
    params = draw(model, recipes.hyper_connections())
    take = lambda i: jax.tree.map(lambda leaf: leaf[i], params["layers"])
    layers = [take(i) for i in range(DEPTH)] if scanned else params["layers"]
    expected = plain(params, IDS, layers)
    assert jnp.allclose(model[0](params, IDS), expected, atol=1e-4)
    alphas = [
        own[name]["static_alpha"] for own in layers for name in ("hc_attn", "hc_mlp")
    ]
    for k, alpha in enumerate(alphas):
        assert np.array_equal(alpha[:, 0], np.eye(4)[k % 4])
        assert np.array_equal(alpha[:, 1:], np.eye(4))
    for own in layers:
        connection = own["hc_mlp"]
        assert connection["dynamic_alpha_scale"] == pytest.approx(0.01)
        assert connection["dynamic_beta_scale"] == pytest.approx(0.01)
        assert not connection["dynamic_alpha_fn"].any()
        assert not connection["dynamic_beta_fn"].any()
        assert (connection["static_beta"] == 1).all()


def test_the_rest_of_a_network_with_hyper_connections_has_another_recipe():
    made = recipes.hyper_connections(recipes.llama3())
    assert repr(made) == "jinit.recipes.hyper_connections(base=jinit.recipes.llama3())"
    found = laws(streams(2, D), made)
    ends = [
        found[f"layers/{i}/{name}"].std((2, 2))
        for i in (0, 1)
        for name in ("o", "down")
    ]
    assert ends == pytest.approx([0.02 / 2**0.5] * 2 + [0.01] * 2)
    assert found["layers/0/q"].std((2, 2)) == 0.02
    assert found["layers/1/hc_attn/dynamic_alpha_fn"] == jinit.zeros


def test_hyper_connections_need_an_alpha_of_all_streams():
    with pytest.raises(jinit.UnmatchedError, match="static_alpha"):
        laws(decoder(1, D), recipes.hyper_connections())
    apply = lambda p, x: (p["static_alpha"] @ x) @ p["w"]
    model = apply, {"static_alpha": image(4, 4), "w": image(8, 8)}, image(2, 4, 8)
    with pytest.raises(ValueError, match=r"shape \(n, 1 \+ n\).*Got static_alpha"):
        laws(model, recipes.hyper_connections())
