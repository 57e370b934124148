"""Kernels that pass their input on."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

import jinit

from ..helpers import key


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (1, 1)])
def test_identity_passes_on_what_fits(shape):
    x = jax.random.normal(key(), (4, shape[0]))
    y = x @ jinit.identity(None, shape)
    n = min(shape)
    assert (y[:, :n] == x[:, :n]).all()
    assert not y[:, n:].any()


def test_identity_times_a_gain():
    assert jinit.eye(3.0)(None, (2, 2)).tolist() == [[3, 0], [0, 3]]
    assert jinit.identity(2, dtype=jnp.int32)(None, (2, 2)).dtype == jnp.int32


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("groups", [1, 3])
def test_dirac_passes_every_channel_on(size, groups):
    x = jax.random.normal(key(), (1, 6, 7, 3 * 2))
    kernel = jinit.dirac(groups=groups)(None, (size, 3, 6 // groups, 6))
    y = lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
    assert (y == x).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jinit.identity(None, (3,)), r"Got \(3,\)"),
        (lambda: jinit.identity(None, (3, 3, 3)), r"Got \(3, 3, 3\).*`jinit.dirac`"),
        (lambda: jinit.dirac(None, (3, 3)), r"Got \(3, 3\).*`jinit.identity`"),
        (lambda: jinit.dirac(groups=2)(None, (3, 3, 3)), r"groups=2 for 3 channels"),
        (lambda: jinit.identity.std((3,)), r"Got \(3,\)"),
        (lambda: jinit.dirac.std((3, 3)), r"Got \(3, 3\)"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_statements_of_an_empty_matrix(shape):
    assert jinit.identity(None, shape).shape == shape
    assert jinit.identity.std(shape) == 0
    assert jinit.dirac.std((3, *shape)) == 0
