"""Sizes that chance decides: few entries, many places, running sums, rare events."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from tests.zoo.entry import image, text


PLACES, WIDTH = 32, 64
X = image(4, PLACES, WIDTH)


def told(apply, x=X, **weights):
    """What is told of the layer `o`, and of all others."""
    params = {name: image(*shape) for name, shape in weights.items()}
    plan = {choice.path: choice for choice in jinit.explain(apply, params, x)}
    return plan.pop("o"), plan


def linear_attention(p, x):
    q, k, v = (x @ p[name] for name in "qkv")
    return (q @ (jnp.swapaxes(k, 1, 2) @ v)) @ p["o"]


def causal(p, x):
    q, k, v = (x @ p[name] for name in "qkv")
    memory = jnp.cumsum(jnp.einsum("btd,bte->btde", k, v), 1)
    return jnp.einsum("btd,btde->bte", q, memory) @ p["o"]


@pytest.mark.parametrize(
    ("apply", "terms"), [(linear_attention, PLACES), (causal, (PLACES + 1) / 2)]
)
def test_keys_and_values_of_the_same_signal_are_alike(apply, terms):
    """Over n entries, k v′ of other places goes together by 1/n: Σ k v has more."""
    weights: Any = dict.fromkeys("qkv", (WIDTH, 8))
    alike = terms * (1 + (terms - 1) / WIDTH)
    choice, layers = told(apply, **weights, o=(8, WIDTH))
    sizes = [layers[name].makes or 0.0 for name in "qkv"]
    assert choice.reads == pytest.approx(8 * alike * np.prod(sizes), rel=0.15)


def test_products_of_two_layers_are_large_where_their_signal_is():
    """E (a·x)² (b·x)² = E |x|⁴ / n² = 1 + 2/n."""
    apply = lambda p, x: ((x[..., :2] @ p["a"]) * (x[..., :2] @ p["b"])) @ p["o"]
    choice, _ = told(apply, a=(2, WIDTH), b=(2, WIDTH), o=(WIDTH, WIDTH))
    assert choice.reads == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_running_mean_knows_how_many_it_is_of(reverse):
    def apply(p, x):
        counts = np.arange(1.0, PLACES + 1)[:: -1 if reverse else 1]
        return (jax.lax.cumsum(x, 1, reverse) / counts[:, None]) @ p["o"]

    choice, _ = told(apply, o=(WIDTH, WIDTH))
    assert choice.reads == pytest.approx((1 / np.arange(1, PLACES + 1)).mean(), rel=0.1)


def test_a_running_count_is_a_whole_number_that_counts_its_own():
    """Places of the first kind are numbered 1, 2, ...; all others are 0."""

    def apply(p, ids):
        first = (ids == 0).astype(jnp.float32)
        return (jnp.cumsum(first, 1) * first == 1).astype(jnp.float32) @ p["o"]

    known = lambda p, ids: apply(p, ids % 4)
    ids = np.random.default_rng(0).integers(0, 4, (512, PLACES))
    first = np.cumsum(ids == 0, 1) * (ids == 0) == 1
    choice, _ = told(
        lambda p, x: known(p, jnp.argmax(x[..., :4], -1)), o=(PLACES, WIDTH)
    )
    assert choice.reads == pytest.approx(first.mean(), rel=0.25)


def test_sums_of_positive_numbers_are_positive():
    """So that their inverse is that of a mean, and not of a number near 0."""

    def apply(p, x):
        weight = jax.nn.softplus(x @ p["k"])
        return (x / (weight @ jnp.ones((8, 1)))) @ p["o"]

    z = np.random.default_rng(0).standard_normal((2**14, 8))
    seen = (np.log1p(np.exp(z)).sum(-1) ** -2.0).mean()
    choice, _ = told(apply, k=(WIDTH, 8), o=(WIDTH, WIDTH))
    assert choice.reads == pytest.approx(seen, rel=0.15)


def test_masks_that_are_multiplied_keep_as_many_as_both():
    def apply(p, ids):
        x, there = p["table"][ids], (ids > 0) * 1.0
        logits = (x @ p["q"]) @ jnp.swapaxes(x @ p["k"], 1, 2) / WIDTH**0.5
        mask = np.tri(16) * there[:, :, None] * there[:, None]
        return (jax.nn.softmax(jnp.where(mask > 0, logits, -1e9)) @ x) @ p["o"]

    weights = dict.fromkeys("qko", (WIDTH, WIDTH))
    choice, _ = told(apply, text(8, 16), table=(500, WIDTH), **weights)
    assert choice.reads == pytest.approx(0.29, rel=0.15)


def test_tokens_that_are_shifted_by_a_slice_are_tokens():
    def apply(p, ids):
        shifted = jnp.pad(ids, ((0, 0), (1, 0)))
        ids = jax.lax.dynamic_slice_in_dim(shifted, 0, 16, 1)
        return p["table"][ids].mean(1) @ p["o"]

    choice, _ = told(apply, text(8, 16), table=(500, WIDTH), o=(WIDTH, WIDTH))
    assert choice.reads == pytest.approx(1 / 16, rel=0.2)


def test_what_is_hardly_ever_but_0_is_in_doubt():
    def experts(p, x):
        x = x.reshape(-1, WIDTH)
        chosen = jax.nn.one_hot(jnp.argmax(x @ p["router"], -1), 4)
        place = (jnp.cumsum(chosen, 0) * chosen - 1).astype(int)
        sent = chosen[..., None] * jax.nn.one_hot(place, 64)
        return jnp.einsum("nec,nd->ecd", sent, x) @ p["o"]

    choice, _ = told(experts, image(4, 512, WIDTH), router=(WIDTH, 4), o=(WIDTH, WIDTH))
    assert "hardly ever" in choice.doubt
