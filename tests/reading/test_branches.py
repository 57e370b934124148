"""Which residual branch a parameter is in, and what it does there."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.language import GPT
from tests.zoo.vision import ResNet, ViT


def rows(model):
    return {row.path.removeprefix("params/"): row for row in jinit.trace(*model)}


def test_a_branch_holds_its_own_layers_and_no_others():
    found = rows(shapes(ResNet(stages=(2, 1), filters=4), image(2, 16, 16, 3)))
    for block in range(3):
        for conv in range(3):
            row = found[f"Bottleneck_{block}/Conv_{conv}/kernel"]
            assert (row.branches, row.branch_layers) == (3, 3)
            # A batch norm undoes whatever scales a kernel: its own scale ends a branch.
            assert not row.closes_residual
            norm = found[f"Bottleneck_{block}/BatchNorm_{conv}/scale"]
            assert norm.closes_residual == (conv == 2)
    # The stem, the projection of a skip connection and the head are in none.
    for path in ("Conv_0", "Bottleneck_0/Conv_3", "Bottleneck_2/Conv_3", "Dense_0"):
        assert found[f"{path}/kernel"].branch_layers == 0


def test_the_norm_scale_that_ends_a_branch_is_told_from_the_projection_s():
    found = rows(shapes(ResNet(stages=(1,), filters=4), image(2, 16, 16, 3)))
    ends = {path for path, row in found.items() if row.closes_residual}
    assert ends == {"Bottleneck_0/BatchNorm_2/scale"}


def test_a_norm_of_the_stream_ends_no_branch():
    class PostNorm(nn.Module):
        @nn.compact
        def __call__(self, x):
            for _ in range(2):
                x = nn.LayerNorm()(x + nn.Dense(8)(nn.relu(nn.Dense(8)(x))))
            return x

    found = rows(shapes(PostNorm(), image(2, 8)))
    assert not any(
        row.closes_residual for row in found.values() if row.role == "norm scale"
    )
    assert [found[f"Dense_{i}/kernel"].branches for i in range(4)] == [2] * 4


@pytest.mark.parametrize("scanned", [True, False])
def test_queries_and_keys_are_told_from_values(scanned):
    found = rows(shapes(GPT(depth=2, width=32, scanned=scanned), text(2, 8)))
    kinds = {
        path.split("/")[-2]: row.attention
        for path, row in found.items()
        if row.is_kernel
    }
    assert kinds == {
        "query": "scores", "key": "scores", "value": "values", "out": "values",
        "gate": "", "up": "", "down": "",
    }  # fmt: skip


def test_a_router_s_softmax_makes_no_scores():
    def apply(p, x):
        gates = jax.nn.softmax(x @ p["router"])
        return jnp.einsum("bd,edf,be->bf", x, p["experts"], gates)

    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    params = {"router": shape(8, 4), "experts": shape(4, 8, 8)}
    assert not any(row.attention for row in jinit.trace(apply, params, shape(2, 8)))


def test_a_bias_knows_the_kernel_whose_product_it_is_added_to():
    found = rows(shapes(ViT(width=16, depth=1, heads=2, patch=4), image(2, 8, 8, 3)))
    biases = {path: row for path, row in found.items() if row.role == "bias"}
    assert len(biases) == 8
    for path, row in biases.items():
        assert row.kernel == f"params/{path.removesuffix('bias')}kernel"
    assert all(row.kernel is None for row in found.values() if row.role != "bias")
