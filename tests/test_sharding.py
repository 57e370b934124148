"""Sharded draws: each device makes its own part, of the same weights."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import jinit

from .helpers import assert_same_bits, key


SHAPE = (512, 2048)  # 512 KiB of float32 on each of eight devices
COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "collective", "reduce-scatter")
SPECS = [
    P("x", "y"),
    P("y", "x"),
    P(None, "x"),
    P(("x", "y"), None),
    P(None, ("y", "x")),
    P("y"),
    P(),
]
LAWS = [
    jinit.uniform,
    jinit.symmetric_uniform(0.1),
    jinit.normal,
    jinit.truncated_normal,
    jinit.he_normal,
    jinit.glorot_uniform,
]


def mesh(kind=AxisType.Auto):
    return jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind))


def compiled(init, sharding, shape=SHAPE, dtype=jnp.float32) -> Any:
    draw = jax.jit(lambda key: init(key, shape, dtype, out_sharding=sharding))
    return draw.lower(key()).compile()


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_values_do_not_depend_on_the_layout(spec):
    for init, shape in [(jinit.he_normal, (24, 40)), (jinit.uniform, (8, 8, 3))]:
        w = init(key(), shape)
        found = init(key(), shape, out_sharding=NamedSharding(mesh(), spec))
        assert found.sharding.is_equivalent_to(NamedSharding(mesh(), spec), w.ndim)
        assert_same_bits(found, w)


@pytest.mark.parametrize("init", LAWS, ids=repr)
@pytest.mark.parametrize("spec", [P("x", "y"), P(None, ("x", "y"))], ids=str)
def test_a_device_computes_its_own_part_and_nothing_else(init, spec):
    program = compiled(init, NamedSharding(mesh(), spec))
    text = program.as_text()
    assert not [name for name in COLLECTIVES if name in text]
    assert f"f32[{SHAPE[0]},{SHAPE[1]}]" not in text  # no array of full size
    memory = program.memory_analysis()
    assert memory.output_size_in_bytes == SHAPE[0] * SHAPE[1] * 4 // 8
    assert memory.temp_size_in_bytes <= 1024


def test_low_precision_needs_no_temporary_either():
    program = compiled(
        jinit.he_normal, NamedSharding(mesh(), P("x", "y")), dtype=jnp.bfloat16
    )
    assert program.memory_analysis().temp_size_in_bytes <= 1024


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_a_spec_means_the_mesh_in_context(kind):
    w = jinit.lecun_uniform(key(), (16, 8))
    with jax.set_mesh(mesh(kind)):
        eager = jinit.lecun_uniform(key(), (16, 8), out_sharding=P("x", "y"))
        draw = lambda key: jinit.lecun_uniform(key, (16, 8), out_sharding=P("x", "y"))
        traced = jax.jit(draw)(key())
        mapped = jax.vmap(lambda k: jinit.lecun_uniform(k, (16, 8)))(key()[None])
    expected = NamedSharding(mesh(kind), P("x", "y"))
    for found in (eager, traced):
        assert found.sharding.is_equivalent_to(expected, 2)
        assert_same_bits(found, w)
    assert_same_bits(mapped[0], w)


def test_an_explicit_mesh_shows_the_sharding_in_the_type():
    with jax.set_mesh(mesh(AxisType.Explicit)):
        draw = lambda key: jinit.normal(key, (16, 8), out_sharding=P("x", "y"))
        assert jax.eval_shape(draw, key()).sharding.spec == P("x", "y")


def test_out_shardings_of_an_outer_jit_are_enough():
    sharding = NamedSharding(mesh(), P("x", "y"))
    draw = jax.jit(lambda key: jinit.he_normal(key, SHAPE), out_shardings=sharding)
    program: Any = draw.lower(key()).compile()
    assert program.memory_analysis().temp_size_in_bytes <= 1024
    assert not [name for name in COLLECTIVES if name in program.as_text()]
    assert_same_bits(draw(key()), jinit.he_normal(key(), SHAPE))


def test_a_single_device_may_be_named():
    device = jax.devices()[3]
    sharding = jax.sharding.SingleDeviceSharding(device)
    w = jinit.normal(key(), (4, 4), out_sharding=sharding)
    assert w.devices() == {device}
    assert_same_bits(w, jinit.normal(key(), (4, 4)))


def test_a_shape_that_does_not_divide_is_refused():
    sharding = NamedSharding(mesh(), P("x"))
    draw = lambda key: jinit.normal(key, (5, 5), out_sharding=sharding)
    for draw_somehow in (draw, jax.jit(draw)):
        with pytest.raises(ValueError, match=r"`jinit.normal`.*\('x',?\) for \(5, 5\)"):
            draw_somehow(key())


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_an_axis_that_the_mesh_lacks_is_refused(kind):
    with jax.set_mesh(mesh(kind)), pytest.raises(ValueError, match="z"):
        jinit.normal(key(), (8, 8), out_sharding=P("z"))
