"""One battery for every public initializer."""

import copy
import json
import pickle

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jinit
from jinit._core.initializer import laws

from .cases import ALIASES, Case, CASES
from .helpers import assert_same_bits, key, LOW_PRECISION, public_names


# Laws that multiply matrices, beside those that say so.
PRODUCTS = {
    "attention.conditioned",
    "features.favor_plus",
    "flow.glow",
    "hypercomplex.unitary_complex",
    "looks_linear",
    "recurrent.unitary",
}


def assert_same(name: str, found: jax.Array, w: jax.Array) -> None:
    """Same bits; for products of matrices, the same within the order of their sums."""
    if "orthogonal" in name or name in PRODUCTS:
        np.testing.assert_allclose(found, w, rtol=0, atol=2e-6)
    else:
        assert_same_bits(found, w)


def _named(fits=lambda name: True):
    return pytest.mark.parametrize("name", sorted(filter(fits, CASES)))


every_initializer = _named()
# What a law of another library draws, one of jinit has drawn: it compiles nothing new.
every_own = _named(lambda name: not name.startswith("compat."))
every_classical = _named(lambda name: "." not in name)


def test_the_table_holds_every_public_initializer():
    assert set(CASES) | set(ALIASES) == public_names()


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_same_object(alias, name):
    assert jinit.get(alias) is jinit.get(name)


@every_initializer
def test_the_table_tests_what_it_names(name):
    assert CASES[name].init.law == laws.lookup(name).law


@every_initializer
def test_shape_dtype_and_finite(name):
    init, shape, *_ = CASES[name]
    w = init(key(), shape)
    chex.assert_shape(w, shape)
    chex.assert_type(w, jnp.float32)
    chex.assert_tree_all_finite(w)
    assert_same_bits(init(key(), shape, jnp.float32), w)


@every_initializer
def test_low_precision_is_float32_rounded_once(name):
    init, shape, *_ = CASES[name]
    w = np.asarray(init(key(), shape, jnp.float32))
    few = [jnp.dtype("bfloat16"), *[jnp.dtype("float8_e4m3fn")] * ("." not in name)]
    for dtype in LOW_PRECISION if name in ("he_normal", "uniform") else few:
        assert_same_bits(init(key(), shape, dtype), w.astype(dtype))


@every_initializer
def test_a_dtype_without_zero_is_refused(name):
    init, shape, *_ = CASES[name]
    with pytest.raises(ValueError, match="Got float8_e8m0fnu"):
        init(key(), shape, jnp.float8_e8m0fnu)


@every_own
def test_float64_is_drawn_in_float64(name):
    init, shape, *_ = CASES[name]
    with jax.enable_x64(True):
        w = init(key(), shape, jnp.float64)
        chex.assert_type(w, jnp.float64)
        assert_same_bits(init(key(), shape), w)
        if init.law.is_random:
            assert (w.astype(jnp.float32).astype(jnp.float64) != w).any()
            assert_same_bits(init(key(), shape, jnp.float32),
                             _without_x64(init, shape))  # fmt: skip


def _without_x64(init, shape):
    with jax.enable_x64(False):
        return init(key(), shape, jnp.float32)


@every_initializer
def test_complex_is_drawn_where_claimed(name):
    init, shape, has_complex, *_ = CASES[name]
    if not has_complex:
        with pytest.raises(ValueError, match="Got complex64"):
            init(key(), shape, jnp.complex64)
        return
    w = init(key(), shape, jnp.complex64)
    chex.assert_type(w, jnp.complex64)
    assert jnp.isfinite(w).all()
    assert not init.law.is_random or (jnp.imag(w) != 0).any()


@every_initializer
def test_only_the_key_decides(name):
    init, shape, *_ = CASES[name]
    w = init(key(), shape)
    assert_same_bits(init(key(), shape), w)
    assert init.law.is_random == bool((init(key(1), shape) != w).any())
    assert_same_bits(init(jax.random.key_data(key()), shape), w)
    if not init.law.is_random:
        assert_same_bits(init(None, shape), w)


@every_own
def test_eager_and_traced_draws_are_the_same(name):
    init, shape, *_ = CASES[name]
    w = init(key(), shape)
    draw = lambda key: init(key, shape)
    assert_same_bits(jax.jit(draw)(key()), w)
    keys = jnp.stack([key(1), key(), key(2)])
    assert_same(name, jax.vmap(draw)(keys)[1], w)
    assert_same(name, jax.jit(jax.vmap(draw))(keys)[1], w)


@every_initializer
def test_eval_shape_draws_nothing(name):
    init, shape, *_ = CASES[name]
    found = jax.eval_shape(lambda key: init(key, shape, jnp.bfloat16), key())
    assert (found.shape, found.dtype) == (shape, jnp.bfloat16)


@every_own
def test_a_sharded_draw_has_the_values_of_a_whole_one(name):
    _assert_sharded(name, AxisType.Auto)


@every_classical
def test_so_has_one_on_a_mesh_of_explicit_axes(name):
    _assert_sharded(name, AxisType.Explicit)


def _assert_sharded(name, kind):
    init, shape, *_ = CASES[name]
    w = init(key(), shape)
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind))
    spec = PartitionSpec(*(None,) * (len(shape) - 2), "x", "y")
    sharding = NamedSharding(mesh, spec)
    drawn = [init(key(), shape, out_sharding=sharding)]
    with jax.set_mesh(mesh):
        drawn.append(init(key(), shape, out_sharding=spec))
        drawn.append(jax.jit(lambda k: init(k, shape, out_sharding=spec))(key()))
    for found in drawn:
        assert found.sharding.is_equivalent_to(sharding, len(shape))
        assert_same(name, found, w)


def _linen_kernel(case: Case, init):
    if len(case.shape) == 2:
        layer = linen.Dense(case.shape[1], kernel_init=init)
    else:
        layer = linen.Conv(case.shape[-1], case.shape[:-2], kernel_init=init)
    x = jnp.ones((1, *case.shape[:-1]))
    return layer.init(key(), x)["params"]["kernel"]


def _nnx_kernel(case: Case, init):
    *spatial, n_in, n_out = case.shape
    if spatial:
        layer = nnx.Conv(n_in, n_out, spatial, kernel_init=init, rngs=nnx.Rngs(0))
    else:
        layer = nnx.Linear(n_in, n_out, kernel_init=init, rngs=nnx.Rngs(0))
    return layer.kernel[...]


@every_classical
@pytest.mark.parametrize("kernel", [_linen_kernel, _nnx_kernel])
def test_flax_takes_it_bare_and_called(name, kernel):
    case = CASES[name]
    bare, called = kernel(case, case.init), kernel(case, case.init())
    chex.assert_shape(bare, case.shape)
    assert_same_bits(bare, called)


@every_initializer
def test_it_is_a_value(name):
    init = CASES[name].init
    twin = jinit.Initializer(init.law, dict(init.settings))
    assert twin is not init
    assert (twin, hash(twin), repr(twin)) == (init, hash(init), repr(init))
    assert pickle.loads(pickle.dumps(init)) == init
    assert copy.deepcopy({"init": init}) == {"init": init}
    assert init() == init
    assert len({init, twin, jinit.constant(31.0)}) == 2
    with pytest.raises(AttributeError, match=r"'settings' = \{\}"):
        init.settings = {}


@every_initializer
def test_text_and_config_rebuild_it(name):
    (
        init,
        *_,
    ) = CASES[name]
    if not CASES[name].has_text:
        with pytest.raises(TypeError, match="function"):
            init.to_config()
        return
    assert jinit.get(repr(init)) == init
    assert jinit.from_config(json.loads(json.dumps(init.to_config()))) == init
    assert jinit.get(name).law == init.law


@every_own
def test_an_empty_shape_gives_an_empty_array(name):
    init, shape, *_, fixed_shape = CASES[name]
    if fixed_shape:
        return
    for axis in range(len(shape)):
        empty = (*shape[:axis], 0, *shape[axis + 1 :])
        for dtype in (jnp.float32, jnp.bfloat16):
            w = init(key(), empty, dtype)
            assert (w.shape, w.dtype) == (empty, dtype)


@every_initializer
def test_a_shape_is_any_sequence_of_whole_numbers(name):
    init, shape, *_ = CASES[name]
    w = init(key(), shape)
    for form in (list(shape), np.array(shape), tuple(map(np.int32, shape))):
        assert_same_bits(init(key(), form), w)
    with pytest.raises(TypeError, match=r"shape of whole numbers. Got \(2.5, 8\)"):
        init(key(), (2.5, 8))
    with pytest.raises(ValueError, match=r"Got \(-16, 8\)"):
        init(key(), (-16, 8))


@every_initializer
def test_misuse_is_refused_with_the_fix(name):
    init, shape, *_ = CASES[name]
    with pytest.raises(TypeError, match=f"{init.law.name}.*'no_such_setting'"):
        init(no_such_setting=1)
    with pytest.raises(TypeError, match=r"shape after the key. Got a key alone"):
        init(key())
    with pytest.raises(TypeError, match=r"`out_sharding`.*Got 'x'"):
        init(key(), shape, out_sharding="x")
    with pytest.raises(ValueError, match=r"needs a mesh.*Got P"):
        init(key(), shape, out_sharding=PartitionSpec("x"))
    if init.law.is_random:
        with pytest.raises(ValueError, match=r"keys of shape \(2,\).*vmap"):
            init(jax.random.split(key()), shape)
        with pytest.raises(TypeError, match=r"a key to draw. Got None"):
            init(None, shape)
