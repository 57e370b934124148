"""Orthogonal matrices: exactly orthogonal, uniform, and in the axes asked for."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from scipy import stats

import jinit
from jinit._schemes.orthogonal.haar import haar
from jinit._schemes.orthogonal.laws import (
    block_orthogonal,
    glorot_orthogonal,
    orthogonal,
    special_orthogonal,
)
from tests.helpers import assert_same_bits, key


METHODS = ("householder", "qr", "svd", "polar")


@pytest.fixture(params=[1, 8])
def devices(request, monkeypatch):
    """One device, or several: the two orders in which reflections are multiplied."""
    monkeypatch.setattr(jax, "device_count", lambda: request.param)
    return request.param


def defect(w, gain=1.0):
    """max |WᴴW − gain² I|, taken on the shorter side."""
    w = np.asarray(w, np.complex128)
    w = w if w.shape[-2] >= w.shape[-1] else w.swapaxes(-1, -2)
    gram = w.conj().swapaxes(-1, -2) @ w
    return np.abs(gram - gain**2 * np.eye(w.shape[-1])).max()


def draws(method, number, size, dtype="float32", seed=0):
    draw = partial(haar, method=method)
    return jax.jit(draw, static_argnums=(1, 2, 3, 4))(
        key(seed), (number,), size, size, jnp.dtype(dtype)
    )


# Orthogonality


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (33, 33)])
def test_columns_or_rows_are_orthonormal(shape, method):
    w = orthogonal(method=method)(key(), shape)
    assert w.shape == shape
    assert defect(w) <= 2e-6


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (33, 33), (100, 70)])
def test_both_orders_of_multiplication_are_orthonormal(size, devices):
    q = jax.jit(lambda k: haar(k, (2,), size[0], size[1], jnp.dtype("float32")))(key(1))
    assert defect(q) <= 2e-6


def test_both_orders_of_multiplication_agree(monkeypatch):
    q = {}
    for count in (1, 8):
        monkeypatch.setattr(jax, "device_count", lambda count=count: count)
        q[count] = jax.jit(lambda k: haar(k, (), 100, 70, jnp.dtype("float32")))(key())
    assert jnp.abs(q[1] - q[8]).max() <= 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_complex_matrices_are_unitary(method):
    w = orthogonal(method=method)(key(), (9, 5), "complex64")
    assert w.dtype == "complex64"
    assert jnp.abs(w.imag).max() > 0.1
    assert defect(w) <= 2e-6


def test_double_precision(devices):
    with jax.enable_x64():
        q = jax.jit(lambda k: haar(k, (), 45, 40, jnp.dtype("float64")))(key())
    assert defect(q) <= 1e-13


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_narrow_dtypes_are_the_float32_draw_rounded_once(dtype):
    narrow = orthogonal(key(), (8, 6), dtype)
    assert_same_bits(narrow, orthogonal(key(), (8, 6), "float32").astype(dtype))


def test_zero_size():
    assert orthogonal(key(), (0, 3)).shape == (0, 3)


def test_gain_is_the_singular_value():
    init = orthogonal(method="qr")
    assert defect(init(gain=3.0)(key(), (7, 4)), 3.0) <= 2e-5
    assert defect(init(gain="relu")(key(), (7, 4)), 2**0.5) <= 4e-6
    assert defect(init(0.5)(key(), (7, 4)), 0.5) <= 1e-6


@pytest.mark.parametrize("column_axis", [-1, 0])
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (7, 3), (3, 7), (2, 3, 4, 5)])
def test_qr_is_bit_identical_to_jax(shape, column_axis):
    ours = orthogonal(0.7, column_axis, method="qr")(key(), shape)
    theirs = jax.nn.initializers.orthogonal(0.7, column_axis)(key(), shape)
    assert_same_bits(ours, theirs)


# The law: uniform on the orthogonal group


def assert_haar(q):
    """What no raw factorization passes; each check fails by chance once in 10⁶."""
    q = np.asarray(q, np.complex128 if jnp.iscomplexobj(q) else np.float64)
    number, size, _ = q.shape
    bound = 4.89 / np.sqrt(number)
    for shift in (0, 1):
        trace = np.trace(np.roll(q, shift, axis=1), axis1=1, axis2=2)
        assert abs(trace.mean()) <= bound
        # Tr Q has the first moments of a unit normal.
        spread = 1.0 if np.iscomplexobj(q) else 2.0
        assert abs((np.abs(trace) ** 2).mean() - 1) <= bound * np.sqrt(spread)
    assert abs(np.linalg.det(q).mean()) <= bound
    widest = np.sqrt(np.log(2 / 1e-6) / (2 * number))
    for row, column in [(0, 0), (-1, -1), (0, -1), (-1, 0)]:
        assert stats.kstest(*_entry_law(q[:, row, column], size)).statistic <= widest


def _entry_law(x, size):
    if np.iscomplexobj(x):
        return np.abs(x) ** 2, stats.beta(1, size - 1).cdf
    return (x + 1) / 2, stats.beta((size - 1) / 2, (size - 1) / 2).cdf


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_haar(method):
    assert_haar(draws(method, 20_000, 4))


def test_both_orders_of_multiplication_are_haar(devices):
    assert_haar(draws("householder", 20_000, 4, seed=devices))


@pytest.mark.parametrize("method", ["householder", "qr"])
def test_unitary_matrices_are_haar(method):
    assert_haar(draws(method, 20_000, 4, "complex64"))


def test_many_panels_are_haar(devices):
    """At 80 columns, Q is made of three strips and, on one device, three panels."""
    q = draws("householder", 1000, 80)
    trace = np.trace(np.asarray(q, np.float64), axis1=1, axis2=2)
    assert abs(trace.mean()) <= 4.89 / np.sqrt(1000)
    assert abs((trace**2).mean() - 1) <= 4.89 * np.sqrt(2 / 1000)
    widest = np.sqrt(np.log(2 / 1e-6) / 2000)
    for entry in [(0, 0), (40, 40), (79, 79), (79, 0), (0, 79)]:
        x, cdf = _entry_law(np.asarray(q)[:, *entry], 80)
        assert stats.kstest(x, cdf).statistic <= widest


@pytest.mark.parametrize(
    "factor", [lambda g: jnp.linalg.qr(g)[0], lambda g: jnp.linalg.svd(g)[0]]
)
def test_raw_factors_are_not_haar(factor):
    q = factor(jax.random.normal(key(), (20_000, 4, 4)))
    assert defect(q) <= 1e-5
    with pytest.raises(AssertionError):
        assert_haar(q)


def test_a_product_of_full_reflections_is_not_haar():
    v = jax.random.normal(key(), (4, 20_000, 4))
    v /= jnp.linalg.norm(v, axis=-1, keepdims=True)
    q = jnp.eye(4)
    for u in v:
        q = q - 2 * (q @ u[..., None]) * u[:, None, :]
    with pytest.raises(AssertionError):
        assert_haar(q)


# Axes: by "qr", which compiles fastest. They mean the same for every method.

by_qr = orthogonal(method="qr")


def test_attention_kernel_as_one_matrix():
    w = by_qr(in_axis=0, out_axis=(1, 2))(key(), (12, 3, 4))
    assert defect(w.reshape(12, 12)) <= 2e-6


def test_attention_kernel_per_head():
    init = by_qr(in_axis=0, out_axis=2, batch_axis=1)
    heads = jnp.moveaxis(init(key(), (12, 3, 4)), 1, 0)
    assert defect(heads) <= 2e-6
    assert jnp.abs(heads[0] - heads[1]).max() > 0.1


def test_only_one_side_given():
    left = by_qr(in_axis=(0, 1))(key(), (2, 3, 4))
    assert defect(left.reshape(6, 4)) <= 2e-6
    right = by_qr(out_axis=(1, 2))(key(), (2, 3, 4))
    assert defect(right.reshape(2, 12)) <= 2e-6


def test_axes_are_taken_in_the_order_given():
    w = by_qr(in_axis=(1, 0), out_axis=2)(key(), (2, 3, 4))
    same = by_qr(key(), (3, 2, 4)).transpose(1, 0, 2)
    assert_same_bits(w, same)


def test_groups_are_independent_matrices():
    w = by_qr(groups=3)(key(), (3, 2, 4, 12))
    parts = w.reshape(24, 3, 4).swapaxes(0, 1)
    assert defect(parts) <= 2e-6
    assert jnp.abs(parts[0].T @ parts[1]).max() > 0.01


def test_batch_slices_are_independent():
    w = by_qr(batch_axis=(0, 1))(key(), (2, 3, 6, 6))
    assert defect(w) <= 2e-6
    flat = np.asarray(w).reshape(6, -1)
    assert np.abs(flat @ flat.T / 6 - np.eye(6)).max() < 0.9


def test_vmap_over_keys():
    keys = jax.random.split(key(), 3)
    w = jax.vmap(lambda k: orthogonal(k, (6, 4)))(keys)
    np.testing.assert_allclose(w[1], orthogonal(keys[1], (6, 4)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 4), (3, 8), (2, 3, 4)])
def test_std_is_stated(shape):
    w = by_qr(2.0)(key(), shape)
    np.testing.assert_allclose(
        jnp.sqrt((w**2).mean()), orthogonal(2.0).std(shape), 1e-6
    )


# Sharding


@pytest.fixture(scope="module")
def mesh():
    return jax.make_mesh((8,), ("x",))


@pytest.mark.parametrize("spec", [("x", None), (None, "x")])
@pytest.mark.parametrize("shape", [(512, 512), (1024, 512)])
def test_sharded_memory_and_values(shape, spec, mesh):
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    draw = jax.jit(lambda k: orthogonal(k, shape), out_shardings=sharding)
    compiled = draw.lower(key()).compile()
    memory, shard = compiled.memory_analysis(), 4 * np.prod(shape) / 8
    assert memory is not None
    assert memory.temp_size_in_bytes <= 4 * shard
    w = compiled(key())
    assert w.sharding.is_equivalent_to(sharding, 2)
    assert jnp.abs(w - orthogonal(key(), shape)).max() <= 1e-6


def test_out_sharding_and_batch(mesh):
    sharding = NamedSharding(mesh, PartitionSpec("x"))
    init, shape = orthogonal(batch_axis=0), (8, 16, 16)
    w = init(key(), shape, "float32", sharding)
    assert w.sharding.is_equivalent_to(sharding, 3)
    assert jnp.abs(w - init(key(), shape)).max() <= 1e-6


# Relatives


@pytest.mark.parametrize("size", [1, 2, 5])
def test_special_orthogonal_has_determinant_one(size):
    w = special_orthogonal(batch_axis=0)(key(), (50, size, size))
    assert defect(w) <= 2e-6
    np.testing.assert_allclose(jnp.linalg.det(w), 1.0, rtol=1e-5)


def test_special_unitary_has_determinant_one():
    w = special_orthogonal(batch_axis=0)(key(), (50, 3, 3), "complex64")
    np.testing.assert_allclose(jnp.linalg.det(w), 1.0 + 0j, rtol=1e-5)


def test_special_orthogonal_is_uniform():
    """A rotation R of three dimensions has E tr R = 0 and E (tr R)² = 1."""
    w = special_orthogonal(batch_axis=0)(key(), (20_000, 3, 3))
    trace = np.trace(np.asarray(w, np.float64), axis1=1, axis2=2)
    assert abs(trace.mean()) <= 4.89 / np.sqrt(20_000)
    assert abs((trace**2).mean() - 1) <= 4.89 * np.sqrt(2 / 20_000)


@pytest.mark.parametrize("shape", [(30, 20), (5, 40)])
def test_glorot_orthogonal_has_the_variance_of_glorot(shape):
    w = np.asarray(glorot_orthogonal(method="qr")(key(), shape), np.float64)
    np.testing.assert_allclose((w**2).mean(), 2 / sum(shape), rtol=1e-6)


def test_block_orthogonal_per_gate():
    init = block_orthogonal(method="qr")
    w = init(key(), (6, 24))
    assert defect(w.reshape(6, 4, 6).swapaxes(0, 1)) <= 2e-6
    torch_layout = init(gates=3, gate_axis=0)(key(), (18, 6))
    assert defect(torch_layout.reshape(3, 6, 6)) <= 2e-6


# Refusals


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({}, (4,), r"Got \(4,\). For a bias, use `jinit.zeros`"),
        ({"in_axis": 0, "out_axis": 0}, (4, 4), "axis 0 .* `in_axis` and `out_axis`"),
        (
            {"in_axis": (), "out_axis": ()},
            (4, 4),
            r"Got rows \(0, 1\) and columns \(\)",
        ),
        ({"batch_axis": 0}, (4, 4), r"Got rows \(\) and columns \(1,\)"),
        ({"groups": 3}, (4, 8), "divide the 8 columns .* Got 3"),
        ({"column_axis": 2}, (4, 8), "Got 2"),
    ],
)
def test_refused_shapes(settings, shape, message):
    with pytest.raises(ValueError, match=message):
        orthogonal(**settings)(key(), shape)


def test_refused_settings():
    with pytest.raises(ValueError, match="Did you mean 'householder'"):
        jinit.get("orthogonal(method='housholder')")
    with pytest.raises(ValueError, match="Got int32"):
        orthogonal(key(), (4, 4), "int32")
    with pytest.raises(TypeError, match="column_axis=0, in_axis=0"):
        orthogonal(column_axis=0, in_axis=0)
    with pytest.raises(ValueError, match="Got 3 rows and 4 columns"):
        special_orthogonal(key(), (3, 4))
    with pytest.raises(ValueError, match="Got 4"):
        block_orthogonal(key(), (4, 6))
