"""Residual streams: which layer closes a branch, and how far a stream fills up."""

import functools

import jax
import jax.numpy as jnp
import pytest

import jinit
from tests.zoo.entry import image


def block(p, x):
    return x + jnp.tanh(x @ p["up"]) @ p["down"]


def before(p, x):
    return x + jnp.tanh(jax.nn.standardize(x) @ p["up"]) @ p["down"]


def after(p, x):
    return jax.nn.standardize(block(p, x))


UP_DOWN = {"up": image(8, 16), "down": image(16, 8)}


def in_turn(step):
    return lambda blocks, x: functools.reduce(lambda x, p: step(p, x), blocks, x)


@pytest.mark.parametrize("step", [block, before, after])
def test_the_last_layer_of_each_branch_closes_it(step):
    for row in jinit.trace(in_turn(step), [UP_DOWN] * 3, image(2, 8)):
        down = row.path.endswith("down")
        assert row.closes_residual == down
        assert row.branches == 3


@pytest.mark.parametrize(
    ("step", "summed"),
    [(block, [0, 1 / 4, 2 / 4, 3 / 4]), (before, [0] * 4), (after, [0] * 4)],
)
def test_an_unnormalized_stream_fills_up(step, summed):
    trace = jinit.trace(in_turn(step), [UP_DOWN] * 4, image(2, 8))
    assert [row.summed for row in trace if row.path.endswith("up")] == summed
    assert {row.summed for row in trace if row.path.endswith("down")} == {0}


def test_the_head_reads_the_whole_stream():
    body = in_turn(block)
    apply = lambda p, x: body(p["blocks"], x @ p["in"]) @ p["out"]
    params = {"in": image(4, 8), "blocks": [UP_DOWN] * 3, "out": image(8, 2)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert trace["out"].summed == 1
    assert not trace["in"].closes_residual


@pytest.mark.parametrize("step", [block, before, after])
@pytest.mark.parametrize("length", [1, 12])
def test_a_scan_of_blocks_has_as_many_branches_as_steps(step, length):
    apply = lambda p, x: jax.lax.scan(lambda x, p: (step(p, x), None), x, p)[0]
    stack = jax.tree.map(lambda a: image(length, *a.shape), UP_DOWN)
    trace = jinit.trace(apply, stack, image(2, 8))
    assert (trace["down"].closes_residual, trace["down"].branches) == (True, length)
    assert not trace["up"].closes_residual


def test_a_gate_does_not_hide_the_branch():
    apply = lambda p, x: x + p["gate"] * (jnp.tanh(x @ p["up"]) @ p["down"])
    trace = jinit.trace(apply, {**UP_DOWN, "gate": image(8)}, image(2, 8))
    assert trace["down"].closes_residual


def test_two_products_side_by_side_close_no_branch():
    apply = lambda p, x: jnp.tanh(x @ p["a"] + x @ p["b"]) @ p["out"]
    params = {"a": image(4, 8), "b": image(4, 8), "out": image(8, 2)}
    trace = jinit.trace(apply, params, image(2, 4))
    assert not any(row.closes_residual for row in trace)
