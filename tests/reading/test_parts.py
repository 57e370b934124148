"""What kernels are for in their branch, and where that stands in its stream."""

import jax
import jax.numpy as jnp
import pytest

import jinit
from tests.recipes.decoders import decoder, norm
from tests.zoo.entry import image


def told(model, field):
    """What a trace says of each kernel of the first layer, or of all layers at once."""
    rows = (row for row in jinit.trace(*model) if row.is_kernel and row.branches)
    short = {"/".join(row.path.split("/")[-2:]): getattr(row, field) for row in rows}
    return {path.removeprefix("attention/"): found for path, found in short.items()}


SWIGLU = {"mlp/w1": "gate", "mlp/w3": "up", "mlp/w2": "end"}
SHARED = {f"shared/{path[4:]}": part for path, part in SWIGLU.items()}


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("peri", [False, True])
def test_gates_and_ends_are_told_with_and_without_a_norm_behind_them(scanned, peri):
    parts = told(decoder(2, scanned=scanned, peri=peri), "part")
    assert parts == {"q": "", "k": "", "v": "", "o": "end"} | SWIGLU


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("peri", [False, True])
def test_a_router_is_no_end_and_experts_have_parts_like_a_shared_one(scanned, peri):
    model = decoder(2, scanned=scanned, peri=peri, moe=True, latent=True)
    latent = {"q_a": "", "q_b": "", "kv_a": "", "kv_b": "", "o": "end"}
    found = told(model, "part")
    assert found == latent | {"mlp/router": "router"} | SWIGLU | SHARED


def test_places_count_the_branches_of_a_stream_in_every_turn_of_a_loop():
    rows = jinit.trace(*decoder(3, scanned=True))
    assert rows["layers/attention/o"].places == (0, 2, 4)
    assert rows["layers/mlp/w1"].places == (1, 3, 5)
    rows = jinit.trace(*decoder(3))
    assert [rows[f"layers/{i}/mlp/w2"].places for i in range(3)] == [(1,), (3,), (5,)]
    assert rows["head"].places == ()


def branch(params, x, apply):
    return x + apply(norm(x) @ params["a"]) @ params["b"]


def test_one_kernel_may_make_a_gate_and_what_it_multiplies():
    def apply(h):
        a, b = jnp.split(h, 2, -1)
        return jax.nn.gelu(a) * b

    params = {"a": image(8, 32), "b": image(16, 8)}
    rows = jinit.trace(lambda p, x: branch(p, x, apply), params, image(4, 8))
    assert (rows["a"].part, rows["b"].part) == ("gate and up", "end")
    # An activation that multiplies its own input is no gate.
    rows = jinit.trace(
        lambda p, x: branch(p, x, lambda h: h * jax.nn.sigmoid(h)),
        {"a": image(8, 16), "b": image(16, 8)},
        image(4, 8),
    )
    assert rows["a"].part == ""


def test_a_parameter_that_python_slices_has_a_place_for_each_slice():
    def apply(params, x):
        for own in params["a"]:
            x = x + jax.nn.relu(x) @ own
        return x

    (row,) = jinit.trace(apply, {"a": image(4, 8, 8)}, image(2, 8))
    assert row.stack == (4,)
    assert row.places == (0, 1, 2, 3)
