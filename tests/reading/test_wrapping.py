"""A function reads the same through every transformation and on every mesh."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

import jinit
from tests.reading.plain import facts, PLAIN, plain
from tests.zoo.entry import image


def with_jvp(function):
    wrapped = jax.custom_jvp(function)
    wrapped.defjvp(lambda xs, dxs: jax.jvp(function, xs, dxs))
    return wrapped


def with_vjp(function):
    wrapped = jax.custom_vjp(function)
    wrapped.defvjp(lambda *xs: jax.vjp(function, *xs), lambda back, slope: back(slope))
    return wrapped


def sharded(function, *in_specs, out_specs):
    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((8,), ("d",), axis_types=auto)
    return jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs)


WRAPS = {
    "jit": jax.jit,
    "nested jit": lambda f: jax.jit(lambda *xs: jax.jit(f)(*xs)),
    "remat": jax.checkpoint,
    "custom_jvp": with_jvp,
    "custom_vjp": with_vjp,
    "vmap": lambda f: jax.vmap(f, (None, 0)),
    "map": lambda f: lambda p, xs: jax.lax.map(lambda x: f(p, x), xs),
    "shard_map": lambda f: sharded(
        f, PartitionSpec(), PartitionSpec("d"), out_specs=PartitionSpec("d")
    ),
}


@pytest.mark.parametrize("name", WRAPS)
def test_a_wrapped_function_reads_as_the_function(name):
    seen = jinit.trace(WRAPS[name](plain), PLAIN, image(8, 4))
    assert facts(seen) == facts(jinit.trace(plain, PLAIN, image(8, 4)))


@pytest.mark.parametrize(
    "choose",
    [
        lambda p, x: jax.lax.cond(x.sum() > 0, plain, plain, p, x),
        lambda p, x: jax.lax.switch(x.argmax(), [plain] * 3, p, x),
    ],
)
def test_a_branch_is_read_as_if_it_were_taken(choose):
    ignore = lambda trace: [dataclasses.replace(row, uses=1) for row in facts(trace)]
    seen = jinit.trace(choose, PLAIN, image(8, 4))
    assert ignore(seen) == ignore(jinit.trace(plain, PLAIN, image(8, 4)))


def test_a_while_loop_applies_one_kernel_again_and_again():
    def apply(p, x):
        step = lambda state: (state[0] + 1, jnp.tanh(state[1] @ p["w"]))
        return jax.lax.while_loop(lambda state: state[0] < 3, step, (0, x))[1]

    (row,) = jinit.trace(apply, {"w": image(4, 4)}, image(2, 4))
    assert (row.role, row.fan_in, row.activation_name) == (
        "recurrent kernel",
        4,
        "tanh",
    )


def test_fans_are_those_of_all_devices():
    rows, both = PartitionSpec("d"), PartitionSpec(None, "d")
    summed, whole = lambda w, x: jax.lax.psum(x @ w, "d"), PartitionSpec()
    contract = sharded(summed, rows, both, out_specs=whole)
    (row,) = jinit.trace(contract, image(16, 6), image(2, 16))
    assert (row.shape, row.fan_in, row.fan_out) == ((16, 6), 16, 6)
    spread = sharded(jnp.matmul, rows, both, out_specs=both)
    (row,) = jinit.trace(lambda w, x: spread(x, w), image(4, 16), image(8, 4))
    assert (row.fan_in, row.fan_out) == (4, 16)
