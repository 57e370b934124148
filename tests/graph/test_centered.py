"""Kernels that sum to 0 read no mean: what is predicted behind them."""

import math

import jax
import jax.numpy as jnp
import pytest

import jinit


N = 256
shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")


def standardized(w):
    w = w - jnp.mean(w, axis=0)
    return w / (jnp.std(w, axis=0) + 1e-5)


def standardized_at_once(w):
    mean = jnp.mean(w, axis=0, keepdims=True)
    return (w - mean) / jnp.sqrt(jnp.var(w, axis=0, keepdims=True) + 1e-5)


def scaled_and_shifted(w):
    scale = jax.lax.rsqrt(jnp.var(w, axis=0) + 1e-5)
    return w * scale - jnp.mean(w, axis=0) * scale


def of_the_outputs(w):
    return (w - w.mean(1, keepdims=True)) / w.std()


def misplaced(w):
    return (w - w.mean(1)) / w.std()


RELU, READ_WITHOUT_MEAN = 1 / 2, 1 / 2 - 1 / (2 * math.pi)


@pytest.mark.parametrize(
    ("kernel", "per_entry"),
    [
        (standardized, READ_WITHOUT_MEAN),
        (standardized_at_once, READ_WITHOUT_MEAN),
        (scaled_and_shifted, READ_WITHOUT_MEAN),
        (of_the_outputs, RELU),
        (misplaced, RELU),
    ],
)
def test_a_kernel_of_mean_0_reads_the_variance_alone(kernel, per_entry):
    """Σ w = 0: E z² = fan_in · Var x instead of fan_in · E x², in layer after layer."""

    def apply(params, x):
        for w in params:
            x = x @ kernel(w)
            x = jax.nn.relu((x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True))
        return x

    plan = jinit.explain(apply, [shape(N, N)] * 4, shape(64, N))
    makes = [choice.makes for choice in plan][1:]
    assert makes == pytest.approx([N * per_entry] * 3, rel=0.1)


def test_a_convolution_is_standardized_over_its_window():
    def apply(params, x):
        for w in params:
            w = (w - w.mean((0, 1, 2))) / w.std((0, 1, 2))
            x = jax.lax.conv_general_dilated(
                x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jax.nn.relu((x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True))
        return x

    plan = jinit.explain(apply, [shape(3, 3, 64, 64)] * 3, shape(2, 9, 9, 64))
    makes = [choice.makes for choice in plan][1:]
    assert makes == pytest.approx([9 * 64 * READ_WITHOUT_MEAN] * 2, rel=0.1)


def test_a_mean_of_another_shape_is_no_mean_of_this_one():
    """A group norm: the mean of what was reshaped is subtracted before it is."""

    def apply(params, x):
        groups = x.reshape(-1, 4, N // 4)
        mean = groups.mean((1, 2)) * jnp.ones((1, 1))
        return (x - mean.reshape(-1, 1)) @ params

    plan = jinit.explain(apply, shape(N, 8), shape(64, N))
    assert [choice.makes for choice in plan] == pytest.approx([1], rel=0.05)
