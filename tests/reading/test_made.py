"""Kernels that are not the parameter itself, but something made of it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from tests.zoo.entry import image, normals


X = normals(256, 64, seed=1)
W, V = image(64, 64), image(64, 64)
LOWER = np.tril(np.ones((64, 64), "f4"))

# Models of unit signals, what they say of the first kernel, and its fan_in.
MADE = {
    "multiple": (lambda w, v: w / 16, "times 0.0625", 64),
    "negative": (lambda w, v: -2 * w.T, "times 2", 64),
    "in a loop": (
        lambda w, v: jax.lax.fori_loop(0, 3, lambda _, w: w * 3.0, w),
        *("the fans are those of what `carry` makes of it", 64),
    ),
    "masked": (lambda w, v: w * (LOWER / 4), "keeps 0.508 of its entries", 32.5),
    "triangle": (lambda w, v: jnp.tril(w), "keeps 0.508 of its entries", 32.5),
    "sum": (lambda w, v: w + v, "one of 2 kernels that are summed", 128),
    "difference": (lambda w, v: w - 3 * v.T, "one of 2 kernels", 128),
    "complex": (lambda w, v: w + 1j * v, "one of 2 kernels", 128),
    "stack": (lambda w, v: jnp.stack([w, v]), "one of several kernels", 64),
    "power": (lambda w, v: w**2, "those of what `integer_pow` makes", 64),
    "symmetric": (lambda w, v: w + w.T, "those of what `add` makes", 64),
    "gated": (lambda w, v: w * jax.nn.sigmoid(v), "those of what `mul` makes", 64),
}


@pytest.mark.parametrize("name", MADE)
def test_a_row_says_what_is_made_of_its_kernel(name):
    make, remark, fan = MADE[name]
    apply = lambda p, x: jnp.einsum("bi,...io->b...o", x, make(p["w"], p["v"]))
    row = jinit.trace(apply, {"v": V, "w": W}, X)["w"]
    assert row.is_kernel
    assert remark in str(jinit.trace(apply, {"v": V, "w": W}, X))
    assert row.fan_in == pytest.approx(fan, abs=0.01)


@pytest.mark.parametrize(
    "name", ["multiple", "masked", "triangle", "sum", "difference", "complex", "stack"]
)
def test_a_kernel_made_of_a_parameter_keeps_the_second_moment(name):
    make = MADE[name][0]
    apply = lambda p, x: jnp.einsum("bi,...io->b...o", x, make(p["w"], p["v"]))
    params = jinit.initialize((apply, {"v": V, "w": W}), jax.random.key(0), X)
    squares = jnp.abs(apply(params, X)) ** 2
    # Of 64² weights or half of them: a standard error of 3 %.
    assert float(squares.mean()) == pytest.approx(1, abs=0.12)


def test_kernels_side_by_side_read_one_signal():
    apply = lambda p, x: jax.nn.relu(x @ p["w"]) @ jnp.concatenate([p["a"], p["b"]], 1)
    plan = jinit.explain(apply, {"a": W, "b": V, "w": W}, X)
    a, b, _ = (each.initializer for each in plan)
    assert a == b == jinit.he_normal(fans=(64, 128))


def test_what_is_added_to_a_part_of_a_kernel_is_no_gate():
    apply = lambda p, x: x @ (p["w"] + p["row"])
    row = jinit.trace(apply, {"row": image(64), "w": W}, X)["row"]
    assert (row.role, row.note) == (
        "unknown",
        "part of the kernel of w, through `add`",
    )


@pytest.mark.parametrize("shift", [1.0, 0.5, 0.0])
def test_what_is_added_to_a_scale_before_it_multiplies(shift):
    def apply(p, x):
        x = x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True))
        x = x * (shift + p["scale"])
        return x + (p["gate"] + shift) * (x @ p["w"])

    params = {"scale": image(8), "gate": image(1), "w": image(8, 8)}
    rows = jinit.trace(apply, params, image(4, 8))
    assert (rows["scale"].role, rows["gate"].role) == ("norm scale", "gate")
    assert (rows["scale"].shift, rows["gate"].shift, rows["w"].shift) == (
        shift,
        shift,
        0,
    )
    rules = [("w", 0.1), *jinit.recipes.gpt2()]
    for plan in (None, rules):
        found = jinit.explain(apply, params, image(4, 8), rules=plan)
        starts: dict[str, Any] = {choice.path: choice.initializer for choice in found}
        assert starts["scale"].mean((8,)) == starts["gate"].mean((1,)) == 1 - shift
