"""Recipes of frameworks and for every architecture."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit import recipes
from tests.zoo.adapters import shapes
from tests.zoo.entry import image
from tests.zoo.plans import draw, laws
from tests.zoo.vision import ViT


class Mixed(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(8, (3, 3), name="conv")(x))
        x = nn.relu(nn.Conv(16, (3, 3), feature_group_count=4, name="grouped")(x))
        return nn.Dense(3, name="dense")(x.mean((1, 2)))


def test_torch_default_gives_a_bias_the_fan_in_of_its_kernel():
    found = laws(shapes(Mixed(), image(2, 8, 8, 4)), recipes.torch_default())
    for name, fan_in, kernel in (
        ("conv", 36, (3, 3, 4, 8)),
        ("grouped", 18, (3, 3, 2, 16)),
        ("dense", 16, (16, 3)),
    ):
        bound = 1 / math.sqrt(fan_in)
        for leaf, shape in (("kernel", kernel), ("bias", kernel[-1:])):
            support = found[f"params/{name}/{leaf}"].support(shape)
            assert support == pytest.approx((-bound, bound))


class Recurrent(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.ConvTranspose(6, (4,), (2,), name="up")(x)
        x = nn.RNN(nn.OptimizedLSTMCell(16), name="rnn")(x)
        return nn.Dense(16, name="head")(x)


def test_torch_default_of_a_cell_is_by_its_units_and_transposed_by_outputs():
    found = laws(shapes(Recurrent(), image(2, 5, 9)), recipes.torch_default())
    for path, law in found.items():
        fan_in = 4 * 6 if "/up/" in path else 16
        assert law.support((8, 8))[1] == pytest.approx(fan_in**-0.5), path


class Attention(nn.Module):
    fused: bool

    @nn.compact
    def __call__(self, x):
        if not self.fused:
            heads = nn.MultiHeadDotProductAttention(4, qkv_features=32, name="att")
            return x + heads(x, x)
        split = nn.Dense(96, name="qkv")(x).reshape(*x.shape[:-1], 3, 4, 8)
        q, k, v = (split[..., i, :, :] for i in range(3))
        shares = nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", q, k) / 8**0.5)
        y = jnp.einsum("bhqk,bkhd->bqhd", shares, v)
        return x + nn.DenseGeneral(32, axis=(-2, -1), name="out")(y)


@pytest.mark.parametrize("fused", [True, False])
def test_torch_default_draws_queries_keys_and_values_as_one_kernel(fused):
    model = shapes(Attention(fused), image(2, 6, 32))
    found = laws(model, recipes.torch_default())
    for path, law in found.items():
        if path.endswith("bias"):
            assert law == jinit.zeros, path
        elif "out" in path:
            assert law == jinit.fan_in_uniform(fans=(32, 32)), path
        else:
            assert law == jinit.glorot_uniform(fans=(32, 96)), path


def test_keras_default_is_glorot_with_orthogonal_recurrence():
    model = nn.RNN(nn.SimpleCell(8))
    found = laws(shapes(model, image(2, 5, 4)), recipes.keras_default())
    assert found["params/cell/h/kernel"] == jinit.orthogonal
    assert found["params/cell/i/kernel"] == jinit.glorot_uniform(fans=(4, 8))


@pytest.mark.parametrize("sizes", [(256, 1024), (1024, 256), (512, 512)])
def test_spectral_kernels_have_the_norm_that_the_condition_asks_for(sizes):
    model = (
        lambda p, x: x @ p,
        jax.ShapeDtypeStruct(sizes, "float32"),
        image(2, sizes[0]),
    )
    norm = np.linalg.norm(draw(model, recipes.spectral()), 2)
    assert norm / math.sqrt(sizes[1] / sizes[0]) == pytest.approx(1, abs=0.03)


def test_vit_knows_heads_patches_and_mlps():
    model = shapes(ViT(width=16, depth=2, heads=2, patch=4), image(2, 8, 8, 3))
    found = laws(model, recipes.vit(classes_prior=True))
    assert found["params/head/kernel"] == jinit.zeros
    assert found["params/head/bias"] == jinit.constant(-math.log(1000))
    assert found["params/embed/kernel"].std((4, 4, 3, 16)) == pytest.approx(48**-0.5)
    assert found["params/cls"] == jinit.zeros
    block = "params/EncoderBlock_0"
    assert found[f"{block}/Dense_0/bias"] == jinit.normal(stddev=1e-6)
    attention = f"{block}/MultiHeadDotProductAttention_0"
    assert found[f"{attention}/query/bias"] == jinit.zeros
    assert found[f"{attention}/out/kernel"] == jinit.glorot_uniform(fans=(16, 16))
