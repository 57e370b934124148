"""Invertible maps: rotations, their factors, normalized batches, the identity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit.flow import actnorm, glow, glow_lu, zero_conv

from ..helpers import key


STACK = (3, 5, 5)


def test_glow_is_a_stack_of_independent_rotations():
    stack = np.asarray(glow(key(), STACK), np.float64)
    for w in stack:
        np.testing.assert_allclose(w.T @ w, np.eye(5), atol=1e-5)
        assert abs(np.linalg.slogdet(w)[1]) < 1e-5
    assert np.abs(stack[0] - stack[1]).max() > 0.1
    frames = jinit.orthogonal(batch_axis=0)(key(), STACK)
    np.testing.assert_allclose(stack, frames, atol=1e-6)
    assert np.isclose(glow.std((1, 1, 6, 6)), 6**-0.5)


def test_the_factors_of_glow_give_its_matrix_and_determinant():
    factors = glow_lu(key(), STACK)
    w = np.asarray(glow(key(), STACK))
    np.testing.assert_allclose(factors.matrix(), w, atol=1e-5)
    P = np.eye(5)[np.asarray(factors.permutation)]
    s = np.asarray(factors.sign * jnp.exp(factors.log_scale))
    L = np.tril(factors.lower, -1) + np.eye(5)
    U = np.triu(factors.upper, 1) + s[..., None] * np.eye(5)
    np.testing.assert_allclose(P @ L @ U, w, atol=1e-5)
    np.testing.assert_allclose(factors.log_scale.sum(-1), 0, atol=1e-5)
    assert set(np.unique(factors.sign)) <= {-1.0, 1.0}
    np.testing.assert_array_equal(factors.lower, np.tril(factors.lower, -1))
    np.testing.assert_array_equal(factors.upper, np.triu(factors.upper, 1))


def test_only_the_triangles_count_in_training():
    """What lies beyond them has no part in the matrix, whatever it becomes."""
    factors = glow_lu(key(2), STACK)
    full = factors._replace(lower=factors.lower + 9 * np.triu(np.ones((5, 5), "f")))
    np.testing.assert_array_equal(full.matrix(), factors.matrix())
    moved = factors._replace(log_scale=factors.log_scale + 0.5)
    assert np.isclose(np.linalg.slogdet(moved.matrix())[1], 2.5, atol=1e-5).all()


def test_factors_of_a_narrow_dtype_are_rounded_once():
    narrow, full = glow_lu(key(), STACK, "bfloat16"), glow_lu(key(), STACK)
    assert narrow.lower.dtype == narrow.log_scale.dtype == jnp.bfloat16
    for one, other in zip(narrow[1:], full[1:], strict=True):
        assert (one == other.astype(jnp.bfloat16)).all()


@pytest.mark.parametrize(("axis", "scale", "factor"), [(-1, 1.0, 3.0), (1, 0.5, 1.0)])
def test_a_batch_comes_out_with_mean_0_and_the_scale(axis, scale, factor):
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 1e-2, 50.0])
    x = spread * rng.standard_normal((32, 5, 3)) + np.array([0.0, 7.0, 1000.0])
    x = np.moveaxis(x.astype(np.float32), -1, axis)
    bias, log_scale = actnorm(x, axis=axis, scale=scale, factor=factor)
    y = np.moveaxis(x, axis, -1) + np.asarray(bias)
    y = y.astype(np.float64) * np.exp(factor * np.asarray(log_scale, np.float64))
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=2e-3)
    np.testing.assert_allclose(y.std((0, 1)), scale, rtol=1e-3)


def test_a_channel_that_does_not_vary_stays_finite_and_dtypes_are_kept():
    x = jnp.asarray(np.stack([np.ones(8), np.arange(8)], -1), jnp.bfloat16)
    bias, log_scale = actnorm(x)
    assert bias.dtype == log_scale.dtype == jnp.bfloat16
    assert np.isclose(float(log_scale[0]), np.log(1e6) / 3, rtol=1e-2)
    assert actnorm(np.arange(6).reshape(3, 2)).bias.tolist() == [-2.0, -3.0]
    traced = jax.jit(actnorm)(x)
    np.testing.assert_allclose(traced.bias, bias, rtol=1e-2)


def test_a_batch_near_the_largest_float_has_a_scale():
    x = np.array([[1e30, 1.0], [-1e30, 1.0]], np.float32)
    log_scale = actnorm(x, factor=1.0, eps=1e-300).log_scale
    np.testing.assert_allclose(log_scale, np.log([1e-30, 2.0**126]), rtol=1e-5)


def test_a_coupling_that_ends_in_zeros_is_the_identity_and_learns():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((7, 4)), "float32")
    parts = [zero_conv(None, shape) for shape in ((4, 2), (2,), (2,))]

    def coupled(parts, x):
        w, b, s = parts
        return x[:, :2] + (x @ w + b) * jnp.exp(3 * s)

    assert (coupled(parts, x) == x[:, :2]).all()
    w, b, s = jax.grad(lambda parts: (coupled(parts, x) ** 2).sum())(parts)
    assert jnp.abs(w).min() > 0
    assert jnp.abs(b).min() > 0
    assert not s.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: glow(key(), (4, 8)), r"`jinit.flow.glow` needs as many.*\(4, 8\)"),
        (lambda: glow.std((4,)), r"`jinit.flow.glow` needs"),
        (lambda: glow_lu(key(), (4, 8)), r"`jinit.flow.glow_lu` needs as many"),
        (lambda: glow_lu(key(), (4, 4), "int32"), "floating and real. Got int32"),
        (lambda: actnorm(np.ones((0, 3))), "`jinit.flow.actnorm` needs a batch"),
        (lambda: actnorm(np.ones((3, 3)), axis=2), "axis 2"),
        (lambda: actnorm(np.full((3, 3), np.nan)), "a finite batch.*9 values"),
        (lambda: actnorm(np.ones((3, 3)), scale=0.0), "`scale` above 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
