"""Every initializer under JAX modes: traced in all, drawn where bits may not differ."""

import contextlib

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, PartitionSpec as P

import jinit

from .helpers import assert_same_bits, CASES, key


REFUSING = {  # by itself each of them only forbids: together they forbid the same
    "strict dtypes": lambda: jax.numpy_dtype_promotion("strict"),
    "strict ranks": lambda: jax.numpy_rank_promotion("raise"),
    "tracer leaks": jax.checking_leaks,
    "key reuse": lambda: jax.debug_key_reuse(True),
    "legacy keys": lambda: jax.legacy_prng_key("error"),
}
WIDE = {
    "x64": lambda: jax.enable_x64(True),
    "bfloat16 products": lambda: jax.default_matmul_precision("bfloat16"),
}
OTHER_BITS = {"threefry in one part": lambda: jax.threefry_partitionable(False)}


@contextlib.contextmanager
def every(*modes):
    with contextlib.ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode())
        yield


def dtypes(name):
    return [jnp.float32, jnp.bfloat16, *[jnp.complex64] * CASES[name].has_complex]


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_is_traced_in_every_mode(name):
    init, shape, *_ = CASES[name]
    for dtype in dtypes(name):
        draw = lambda key, dtype=dtype: init(key, shape, dtype)
        for modes in {}, WIDE | OTHER_BITS:
            with every(*REFUSING.values(), *modes.values()):
                found = jax.eval_shape(draw, key())
            assert (found.shape, found.dtype) == (shape, dtype)


@pytest.mark.parametrize("name", sorted(CASES))
def test_keys_may_vary_over_the_devices(name):
    init, shape, *_ = CASES[name]
    mesh = jax.make_mesh((2,), ("x",), axis_types=(AxisType.Auto,))
    for dtype in dtypes(name):
        one = lambda keys, dtype=dtype: init(keys[0], shape, dtype)[None]
        each = jax.shard_map(one, mesh=mesh, in_specs=P("x"), out_specs=P("x"))
        found = jax.eval_shape(each, jax.random.split(key(), 2))
        assert found.shape == (2, *shape)


@pytest.mark.parametrize(
    "init", [jinit.normal, jinit.uniform, jinit.he_normal, jinit.sparse(0.5)], ids=repr
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_bits_do_not_depend_on_a_mode(init, dtype):
    if init.law.name == "uniform" and dtype == jnp.complex64:
        return
    w = init(key(), (6, 4), dtype)
    for mode in (REFUSING | WIDE).values():
        with mode():
            assert_same_bits(init(key(), (6, 4), dtype), w)
