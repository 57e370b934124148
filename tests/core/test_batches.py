"""What a batch is: one rule for all that reads data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import pretrain
from jinit._core.batches import batches_of, first_of, lasting, stream


KEY = jax.random.key(0)
X = jax.random.normal(KEY, (32, 4))
W = jnp.eye(4)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (X, 1),
        (np.ones(3), 1),
        ((X, X), 1),
        ({"a": X}, 1),
        ([X, X], 2),
        ([(X, X), (X, X), (X, X)], 3),
        ((x for x in [X]), 1),
    ],
    ids=["array", "NumPy", "tuple", "dict", "list", "list of tuples", "generator"],
)
def test_a_list_or_iterator_holds_batches_and_all_else_is_one(data, count):
    assert len(list(batches_of(data))) == count


def test_a_stream_is_read_anew_and_an_iterator_ends():
    _, every = stream("f", [1 * X, 2 * X])
    first = [float(x[0, 0] / X[0, 0]) for x, _ in zip(every, range(4), strict=False)]
    assert first == [1, 2, 1, 2]
    _, once = stream("f", iter([X, X]))
    assert len(list(once)) == 2
    assert [x for x, _ in zip(lasting([1, 2]), range(4), strict=False)] == [1, 2, 2, 2]


READERS = {
    "standardize": lambda data: jinit.data.standardize(data).mean,
    "whiten": lambda data: jinit.data.whiten(data).mean,
    "rbm": lambda data: (
        pretrain.rbm(
            data, 2, KEY, visible="gaussian", epochs=1, batch_size=8
        ).rbm.weights
    ),
    "lsuv": lambda data: jinit.lsuv(lambda w, x: x @ w, W, data, start="given").params,
    "within_layer": lambda data: (
        jinit.within_layer(lambda w, x: x @ w, W, KEY, data, rounds=0).params
    ),
    "probe": lambda data: jinit.probe(lambda w, x: x @ w, W, data).layers[0].std,
    "metainit": lambda data: (
        jinit.metainit(lambda w, x: jnp.square(x @ w).mean(), W, data, steps=1).params
    ),
}
each = pytest.mark.parametrize("name", READERS)


@each
def test_an_array_is_a_batch_and_a_list_of_it_a_stream(name):
    alone, listed, given = (READERS[name](x) for x in (X, [X], iter([X])))
    assert np.allclose(alone, listed)
    assert np.allclose(alone, given)


@each
def test_a_tuple_is_one_batch(name):
    if name in {"standardize", "whiten", "rbm"}:
        with pytest.raises(TypeError, match=r"one array\. Got a tuple of 2\. Give"):
            READERS[name]((X, X))
    else:
        assert first_of("f", (X, X))[1] is X


@each
@pytest.mark.parametrize("data", [[], iter([])], ids=["list", "iterator"])
def test_no_batch_is_refused(name, data):
    with pytest.raises(ValueError, match=r"`jinit.*needs .*(a batch|rows)"):
        READERS[name](data)
