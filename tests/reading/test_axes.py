"""The axes of inputs, outputs and copies, followed from a leaf to its product."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from tests.zoo.entry import image


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
