"""Weights that are given: constants, arrays, other libraries' functions."""

# Most calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit

from ..helpers import assert_same_bits, key


def test_a_constant_broadcasts():
    assert jinit.constant(2.5)(None, (2, 2)).tolist() == [[2.5, 2.5], [2.5, 2.5]]
    assert jinit.constant([[1], [2]])(None, (2, 2)).tolist() == [[1, 1], [2, 2]]
    assert jinit.constant(np.ones((1, 3)))(None, (2, 4, 3)).sum() == 24
    assert jinit.constant([1.5, -1])(None, (2,), jnp.int32).tolist() == [1, -1]


def test_a_constant_array_is_a_value():
    init = jinit.constant(np.arange(3))
    assert init == jinit.constant([0, 1, 2]) == jinit.constant(jnp.arange(3))
    assert hash(init) == hash(jinit.constant([0, 1, 2]))
    assert init != jinit.constant([0, 1, 3])


def test_the_array_given_may_change_afterwards():
    array = np.zeros(3)
    init = jinit.from_array(array)
    array[:] = 1
    assert not init(None, (3,)).any()


def test_an_array_that_looks_like_a_key_is_a_value():
    raw = np.array([3, 4], np.uint32)
    assert jinit.constant(raw)(None, (2,)).tolist() == [3, 4]
    assert jinit.from_array(raw, jnp.float32)(None, (2,)).tolist() == [3, 4]


def test_what_constants_state():
    init = jinit.constant([1.0, 3.0])
    assert (init.mean((2,)), init.std((2,)), init.support((2,))) == (2, 1, (1, 3))
    assert jinit.zeros.std((3,)) == 0
    assert jinit.ones.support((3,)) == (1, 1)


def test_other_libraries_draw_in_float32_and_are_rounded_once():
    theirs = jax.nn.initializers.truncated_normal(1.0)
    ours = jinit.from_callable(theirs)(key(), (50,), jnp.bfloat16)
    assert_same_bits(ours, theirs(key(), (50,)).astype(jnp.bfloat16))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jinit.constant("a"), TypeError, "Got 'a'"),
        (lambda: jinit.constant(None), TypeError, "`value`.*Got None"),
        (lambda: jinit.constant([[1], [2, 3]]), TypeError, r"Got .*2, 3"),
        (lambda: jinit.constant([1, 2])(None, (3,)), ValueError, r"\(2,\) for \(3,\)"),
        (lambda: jinit.constant([[1]])(None, (1,)), ValueError, r"\(1, 1\) for \(1,\)"),
        (lambda: jinit.from_array([1, 2])(None, (2, 2)), ValueError, r"\(2, 2\)"),
        (
            lambda: jinit.from_callable(jax.nn.initializers.he_normal),
            TypeError,
            "call it first",
        ),
        (
            lambda: jinit.from_callable(lambda key, shape, dtype: 3)(key(), (2,)),
            TypeError,
            "Got 3",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
