"""What `jinit.trace` reads: fans against measurement, and the rows of whole models."""

import dataclasses
import functools
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx
from jax.sharding import PartitionSpec

import jinit
from jinit._reading.model import read_model
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.full import FULL
from tests.zoo.language import GPT


# Fans, by measurement


def linen(module, *shape):
    return shapes(module, image(*shape))


def flax_nnx(make, *shape):
    graph, state = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
    return lambda state, x: nnx.merge(graph, state)(x), state, image(*shape)


def equinox(make, *shape):
    eqx = pytest.importorskip("equinox")
    module = eqx.filter_eval_shape(lambda key: make(eqx.nn, key), jax.random.key(0))
    params, static = eqx.partition(module, lambda leaf: hasattr(leaf, "shape"))
    return lambda p, x: jax.vmap(eqx.combine(p, static))(x), params, image(*shape)


def einsum(equation, kernel, shape):
    apply = lambda w, x: jnp.einsum(equation, x, w)
    return apply, image(*kernel), image(*shape)


LAYERS = {
    "Dense": lambda: linen(nn.Dense(24), 16, 12),
    "DenseGeneral to heads": lambda: linen(nn.DenseGeneral((4, 6)), 16, 12),
    "DenseGeneral of heads": lambda: linen(nn.DenseGeneral(12, (-2, -1)), 16, 4, 6),
    "DenseGeneral apart": lambda: linen(nn.DenseGeneral((3, 4), (1, 3)), 8, 3, 5, 4),
    "DenseGeneral in batches": lambda: linen(
        nn.DenseGeneral(12, batch_dims=(0,)), 4, 16, 8
    ),
    "Einsum to heads": lambda: linen(nn.Einsum((12, 4, 6), "btd,dhk->bthk"), 4, 5, 12),
    "Einsum of heads": lambda: linen(
        nn.Einsum((4, 6, 12), "bthk,hkd->btd"), 4, 5, 4, 6
    ),
    "Einsum by expert": lambda: linen(nn.Einsum((4, 12, 8), "ebd,edf->ebf"), 4, 16, 12),
    "Einsum to experts": lambda: linen(nn.Einsum((4, 12, 8), "bd,edf->ebf"), 16, 12),
    "Conv 1-D": lambda: linen(nn.Conv(8, (3,)), 4, 16, 4),
    "Conv": lambda: linen(nn.Conv(8, (3, 3)), 2, 16, 16, 4),
    "Conv, stride": lambda: linen(nn.Conv(8, (3, 3), 2), 2, 16, 16, 4),
    "Conv, patches": lambda: linen(nn.Conv(8, (4, 4), 4), 2, 16, 16, 4),
    "Conv, dilation": lambda: linen(
        nn.Conv(8, (3, 3), kernel_dilation=2), 2, 16, 16, 4
    ),
    "Conv, groups, stride": lambda: linen(
        nn.Conv(8, (3, 3), 2, feature_group_count=2), 2, 16, 16, 4
    ),
    "Conv, depthwise": lambda: linen(
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
    "ConvTranspose": lambda: linen(nn.ConvTranspose(8, (4, 4), (2, 2)), 2, 16, 16, 4),
    "ConvTranspose, uneven": lambda: linen(nn.ConvTranspose(8, (3,), (2,)), 4, 16, 4),
    "ConvTranspose, kernel too": lambda: linen(
        nn.ConvTranspose(8, (4, 4), (2, 2), transpose_kernel=True), 2, 16, 16, 4
    ),
    "nnx.Linear": lambda: flax_nnx(lambda r: nnx.Linear(12, 24, rngs=r), 16, 12),
    "nnx.LinearGeneral": lambda: flax_nnx(
        lambda r: nnx.LinearGeneral((4, 6), 12, axis=(-2, -1), rngs=r), 16, 4, 6
    ),
    "nnx.Einsum": lambda: flax_nnx(
        lambda r: nnx.Einsum("btd,dhk->bthk", (12, 4, 6), (4, 6), rngs=r), 4, 5, 12
    ),
    "nnx.Conv": lambda: flax_nnx(
        lambda r: nnx.Conv(4, 8, (3, 3), 2, rngs=r), 2, 16, 16, 4
    ),
    "nnx.ConvTranspose": lambda: flax_nnx(
        lambda r: nnx.ConvTranspose(4, 8, (4, 4), 2, rngs=r), 2, 16, 16, 4
    ),
    "eqx.Linear": lambda: equinox(lambda nn, key: nn.Linear(12, 24, key=key), 16, 12),
    "eqx.Conv2d": lambda: equinox(
        lambda nn, key: nn.Conv2d(4, 8, 3, 2, 1, groups=2, key=key), 2, 4, 16, 16
    ),
    "eqx.ConvTranspose2d": lambda: equinox(
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
    arguments = linen(module, 4, 5, 8)
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
        lambda: flax_nnx(lambda r: nnx.Embed(2000, 16, rngs=r), 4000),
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


# Reading through


def plain(p, x):
    return jnp.tanh(x @ p["w"] + p["b"]) @ p["out"]


PLAIN = {"w": image(4, 8), "b": image(8), "out": image(8, 3)}


def with_jvp(function):
    wrapped = jax.custom_jvp(function)
    wrapped.defjvp(lambda xs, dxs: jax.jvp(function, xs, dxs))
    return wrapped


def with_vjp(function):
    wrapped = jax.custom_vjp(function)
    wrapped.defvjp(lambda *xs: jax.vjp(function, *xs), lambda back, slope: back(slope))
    return wrapped


def sharded(function, *in_specs, out_specs):
    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((8,), ("d",), axis_types=auto)
    return jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs)


WRAPS = {
    "jit": jax.jit,
    "nested jit": lambda f: jax.jit(lambda *xs: jax.jit(f)(*xs)),
    "remat": jax.checkpoint,
    "custom_jvp": with_jvp,
    "custom_vjp": with_vjp,
    "vmap": lambda f: jax.vmap(f, (None, 0)),
    "map": lambda f: lambda p, xs: jax.lax.map(lambda x: f(p, x), xs),
    "shard_map": lambda f: sharded(
        f, PartitionSpec(), PartitionSpec("d"), out_specs=PartitionSpec("d")
    ),
}


def facts(trace):
    """The rows but for the functions in them, which are no values."""
    return [dataclasses.replace(row, activation=None) for row in trace]


@pytest.mark.parametrize("name", WRAPS)
def test_a_wrapped_function_reads_as_the_function(name):
    seen = jinit.trace(WRAPS[name](plain), PLAIN, image(8, 4))
    assert facts(seen) == facts(jinit.trace(plain, PLAIN, image(8, 4)))


@pytest.mark.parametrize(
    "choose",
    [
        lambda p, x: jax.lax.cond(x.sum() > 0, plain, plain, p, x),
        lambda p, x: jax.lax.switch(x.argmax(), [plain] * 3, p, x),
    ],
)
def test_a_branch_is_read_as_if_it_were_taken(choose):
    ignore = lambda trace: [dataclasses.replace(row, uses=1) for row in facts(trace)]
    seen = jinit.trace(choose, PLAIN, image(8, 4))
    assert ignore(seen) == ignore(jinit.trace(plain, PLAIN, image(8, 4)))


# Kernels that read x of shape (2, 4): the function of both, the shape of the leaf, its
# axes of inputs, outputs and copies, and the outputs of one copy
KERNELS = {
    "cast": (lambda w, x: x @ w.astype("bfloat16"), (4, 6), (0,), (1,), (), 6),
    "split outputs": (
        lambda w, x: x @ w.reshape(4, 6), (4, 2, 3), (0,), (1, 2), (), 6
    ),
    "split inputs": (
        lambda w, x: x @ w.reshape(4, 6), (2, 2, 6), (0, 1), (2,), (), 6
    ),
    "transposed": (lambda w, x: x @ w.T, (6, 4), (1,), (0,), (), 6),
    "moved and merged": (
        lambda w, x: x @ jnp.moveaxis(w, 1, 0).reshape(4, 6),
        *((2, 4, 3), (1,), (0, 2), (), 6),
    ),
    "sliced": (lambda w, x: x @ w[:, :3], (4, 6), (0,), (1,), (), 3),
    "fused and split": (
        lambda w, x: jnp.stack(jnp.split(x @ w, 3, -1)), (4, 18), (0,), (1,), (), 18
    ),
    "one of a stack": (
        lambda w, x: jnp.tanh(x @ w[0]) @ w[1], (2, 4, 4), (1,), (2,), (0,), 4
    ),
    "stack in a scan": (
        lambda w, x: jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, w)[0],
        *((3, 4, 4), (1,), (2,), (0,), 4),
    ),
    "stack of stacks": (
        lambda w, x: jax.lax.scan(
            lambda x, w: jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, w), x, w
        )[0],
        *((2, 3, 4, 4), (2,), (3,), (0, 1), 4),
    ),
    "stack on another axis": (
        lambda w, x: jax.lax.scan(
            lambda x, w: (jnp.tanh(x @ w), None), x, jnp.moveaxis(w, 1, 0)
        )[0],
        *((4, 3, 4), (0,), (2,), (1,), 4),
    ),
    "stack by index": (
        lambda w, x: jax.lax.fori_loop(0, 3, lambda i, x: jnp.tanh(x @ w[i]), x),
        *((3, 4, 4), (1,), (2,), (0,), 4),
    ),
    "experts": (
        lambda w, x: jax.vmap(jnp.matmul)(jnp.stack([x] * 5), w),
        *((5, 4, 6), (1,), (2,), (0,), 6),
    ),
    "experts on another axis": (
        lambda w, x: jax.vmap(jnp.matmul, (0, 1))(jnp.stack([x] * 5), w),
        *((4, 5, 6), (0,), (2,), (1,), 6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_axes_are_followed_from_the_leaf_to_the_product(name):
    apply, shape, in_axes, out_axes, stack_axes, fan_out = KERNELS[name]
    (row,) = jinit.trace(apply, image(*shape), image(2, 4))
    assert row.is_kernel
    assert (row.in_axes, row.out_axes, row.stack_axes) == (
        in_axes,
        out_axes,
        stack_axes,
    )
    assert row.stack == tuple(shape[axis] for axis in stack_axes)
    assert (row.fan_in, row.fan_out, row.uses) == (4, fan_out, 1)


@pytest.mark.parametrize("shape", [(24,), (6, 4), (8, 3)])
def test_a_reshape_that_mixes_axes_leaves_the_fans(shape):
    (row,) = jinit.trace(lambda w, x: x @ w.reshape(4, 6), image(*shape), image(2, 4))
    assert (row.fan_in, row.fan_out, row.in_axes) == (4, 6, None)
    assert row.note == "a reshape mixes the axes of inputs and outputs"


class Step(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        return jnp.tanh(nn.Dense(4)(x)), None


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_axis_of_a_flax_scan_is_the_stack(axis):
    scan = nn.scan(Step, {"params": axis}, split_rngs={"params": True}, length=3)
    params = jax.eval_shape(scan().init, jax.random.key(0), image(2, 4), None)
    apply = lambda p, x: scan().apply(p, x, None)
    row = jinit.trace(apply, params, image(2, 4))["params/Dense_0/kernel"]
    assert (row.fan_in, row.fan_out, row.stack_axes) == (4, 4, (axis % 3,))


def test_a_while_loop_applies_one_kernel_again_and_again():
    def apply(p, x):
        step = lambda state: (state[0] + 1, jnp.tanh(state[1] @ p["w"]))
        return jax.lax.while_loop(lambda state: state[0] < 3, step, (0, x))[1]

    (row,) = jinit.trace(apply, {"w": image(4, 4)}, image(2, 4))
    assert (row.role, row.fan_in, row.activation_name) == (
        "recurrent kernel",
        4,
        "tanh",
    )


def test_fans_are_those_of_all_devices():
    rows, both = PartitionSpec("d"), PartitionSpec(None, "d")
    summed, whole = lambda w, x: jax.lax.psum(x @ w, "d"), PartitionSpec()
    contract = sharded(summed, rows, both, out_specs=whole)
    (row,) = jinit.trace(contract, image(16, 6), image(2, 16))
    assert (row.shape, row.fan_in, row.fan_out) == ((16, 6), 16, 6)
    spread = sharded(jnp.matmul, rows, both, out_specs=both)
    (row,) = jinit.trace(lambda w, x: spread(x, w), image(4, 16), image(8, 4))
    assert (row.fan_in, row.fan_out) == (4, 16)


def test_one_of_several_kernels_side_by_side_has_the_fans_of_all():
    apply = lambda p, x: x @ jnp.concatenate([p["q"], p["k"], p["v"]], 1)
    for row in jinit.trace(apply, {name: image(4, 6) for name in "qkv"}, image(2, 4)):
        assert row.is_kernel
        assert (row.fan_in, row.fan_out) == (4, 18)
        assert row.note == "one of several kernels in one `dot_general`"


def test_weight_norm_is_a_kernel_and_a_gate():
    apply = lambda p, x: x @ (p["g"] * p["v"] / jnp.linalg.norm(p["v"], axis=0))
    trace = jinit.trace(apply, {"v": image(4, 6), "g": image(6)}, image(2, 4))
    assert (trace["v"].is_kernel, trace["v"].fan_in) == (True, 4)
    assert trace["v"].in_axes == (0,)
    assert trace["g"].role == "gate"
    assert trace["g"].note == "part of the kernel of v, through `mul`"


def test_a_low_rank_update_belongs_to_the_kernel():
    apply = lambda p, x: x @ (p["w"] + p["a"] @ p["b"])
    params = {"w": image(4, 6), "a": image(4, 2), "b": image(2, 6)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert (trace["w"].fan_in, trace["w"].fan_out, trace["w"].note) == (4, 6, "")
    for name in "ab":
        assert trace[name].is_kernel
        assert trace[name].in_axes is None
        assert trace[name].note.startswith("one factor of a kernel")


def test_a_product_of_two_kernels_one_after_the_other_has_both_fans():
    apply = lambda p, x: x @ p["a"] @ p["b"]
    trace = jinit.trace(apply, {"a": image(4, 2), "b": image(2, 6)}, image(2, 4))
    assert [(row.fan_in, row.fan_out) for row in trace] == [(4, 2), (2, 6)]


# What feeds a layer


ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "gelu_exact": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "leaky_relu": jax.nn.leaky_relu,
    "softplus": jax.nn.softplus,
    "mish": jax.nn.mish,
    "squared_relu": lambda x: jnp.square(jax.nn.relu(x)),
    "sin": jnp.sin,
    "other": lambda x: jnp.cosh(x) - x,
}
TWO = {"w": image(8, 8), "out": image(8, 3)}


def feeding(function):
    """The row of a kernel that reads a function of another's output, (2, 6, 8)."""
    apply = lambda p, x: function(x @ p["w"]) @ p["out"]
    return jinit.trace(apply, TWO, image(2, 6, 8))["out"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activation_is_named_and_callable(name):
    row = feeding(ACTIVATIONS[name])
    x = jnp.linspace(-3, 3, 7)
    assert row.activation_name == name
    assert row.activation is not None
    assert jnp.allclose(row.activation(x), ACTIVATIONS[name](x), rtol=1e-6)


@pytest.mark.parametrize("phi", [nn.relu, nn.gelu, nn.silu, jnp.tanh])
def test_the_activation_is_named_in_low_precision_too(phi):
    dense = lambda: nn.Dense(8, dtype=jnp.bfloat16)
    trace = jinit.trace(*linen(nn.Sequential([dense(), phi, dense()]), 2, 4))
    assert trace["params/layers_2/kernel"].activation_name == phi.__name__


MASK = jax.random.bernoulli(jax.random.key(0), 0.5, (2, 6, 8))


@pytest.mark.parametrize(
    "after",
    [
        lambda x: 3 * x,
        lambda x: x.mean(1),
        lambda x: x.max(1),
        lambda x: x[:, -1],
        lambda x: x.reshape(-1, 8),
        lambda x: x.swapaxes(0, 1),
        lambda x: jnp.flip(x, 1),
        lambda x: nn.max_pool(x, (2,), (2,)),
        lambda x: nn.avg_pool(x, (2,), (2,)),
        lambda x: jnp.pad(x, ((0, 0), (1, 1), (0, 0))),
        lambda x: jnp.where(MASK, x / 0.5, 0),
        jax.checkpoint(lambda x: 2 * x),
    ],
)
def test_pools_moves_and_masks_keep_the_activation(after):
    assert feeding(lambda x: after(jax.nn.relu(x))).activation_name == "relu"


@pytest.mark.parametrize(
    ("phi", "name"),
    [
        (jax.nn.silu, "swiglu"),
        (jax.nn.gelu, "geglu"),
        (jax.nn.relu, "reglu"),
        (jax.nn.sigmoid, "glu"),
        (jnp.tanh, "other"),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_a_gated_pair_is_named(phi, name, split):
    def apply(p, x):
        a, b = jnp.split(x @ p["w"], 2, -1) if split else (x @ p["a"], x @ p["b"])
        return (phi(a) * b) @ p["out"]

    params = {"w": image(8, 16)} if split else {"a": image(8, 8), "b": image(8, 8)}
    row = jinit.trace(apply, {**params, "out": image(8, 3)}, image(2, 8))["out"]
    assert row.activation_name == name


@pytest.mark.parametrize(
    "function",
    [jax.nn.softmax, lambda x: jnp.concatenate([jax.nn.relu(x), x], 1)],
)
def test_no_activation_where_there_is_no_single_function(function):
    row = feeding(function)
    assert (row.activation, row.activation_name) == (None, None)
    assert row.note == "reads no function of one signal"


@pytest.mark.parametrize(
    ("function", "name", "normalized"),
    [
        (jax.nn.standardize, "identity", True),
        (lambda x: jax.nn.relu(jax.nn.standardize(x)), "relu", True),
        (lambda x: jax.nn.standardize(jax.nn.relu(x)), "identity", True),
        (lambda x: jnp.tanh(x / jnp.std(x, 0)), "tanh", True),
        (lambda x: jax.nn.relu(x - x.mean(-1, keepdims=True)), "relu", False),
        (lambda x: x / 8**0.5, "identity", False),
    ],
)
def test_a_signal_divided_by_its_deviation_is_normalized(function, name, normalized):
    row = feeding(function)
    assert (row.activation_name, row.normalized) == (name, normalized)


def test_inside_a_scan_the_activation_is_that_of_the_last_step():
    step = lambda x, w: (jax.nn.silu(x @ w), None)
    apply = lambda p, x: jax.lax.scan(step, x, p["w"])[0] @ p["out"]
    params = {"w": image(3, 4, 4), "out": image(4, 2)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert [row.activation_name for row in trace] == ["silu", "silu"]


# Residual streams


def block(p, x):
    return x + jnp.tanh(x @ p["up"]) @ p["down"]


def before(p, x):
    return x + jnp.tanh(jax.nn.standardize(x) @ p["up"]) @ p["down"]


def after(p, x):
    return jax.nn.standardize(block(p, x))


UP_DOWN = {"up": image(8, 16), "down": image(16, 8)}


def in_turn(step):
    return lambda blocks, x: functools.reduce(lambda x, p: step(p, x), blocks, x)


@pytest.mark.parametrize("step", [block, before, after])
def test_the_last_layer_of_each_branch_closes_it(step):
    for row in jinit.trace(in_turn(step), [UP_DOWN] * 3, image(2, 8)):
        down = row.path.endswith("down")
        assert row.closes_residual == down
        assert row.branches == 3


@pytest.mark.parametrize(
    ("step", "summed"),
    [(block, [0, 1 / 4, 2 / 4, 3 / 4]), (before, [0] * 4), (after, [0] * 4)],
)
def test_an_unnormalized_stream_fills_up(step, summed):
    trace = jinit.trace(in_turn(step), [UP_DOWN] * 4, image(2, 8))
    assert [row.summed for row in trace if row.path.endswith("up")] == summed
    assert {row.summed for row in trace if row.path.endswith("down")} == {0}


def test_the_head_reads_the_whole_stream():
    body = in_turn(block)
    apply = lambda p, x: body(p["blocks"], x @ p["in"]) @ p["out"]
    params = {"in": image(4, 8), "blocks": [UP_DOWN] * 3, "out": image(8, 2)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert trace["out"].summed == 1
    assert not trace["in"].closes_residual


@pytest.mark.parametrize("step", [block, before, after])
@pytest.mark.parametrize("length", [1, 12])
def test_a_scan_of_blocks_has_as_many_branches_as_steps(step, length):
    apply = lambda p, x: jax.lax.scan(lambda x, p: (step(p, x), None), x, p)[0]
    stack = jax.tree.map(lambda a: image(length, *a.shape), UP_DOWN)
    trace = jinit.trace(apply, stack, image(2, 8))
    assert (trace["down"].closes_residual, trace["down"].branches) == (True, length)
    assert not trace["up"].closes_residual


def test_a_gate_does_not_hide_the_branch():
    apply = lambda p, x: x + p["gate"] * (jnp.tanh(x @ p["up"]) @ p["down"])
    trace = jinit.trace(apply, {**UP_DOWN, "gate": image(8)}, image(2, 8))
    assert trace["down"].closes_residual


def test_two_products_side_by_side_close_no_branch():
    apply = lambda p, x: jnp.tanh(x @ p["a"] + x @ p["b"]) @ p["out"]
    params = {"a": image(4, 8), "b": image(4, 8), "out": image(8, 2)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert not any(row.closes_residual for row in trace)


# Whole models


@functools.cache
def zoo(name):
    return jinit.trace(*FULL[name]())


ROLES = {
    "ResNet-50": {
        "kernel": 53,
        "norm scale": 53,
        "norm offset": 53,
        "unused": 106,  # the statistics, in training
        "output head": 1,
        "bias": 1,
    },
    "ViT-B/16": {
        "kernel": 1 + 12 * 6,
        "bias": 1 + 12 * 6 + 1,
        "norm scale": 25,
        "norm offset": 25,
        "token": 1,
        "positional": 1,
        "output head": 1,
    },
    "GPT": {"kernel": 7, "norm scale": 3, "embedding": 1, "positional": 1},
    "U-Net": {"kernel": 10, "bias": 11, "output head": 1},
    "Mixer": {
        "kernel": 17,
        "bias": 18,
        "norm scale": 9,
        "norm offset": 9,
        "output head": 1,
    },
    "MoE": {"kernel": 3, "norm scale": 1, "norm offset": 1},
}
# The rows that close a branch, and the branches of their stream
CLOSING = {
    "ResNet-50": (16, {16}),
    "ViT-B/16": (24, {24}),
    "GPT": (2, {24}),
    "U-Net": (0, set()),
    "Mixer": (8, {8}),
    "MoE": (1, {1}),
}
# fan_in, fan_out, what it reads, whether that is normalized
ROWS = {
    "ResNet-50": {
        "Conv_0/kernel": (147, 64 * 49 / 4, "identity", False),  # stride 2
        "Bottleneck_0/Conv_2/kernel": (64, 256, "relu", True),
        "Bottleneck_1/Conv_0/kernel": (256, 64, "relu", False),
        "Bottleneck_3/Conv_1/kernel": (1152, 1152 / 4, "relu", True),  # stride 2
        "Dense_0/kernel": (2048, 1000, "relu", False),
    },
    "ViT-B/16": {
        "embed/kernel": (768, 768, "identity", False),  # patches do not overlap
        "EncoderBlock_11/MultiHeadDotProductAttention_0/query/kernel": (
            *(768, 768, "identity", True),
        ),
        "EncoderBlock_11/Dense_1/kernel": (3072, 768, "gelu", False),
        "head/kernel": (768, 1000, "identity", True),
    },
    "GPT": {
        "tokens/embedding": (1, 256, "identity", True),
        "blocks/MultiHeadDotProductAttention_0/out/kernel": (
            *(256, 256, "identity", False),
        ),
        "blocks/up/kernel": (256, 768, "identity", True),
        "blocks/down/kernel": (768, 256, "swiglu", False),
    },
    "U-Net": {
        "down0/kernel": (27, 144, "identity", False),
        "down1/kernel": (144, 288, "relu", False),
        "grow2/kernel": (128, 256, "relu", False),  # one of four taps per output
        "up2/kernel": (1152, 576, None, False),  # two signals side by side
        "head/kernel": (16, 2, "relu", False),
    },
    "Mixer": {
        "MixerBlock_3/tokens_in/kernel": (64, 64, "identity", True),
        "MixerBlock_3/tokens_out/kernel": (64, 64, "gelu", False),
        "MixerBlock_3/channels_out/kernel": (256, 64, "gelu", False),
    },
    "MoE": {
        "router/kernel": (32, 4, "identity", True),
        "up": (32, 4 * 64, "identity", True),  # every expert reads the same
        "down": (64, 32, "relu", False),
    },
}


@pytest.mark.parametrize("name", ROLES)
def test_every_parameter_of_a_full_model_has_its_role(name):
    assert Counter(row.role for row in zoo(name)) == ROLES[name]


@pytest.mark.parametrize("name", CLOSING)
def test_a_full_model_has_its_residual_branches(name):
    closing = [row for row in zoo(name) if row.is_kernel and row.closes_residual]
    assert (len(closing), {row.branches for row in closing}) == CLOSING[name]


@pytest.mark.parametrize("name", ROWS)
def test_the_layers_of_a_full_model_have_their_fans(name):
    rows = {path: zoo(name)[f"params/{path}"] for path in ROWS[name]}
    assert {
        path: (row.fan_in, row.fan_out, row.activation_name, row.normalized)
        for path, row in rows.items()
    } == ROWS[name]


def test_the_stream_of_a_resnet_fills_up_to_its_head():
    firsts = [f"params/Bottleneck_{i}/Conv_0/kernel" for i in range(16)]
    assert [zoo("ResNet-50")[path].summed for path in firsts] == [
        i / 16 for i in range(16)
    ]
    assert zoo("ResNet-50")["params/Dense_0/kernel"].summed == 1


def test_a_tied_embedding_is_used_at_both_ends():
    row = zoo("GPT")["params/tokens/embedding"]
    assert (row.role, row.order, row.uses, row.tied) == ("embedding", 0, 2, True)
    assert not any(each.tied for each in zoo("GPT") if each is not row)


def test_a_trace_does_not_depend_on_the_length_of_a_scan():
    few, many = (
        jinit.trace(*shapes(GPT(depth=depth), text(2, 16))) for depth in (2, 96)
    )
    one = lambda trace: [
        dataclasses.replace(
            row,
            shape=row.shape[len(row.stack) :],
            branches=row.branches // max(row.stack, default=1),
        )
        for row in facts(trace)
    ]
    assert one(few) == one(many)
    assert {row.stack for row in many if "blocks" in row.path} == {(96,)}


def test_a_scanned_block_reads_as_the_first_of_a_loop():
    scanned = jinit.trace(*shapes(GPT(depth=2), text(2, 16)))
    looped = zoo("tied LM")
    blocks = [row for row in scanned if "blocks" in row.path]
    assert len(blocks) == 9
    for row in blocks:
        alone = looped[row.path.replace("blocks", "block0")]
        same = {field: getattr(alone, field) for field in SAME_IN_A_SCAN}
        assert {field: getattr(row, field) for field in SAME_IN_A_SCAN} == same
        assert row.shape == (2, *alone.shape)


SAME_IN_A_SCAN = (
    "role",
    "op",
    "fan_in",
    "fan_out",
    "uses",
    "order",
    "depth",
    "activation_name",
    "normalized",
    "closes_residual",
    "branches",
    "note",
)


# The trace itself


def test_rows_come_in_the_order_of_the_tree():
    trace = jinit.trace(plain, PLAIN, image(2, 4))
    assert [row.path for row in trace] == ["b", "out", "w"]
    assert len(trace) == 3
    assert all(trace[row.path] is row for row in trace)


def test_in_order_is_the_order_of_computation_with_the_unused_last():
    params = {**PLAIN, "a": image(3)}
    trace = jinit.trace(plain, params, image(2, 4))
    assert [row.path for row in trace.in_order] == ["w", "b", "out", "a"]
    assert [row.order for row in trace.in_order] == [0, 1, 2, None]
    assert [row.depth for row in trace.in_order] == [1, None, 2, None]


def test_an_unknown_path_names_the_nearest():
    with pytest.raises(KeyError, match=r"no parameter 'params/heda/kernel'.*mean"):
        zoo("U-Net")["params/heda/kernel"]
    with pytest.raises(KeyError, match=r"'params/head/kernel'"):
        zoo("U-Net")["params/heda/kernel"]


@pytest.mark.parametrize("name", ["GPT", "MoE", "U-Net"])
def test_the_text_has_a_line_per_parameter_and_a_head(name):
    head, *lines = str(zoo(name)).splitlines()
    assert head.split()[:3] == ["parameter", "role", "shape"]
    assert [line.split()[0] for line in lines] == [
        row.path for row in zoo(name).in_order
    ]


def test_the_text_says_what_is_special():
    text = str(zoo("GPT"))
    assert "normalized; used 2 times" in text
    assert "closes 1 of 24 branches" in text


def test_arrays_and_their_shapes_have_equal_rows():
    arrays = jax.tree.map(lambda a: jnp.ones(a.shape, a.dtype), PLAIN)
    by_array = jinit.trace(plain, arrays, jnp.ones((2, 4)))
    assert facts(by_array) == facts(jinit.trace(plain, PLAIN, image(2, 4)))


def test_a_linen_an_nnx_and_an_equinox_module_have_the_same_rows():
    arguments = [
        linen(nn.Dense(6), 2, 4),
        flax_nnx(lambda r: nnx.Linear(4, 6, rngs=r), 2, 4),
        equinox(lambda nn, key: nn.Linear(4, 6, key=key), 2, 4),
    ]
    rows = [
        {row.path.split("/")[-1]: row for row in jinit.trace(*each)}
        for each in arguments
    ]
    assert [sorted(each) for each in rows] == [
        ["bias", "kernel"],
        ["bias", "kernel"],
        ["bias", "weight"],
    ]
    kernels = [each.get("kernel") or each["weight"] for each in rows]
    assert [row.in_axes for row in kernels] == [(0,), (0,), (1,)]
    assert {(row.role, row.fan_in, row.fan_out) for row in kernels} == {
        ("output head", 4, 6)
    }


def test_several_inputs_may_be_trees():
    apply = lambda p, x, extra: x @ p["w"] + extra["y"] @ p["v"]
    params = {"w": image(4, 6), "v": image(3, 6)}
    trace = jinit.trace(apply, params, image(2, 4), {"y": image(2, 3)})
    assert [(row.path, row.fan_in) for row in trace] == [("v", 3), ("w", 4)]


@pytest.mark.parametrize(
    ("params", "x", "got"),
    [
        ({"w": 3.0}, image(2), r"Got 3.0 at \['w'\]"),
        ({"w": image(2), "f": len}, image(2), r"Got .*len.* at \['f'\]"),
        ({"w": image(2)}, "text", r"Got 'text' at \[0\]"),
    ],
)
def test_what_is_no_array_is_refused_with_its_place(params, x, got):
    with pytest.raises(TypeError, match=rf"arrays only\. {got}\. Split"):
        jinit.trace(lambda p, x: x, params, x)


def test_an_unused_parameter_that_is_returned_has_no_note():
    (row,) = jinit.trace(lambda p, x: (x, p), image(3), image(2))
    assert (row.role, row.note) == ("unused", "")
