"""The trace itself: its rows, order, text and refusals."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn, nnx

import jinit
from tests.reading.plain import facts, PLAIN, plain
from tests.zoo.adapters import eqx_shapes, linen_shapes, nnx_shapes
from tests.zoo.entry import image
from tests.zoo.full import traced


def test_rows_come_in_the_order_of_the_tree():
    trace = jinit.trace(plain, PLAIN, image(2, 4))
    assert [row.path for row in trace] == ["b", "out", "w"]
    assert len(trace) == 3
    assert all(trace[row.path] is row for row in trace)


def test_in_order_is_the_order_of_computation_with_the_unused_last():
    params = {**PLAIN, "a": image(3)}
    trace = jinit.trace(plain, params, image(2, 4))
    assert [row.path for row in trace.in_order] == ["w", "b", "out", "a"]
    assert [row.order for row in trace.in_order] == [0, 1, 2, None]
    assert [row.depth for row in trace.in_order] == [1, None, 2, None]


def test_an_unknown_path_names_the_nearest():
    with pytest.raises(KeyError, match=r"no parameter 'params/heda/kernel'.*mean"):
        traced("U-Net")["params/heda/kernel"]
    with pytest.raises(KeyError, match=r"'params/head/kernel'"):
        traced("U-Net")["params/heda/kernel"]


@pytest.mark.parametrize("name", ["GPT", "MoE", "U-Net"])
def test_the_text_has_a_line_per_parameter_and_a_head(name):
    head, *lines = str(traced(name)).splitlines()
    assert head.split()[:3] == ["parameter", "role", "shape"]
    assert [line.split()[0] for line in lines] == [
        row.path for row in traced(name).in_order
    ]


def test_the_text_says_what_is_special():
    text = str(traced("GPT"))
    assert "normalized; used 2 times" in text
    assert "closes 1 of 24 branches" in text


def test_arrays_and_their_shapes_have_equal_rows():
    arrays = jax.tree.map(lambda a: jnp.ones(a.shape, a.dtype), PLAIN)
    by_array = jinit.trace(plain, arrays, jnp.ones((2, 4)))
    assert facts(by_array) == facts(jinit.trace(plain, PLAIN, image(2, 4)))


def test_a_linen_an_nnx_and_an_equinox_module_have_the_same_rows():
    arguments = [
        linen_shapes(nn.Dense(6), 2, 4),
        nnx_shapes(lambda r: nnx.Linear(4, 6, rngs=r), 2, 4),
        eqx_shapes(lambda nn, key: nn.Linear(4, 6, key=key), 2, 4),
    ]
    rows = [
        {row.path.split("/")[-1]: row for row in jinit.trace(*each)}
        for each in arguments
    ]
    assert [sorted(each) for each in rows] == [
        ["bias", "kernel"],
        ["bias", "kernel"],
        ["bias", "weight"],
    ]
    kernels = [each.get("kernel") or each["weight"] for each in rows]
    assert [row.in_axes for row in kernels] == [(0,), (0,), (1,)]
    assert {(row.role, row.fan_in, row.fan_out) for row in kernels} == {
        ("output head", 4, 6)
    }


def test_several_inputs_may_be_trees():
    apply = lambda p, x, extra: x @ p["w"] + extra["y"] @ p["v"]
    params = {"w": image(4, 6), "v": image(3, 6)}
    trace = jinit.trace(apply, params, image(2, 4), {"y": image(2, 3)})
    assert [(row.path, row.fan_in) for row in trace] == [("v", 3), ("w", 4)]


@pytest.mark.parametrize(
    ("params", "x", "got"),
    [
        ({"w": 3.0}, image(2), r"Got 3.0 at \['w'\]"),
        ({"w": image(2), "f": len}, image(2), r"Got .*len.* at \['f'\]"),
        ({"w": image(2)}, "text", r"Got 'text' at \[0\]"),
    ],
)
def test_what_is_no_array_is_refused_with_its_place(params, x, got):
    with pytest.raises(TypeError, match=rf"arrays only\. {got}\. Split"):
        jinit.trace(lambda p, x: x, params, x)


def test_an_unused_parameter_that_is_returned_has_no_note():
    (row,) = jinit.trace(lambda p, x: (x, p), image(3), image(2))
    assert (row.role, row.note) == ("unused", "")
