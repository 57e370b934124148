"""Fans against measurement: weights of variance 1/fan keep the variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx

import jinit
from jinit._reading.model import read_model
from tests.zoo.adapters import eqx_shapes, linen_shapes, nnx_shapes, shapes
from tests.zoo.entry import image, text


def einsum(equation, kernel, shape):
    apply = lambda w, x: jnp.einsum(equation, x, w)
    return apply, image(*kernel), image(*shape)


LAYERS = {
    "Dense": lambda: linen_shapes(nn.Dense(24), 16, 12),
    "DenseGeneral to heads": lambda: linen_shapes(nn.DenseGeneral((4, 6)), 16, 12),
    "DenseGeneral of heads": lambda: linen_shapes(
        nn.DenseGeneral(12, (-2, -1)), 16, 4, 6
    ),
    "DenseGeneral apart": lambda: linen_shapes(
        nn.DenseGeneral((3, 4), (1, 3)), 8, 3, 5, 4
    ),
    "DenseGeneral in batches": lambda: linen_shapes(
        nn.DenseGeneral(12, batch_dims=(0,)), 4, 16, 8
    ),
    "Einsum to heads": lambda: linen_shapes(
        nn.Einsum((12, 4, 6), "btd,dhk->bthk"), 4, 5, 12
    ),
    "Einsum of heads": lambda: linen_shapes(
        nn.Einsum((4, 6, 12), "bthk,hkd->btd"), 4, 5, 4, 6
    ),
    "Einsum by expert": lambda: linen_shapes(
        nn.Einsum((4, 12, 8), "ebd,edf->ebf"), 4, 16, 12
    ),
    "Einsum to experts": lambda: linen_shapes(
        nn.Einsum((4, 12, 8), "bd,edf->ebf"), 16, 12
    ),
    "Conv 1-D": lambda: linen_shapes(nn.Conv(8, (3,)), 4, 16, 4),
    "Conv": lambda: linen_shapes(nn.Conv(8, (3, 3)), 2, 16, 16, 4),
    "Conv, stride": lambda: linen_shapes(nn.Conv(8, (3, 3), 2), 2, 16, 16, 4),
    "Conv, patches": lambda: linen_shapes(nn.Conv(8, (4, 4), 4), 2, 16, 16, 4),
    "Conv, dilation": lambda: linen_shapes(
        nn.Conv(8, (3, 3), kernel_dilation=2), 2, 16, 16, 4
    ),
    "Conv, groups, stride": lambda: linen_shapes(
        nn.Conv(8, (3, 3), 2, feature_group_count=2), 2, 16, 16, 4
    ),
    "Conv, depthwise": lambda: linen_shapes(
        nn.Conv(8, (3, 3), feature_group_count=4), 2, 16, 16, 4
    ),
    "Conv, groups of the batch": lambda: (
        lambda w, x: jax.lax.conv_general_dilated(
            *(x, w, (1, 1), "SAME"),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            batch_group_count=4,
        ),
        *(image(3, 3, 4, 8), image(8, 8, 8, 4)),
    ),
    "ConvTranspose": lambda: linen_shapes(
        nn.ConvTranspose(8, (4, 4), (2, 2)), 2, 16, 16, 4
    ),
    "ConvTranspose, uneven": lambda: linen_shapes(
        nn.ConvTranspose(8, (3,), (2,)), 4, 16, 4
    ),
    "ConvTranspose, kernel too": lambda: linen_shapes(
        nn.ConvTranspose(8, (4, 4), (2, 2), transpose_kernel=True), 2, 16, 16, 4
    ),
    "nnx.Linear": lambda: nnx_shapes(lambda r: nnx.Linear(12, 24, rngs=r), 16, 12),
    "nnx.LinearGeneral": lambda: nnx_shapes(
        lambda r: nnx.LinearGeneral((4, 6), 12, axis=(-2, -1), rngs=r), 16, 4, 6
    ),
    "nnx.Einsum": lambda: nnx_shapes(
        lambda r: nnx.Einsum("btd,dhk->bthk", (12, 4, 6), (4, 6), rngs=r), 4, 5, 12
    ),
    "nnx.Conv": lambda: nnx_shapes(
        lambda r: nnx.Conv(4, 8, (3, 3), 2, rngs=r), 2, 16, 16, 4
    ),
    "nnx.ConvTranspose": lambda: nnx_shapes(
        lambda r: nnx.ConvTranspose(4, 8, (4, 4), 2, rngs=r), 2, 16, 16, 4
    ),
    "eqx.Linear": lambda: eqx_shapes(
        lambda nn, key: nn.Linear(12, 24, key=key), 16, 12
    ),
    "eqx.Conv2d": lambda: eqx_shapes(
        lambda nn, key: nn.Conv2d(4, 8, 3, 2, 1, groups=2, key=key), 2, 4, 16, 16
    ),
    "eqx.ConvTranspose2d": lambda: eqx_shapes(
        lambda nn, key: nn.ConvTranspose2d(4, 8, 4, 2, padding=1, key=key),
        *(2, 4, 16, 16),
    ),
    "transposed": lambda: einsum("bi,oi->bo", (24, 12), (16, 12)),
    "transposed to heads": lambda: einsum("bti,hik->bthk", (6, 12, 4), (4, 4, 12)),
    "kernel first": lambda: (lambda w, x: w @ x, image(24, 12), image(12, 16)),
    "one-hot": lambda: einsum("bv,vd->bd", (12, 24), (16, 12)),
}
DRAWS = 512


def middle(a, channels):
    # Far from the borders of a signal (draws, batch, *spatial, channels).
    for axis in set(range(2, a.ndim)) - {channels}:
        a = a.take(range(a.shape[axis] // 4, 3 * a.shape[axis] // 4), axis)
    return a


def second_moments(function, w, x):
    """Of `function(w, x)`, and of the gradient in x, by draw of unit-variance normals.

    What comes back are `(draws, ...)` arrays of squares.
    """
    rng = np.random.default_rng(0)
    shapes = w.shape, x.shape, jax.eval_shape(function, w, x).shape
    draws = [rng.standard_normal((DRAWS, *shape), "f4") for shape in shapes]

    def both_ways(draw):
        w, x, slope = draw
        y, back = jax.vjp(lambda x: function(w, x), x)
        return y, *back(slope)

    results = jax.jit(lambda draws: jax.lax.map(both_ways, draws))(draws)
    return [np.square(result) for result in results]


def check_fans(row, forward, backward):
    # Weights of variance 1/fan: the squares are divided by the fan instead.
    for squares, fan in ((forward, row.fan_in), (backward, row.fan_out)):
        variances = squares.reshape(DRAWS, -1).mean(1) / fan
        # The draws are independent: 5 % are four standard errors of their mean.
        assert 4 * variances.std() / DRAWS**0.5 < 0.05
        assert variances.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", LAYERS)
def test_weights_of_variance_one_over_fan_keep_the_variance(name):
    apply, params, x = LAYERS[name]()
    trace = jinit.trace(apply, params, x)
    row = next(row for row in trace if row.is_kernel)
    leaves, tree = jax.tree.flatten(params)

    def layer(w, x):
        given = [
            w if each is row else jnp.zeros(leaf.shape)
            for each, leaf in zip(trace, leaves, strict=True)
        ]
        return apply(tree.unflatten(given), x)

    squares = second_moments(layer, row, x)
    if row.window_axes:
        channels = 2 if name.startswith("eqx") else -1
        squares = [middle(a, channels % a.ndim) for a in squares]
    check_fans(row, *squares)


def test_the_kernels_of_attention_keep_the_variance():
    module = nn.MultiHeadDotProductAttention(3, qkv_features=12, out_features=10)
    arguments = linen_shapes(module, 4, 5, 8)
    trace, model = jinit.trace(*arguments), read_model(*arguments)
    assert [each.name for each in model.layers] == ["query", "key", "value", "out"]
    for layer in model.layers:
        x, w = (model.graph.types[i] for i in layer.op.inputs)
        product = lambda w, x, op=layer.op: op.bind(x, w)[0]
        check_fans(trace[layer.path], *second_moments(product, w, x))


@pytest.mark.parametrize(
    "embed",
    [
        lambda: shapes(nn.Embed(2000, 16), text(4000)),
        lambda: nnx_shapes(lambda r: nnx.Embed(2000, 16, rngs=r), 4000),
    ],
)
def test_one_row_of_an_embedding_is_read_at_a_time(embed):
    apply, params, _ = embed()
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 2000, 4000)
    (row,) = jinit.trace(apply, params, tokens)
    assert row.fan_in is not None
    assert (row.role, row.fan_in, row.fan_out) == ("embedding", 1, 16)
    table = rng.standard_normal(row.shape, "f4") / row.fan_in**0.5
    y = apply(jax.tree.unflatten(jax.tree.structure(params), [table]), tokens)
    # A row is read by Poisson(2) tokens: the standard error is √(2 · 3/2 / 2000 / 16).
    assert np.square(y).mean() == pytest.approx(1, abs=0.05)
