"""Weights of every dtype, products of every form, layers of nothing."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import jinit


X = np.sin(np.arange(64, dtype="f")).reshape(16, 4)
A, B = (np.cos(np.arange(1, 17, dtype="f") ** 2).reshape(4, 4) * k for k in (1, 0.7))
TOOLS = [jinit.lsuv, jinit.weight_norm_init, jinit.within_layer]
KEY = np.array([0, 1], np.uint32)
NARROW = ml_dtypes.float8_e4m3fn


def apply(p, x):
    hidden = jnp.tanh(x @ p["a"].astype(x.dtype) + p["c"].astype(x.dtype))
    return hidden @ p["b"].astype(x.dtype)


@pytest.mark.parametrize("tool", TOOLS)
def test_narrow_weights_are_scaled_as_wide_ones(tool):
    wide = {"a": A, "b": B, "c": np.zeros(4, "f")}
    narrow = jax.tree.map(lambda x: x.astype(NARROW), wide)
    (own, record), (_, told) = (
        tool(apply, p, KEY, X, **_PLAIN[tool]) for p in (narrow, wide)
    )
    assert {x.dtype for x in jax.tree.leaves(own)} == {np.dtype(NARROW)}
    if tool is not jinit.within_layer:  # whose rates are of gradients, in this dtype
        scales = [np.asarray([x.scale for x in each]) for each in (record, told)]
        np.testing.assert_allclose(*scales, rtol=0.2)


_PLAIN = {
    jinit.lsuv: {"start": "given"},
    jinit.weight_norm_init: {"start": "given", "max_passes": 1},
    jinit.within_layer: {"directions": "given", "rounds": 1},
}


@pytest.mark.parametrize("tool", TOOLS)
def test_layers_without_units_are_refused(tool):
    empty = {"a": A[:, :0], "b": B[:0], "c": np.zeros(0, "f")}
    with pytest.raises(ValueError, match=f"`jinit.{tool.__name__}` .* Got none in a"):
        tool(apply, empty, KEY, X)


def test_whole_numbers_stay_and_are_named():
    weights = {"a": np.arange(16, dtype="int8").reshape(4, 4), "b": B, "c": B[0]}
    with pytest.warns(UserWarning, match="Whole numbers are not scaled.* Got a"):
        scaled, record = jinit.lsuv(apply, weights, KEY, X, start="given")
    assert np.array_equal(scaled["a"], weights["a"])
    assert [each.name for each in record] == ["b"]


def test_grouped_kernels_are_scaled():
    groups = jnp.array([3, 6, 5, 2])
    product = lambda p, x: jax.lax.ragged_dot(x, p["w"], groups)
    weights = {"w": np.stack([A, B, 2 * A, A + B])}
    (scaled, _) = jinit.lsuv(product, weights, KEY, X, start="given")
    assert float(np.std(product(scaled, X))) == pytest.approx(1, rel=1e-3)
