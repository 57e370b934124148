"""Sparse weights: how many, and the refusals. The law itself is in `test_laws`."""

import jax.numpy as jnp
import pytest

import jinit

from ..helpers import key


@pytest.mark.parametrize(("rows", "kept"), [(100, 15), (15, 15), (4, 4)])
def test_connections_are_the_nonzero_inputs_of_a_unit(rows, kept):
    w = jinit.sparse(connections=15)(key(), (rows, 20))
    assert ((w != 0).sum(0) == kept).all()
    assert jinit.sparse(connections=15).std((rows, 20)) == (kept / rows) ** 0.5


def test_the_rows_of_a_convolution_are_all_but_its_outputs():
    w = jinit.sparse(0.75)(key(), (3, 3, 4, 10))
    assert ((w != 0).reshape(36, 10).sum(0) == 9).all()


def test_default_deviations():
    assert jinit.sparse(0.0).std((5, 5)) == 0.01
    assert jinit.sparse(connections=5).std((5, 5)) == 1.0
    assert jinit.sparse(0.0, 0.3).std((5, 5)) == 0.3
    assert jinit.sparse(0.5).std((0, 5)) == 0.0


def test_columns_choose_differently():
    w = jinit.sparse(0.5)(key(), (20, 10), jnp.bfloat16)
    assert len({tuple(column) for column in (w != 0).T.tolist()}) > 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jinit.sparse(), TypeError, "sparsity=None and connections=None"),
        (
            lambda: jinit.sparse(0.5, connections=3),
            TypeError,
            "sparsity=0.5",
        ),
        (lambda: jinit.sparse(key(), (3, 3)), TypeError, "connections=None"),
        (lambda: jinit.sparse(1.5), ValueError, r"from 0 to 1\. Got 1\.5"),
        (lambda: jinit.sparse(-0.5), ValueError, r"Got -0\.5"),
        (lambda: jinit.sparse(connections=0), ValueError, "Got 0"),
        (lambda: jinit.sparse(0.5)(key(), (3,)), ValueError, r"Got \(3,\).*zeros"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
