"""What a model makes of its inputs first, and inputs that say nothing."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def reads(prepare, x):
    """E x² of what a convolution reads of a prepared input."""
    apply = lambda w, x: jax.lax.conv_general_dilated(
        prepare(x), w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    weights = jax.ShapeDtypeStruct((3, 3, 3, 8), "float32")
    (choice,) = jinit.explain((apply, weights), x)
    assert choice.reads is not None
    return choice.reads


@pytest.mark.parametrize(
    "prepare",
    [
        lambda x: x / 255,
        lambda x: x / 127.5 - 1,
        lambda x: 2 * x - 1,
        lambda x: (x - MEAN) / STD,
        lambda x: (x / 255 - MEAN) / STD,
        lambda x: ((x.transpose(0, 2, 1, 3) - 0.13) / 0.31).transpose(0, 2, 1, 3),
    ],
)
def test_what_constants_make_of_an_input_is_standardized(prepare):
    x = jax.ShapeDtypeStruct((2, 8, 8, 3), "float32")
    assert math.isclose(reads(prepare, x), 1)


@pytest.mark.parametrize(
    ("prepare", "size"),
    [
        (lambda x: 3 * x, 9),
        (lambda x: x + jnp.sin(jnp.arange(192.0)).reshape(8, 8, 3), 1.5),
        (lambda x: jax.nn.relu(x) / 2, 1 / 8),
        (lambda x: x / 255 + x, 1),
    ],
)
def test_else_it_counts_as_computed(prepare, size):
    x = jax.ShapeDtypeStruct((2, 8, 8, 3), "float32")
    np.testing.assert_allclose(reads(prepare, x), size, rtol=0.05)


def test_pixels_count_as_pixels_whatever_the_array_holds():
    prepare = lambda x: x.astype(jnp.float32) / 255
    for x in (
        jax.ShapeDtypeStruct((2, 8, 8, 3), "uint8"),
        jnp.zeros((2, 8, 8, 3), "uint8"),
        np.full((2, 8, 8, 3), 7, "uint8"),
    ):
        np.testing.assert_allclose(reads(prepare, x), 1 / 3, rtol=0.05)


def test_equal_tokens_stand_for_any():
    apply = lambda p, ids: p["table"][ids] @ p["w"]
    shapes = {
        "table": jax.ShapeDtypeStruct((50, 16), "float32"),
        "w": jax.ShapeDtypeStruct((16, 16), "float32"),
    }
    plans = [
        str(jinit.explain((apply, shapes), ids))
        for ids in (jax.ShapeDtypeStruct((2, 9), "int32"), jnp.ones((2, 9), "int32"))
    ]
    assert plans[0] == plans[1]


def one_hot(seed, *shape, classes=15):
    ids = np.random.default_rng(seed).integers(0, classes, shape)
    return np.eye(classes, dtype="float32")[ids]


def test_a_batch_of_zeros_and_ones_counts_as_it_is():
    rng = np.random.default_rng(0)
    for x in (one_hot(0, 32, 9), (rng.random((2**16, 32)) < 0.1).astype("float32")):
        weights = jax.ShapeDtypeStruct((x.shape[-1], 8), "float32")
        (choice,) = jinit.explain((lambda w, x: x @ w, weights), x)
        assert choice.reads == pytest.approx((x**2).mean(), rel=0.1)
        assert choice.makes == pytest.approx(1, rel=0.05)


def test_a_batch_of_any_other_numbers_counts_as_standardized():
    weights = jax.ShapeDtypeStruct((32, 8), "float32")
    apply = lambda w, x: x / 2 @ w
    plans = [
        str(jinit.explain((apply, weights), x))
        for x in (
            jax.ShapeDtypeStruct((64, 32), "float32"),
            3 + np.random.default_rng(0).standard_normal((64, 32), "float32"),
            jnp.ones((64, 32)),
            np.full((64, 32), np.nan, "float32"),
        )
    ]
    assert len({*plans}) == 1


def test_what_the_largest_entry_is_sought_of_is_a_choice():
    def apply(p, source, target):
        length = (jnp.argmax(source, -1) == 1).argmax(-1)
        summed = jnp.where((jnp.arange(9) <= length[:, None])[..., None], source, 0)
        return source @ p["a"], target @ p["b"], summed.sum(1) @ p["c"]

    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    weights = {name: shape(15, 64) for name in "abc"}
    plan = jinit.explain((apply, weights), shape(32, 9, 15), shape(32, 7, 15))
    a, b, _ = plan
    assert (a.reads, a.doubt) == (pytest.approx(1 / 15, rel=0.15), "")
    assert b.reads == 1
    assert "may hold classes" in b.doubt
    batch = one_hot(0, 32, 9), one_hot(1, 32, 7)
    assert not any(c.doubt for c in jinit.explain((apply, weights), *batch))
