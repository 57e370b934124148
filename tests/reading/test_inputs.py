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
