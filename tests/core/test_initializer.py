"""An initializer is a value that draws; a law is a function anyone may write."""

# Most calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import inspect
import pickle
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import jinit
from jinit import marginal

from ..helpers import assert_same_bits, key


class Block(linen.Module):
    kernel_init: Any

    @linen.compact
    def __call__(self, x):
        return linen.Dense(3, kernel_init=self.kernel_init)(x)


def test_an_equal_initializer_is_the_same_static_argument():
    traced = []

    @jax.jit(static_argnums=0)
    def apply(module, x):
        traced.append(module)
        return module.init_with_output(key(), x)[0]

    for _ in range(5):
        apply(Block(jinit.variance_scaling(2.0, "fan_in", "normal")), jnp.ones((2, 4)))
    assert len(traced) == 1
    apply(Block(jinit.variance_scaling(2.0, "fan_out", "normal")), jnp.ones((2, 4)))
    assert len(traced) == 2


def test_settings_add_up_and_defaults_do_not_count():
    init = jinit.he_normal(mode="fan_out")(groups=2)
    assert init == jinit.he_normal(groups=2, mode="fan_out")
    assert init(mode="fan_in", groups=1) == jinit.he_normal
    assert hash(jinit.he_normal(mode="fan_in")) == hash(jinit.he_normal)
    assert jinit.normal(np.float32(0.5)) == jinit.normal(jnp.array(0.5))
    assert jinit.normal(1) == jinit.normal(1.0)
    assert jinit.normal != jinit.uniform
    assert jinit.normal != "normal"


def test_settings_may_come_with_the_draw():
    w = jinit.normal(key(), (5,), stddev=2.0)
    assert_same_bits(w, jinit.normal(2.0)(key(), (5,)))
    assert_same_bits(jinit.normal(key=key(), shape=(5,), stddev=2.0), w)


def test_dtypes_of_a_draw():
    init = jinit.normal(dtype=jnp.bfloat16)
    assert init(key(), (3,)).dtype == jnp.bfloat16
    assert init(key(), (3,), None).dtype == jnp.bfloat16
    assert init(key(), (3,), "float16").dtype == jnp.float16
    assert repr(init) == "normal(dtype='bfloat16')"
    assert init == jinit.normal(dtype="bfloat16")
    with pytest.warns(UserWarning, match="float64"):
        assert jinit.normal(key(), (3,), "float64").dtype == jnp.float32


def test_shapes_of_a_draw():
    assert jinit.normal(key(), 3).shape == (3,)
    assert jinit.normal(key(), ()).shape == ()
    assert jinit.normal(key(), np.int64(3)).shape == (3,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jinit.normal((3, 4)), TypeError, r"Got \(3, 4\).*`normal\(key, \(3"),
        (lambda: jinit.he_normal((300, 4)), ValueError, r"Got \(300, 4\).*key first"),
        (lambda: jinit.normal(0.1, (3, 4)), TypeError, r"`dtype`.*Got \(3, 4\)"),
        (lambda: jinit.normal(key(), "ab"), TypeError, "Got 'ab'"),
        (lambda: jinit.normal(key(), None), TypeError, "Got None"),
        (lambda: jinit.normal(key(), (3,), "float99"), TypeError, "Got 'float99'"),
        (lambda: jinit.normal(key(), (3,), "int32"), ValueError, "Got int32"),
        (lambda: jinit.normal(key(), (3,), bool), ValueError, "Got bool"),
        (lambda: jinit.uniform(key(), (3,), "complex64"), ValueError, "Got complex64"),
        (lambda: jinit.normal(stdev=1.0), TypeError, "Got 'stdev'. Did you.*'stddev'"),
        (lambda: jinit.normal("wide"), TypeError, "Got 'wide'"),
        (lambda: jinit.normal(-1.0), ValueError, r"Got -1\.0"),
        (lambda: jinit.normal(float("nan")), ValueError, "Got nan"),
        (lambda: jinit.normal(np.inf), ValueError, "Got inf"),
        (lambda: jinit.normal(True), TypeError, "Got True"),
        (lambda: jinit.normal(None), TypeError, "`stddev`.*Got None"),
        (lambda: jinit.he_normal(mode=None), ValueError, "`mode`.*Got None"),
        (lambda: jinit.he_normal(None), TypeError, "`in_axis`.*Got None"),
        (lambda: jinit.normal(1j), ValueError, "Got 1j"),
        (lambda: jinit.normal(1, None, 2, 3), TypeError, "normal"),
        (lambda: jinit.variance_scaling(), TypeError, "Got variance_scaling"),
        (lambda: jinit.variance_scaling(1.0), TypeError, "'mode', 'distribution'"),
        (lambda: jinit.constant(), TypeError, "'value'"),
        (lambda: jinit.constant(key(), (3,)), TypeError, "needs 'value'"),
        (lambda: jinit.he_normal(0, (4, 4)), TypeError, r"key\(0\), \(4, 4\)\)`"),
        (lambda: jinit.he_normal(3, (3, 4)), TypeError, "needs a key.*Got 3 in its"),
        (lambda: jinit.he_normal(42, (64, 32)), TypeError, "Got 42 in its place"),
        (lambda: jinit.normal(np.int32(7), [5, 4]), TypeError, "needs a key before"),
        (lambda: jinit.constant(0.5)(0, (4, 4)), TypeError, "needs a key before"),
        (lambda: jinit.orthogonal(1, (4, 4)), TypeError, "needs a key before"),
        (lambda: jinit.he_normal((4, 4)), ValueError, r"axes that differ.*key first"),
        (lambda: jinit.he_normal(batch_axis=(0, 0)), ValueError, "axes that differ"),
        (lambda: jinit.he_normal(shape=(4, 3)), TypeError, r"`he_normal\(key, \(4, 3"),
        (lambda: jinit.zeros((3, 4), "float32"), TypeError, r"`zeros\(None, \(3, 4"),
        (lambda: jinit.ones(3), TypeError, r"Got 3 alone.*`ones\(None, 3\)`"),
        (lambda: jinit.constant(0.5)((3,), "float32"), TypeError, r"Got \(3,\) alone"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_axes_and_values_that_look_like_a_shape_are_settings():
    init: Any = jinit.lecun_normal(0, (1, 2))  # as JAX has it
    assert init == jinit.lecun_normal(in_axis=0, out_axis=(1, 2))
    assert jinit.lecun_normal(-3, (-2, -1)).settings["out_axis"] == (-2, -1)
    assert jinit.constant((2, 2), "float32")(None, (3, 2)).shape == (3, 2)


def test_a_traced_shape_is_refused_with_the_fix():
    with pytest.raises(TypeError, match="make the shape static"):
        jax.jit(lambda n: jinit.normal(key(), (n, 2)))(3)


def test_tools_read_it_as_a_function():
    init: Any = jinit.he_normal
    assert init.__name__ == "he_normal"
    assert inspect.unwrap(init).__name__ == "he_normal"
    assert "Truncated normal" in (inspect.getdoc(init) or "")
    assert [*inspect.signature(init).parameters][:4] == [
        "key",
        "shape",
        "dtype",
        "out_sharding",
    ]
    assert "negative_slope" in inspect.signature(init).parameters
    assert callable(init)


@jinit.law(
    marginal=lambda shape, width, kind: marginal.uniform(-width, width),
    fans=lambda shape, width, kind: jinit.Fans(*shape),
)
def triangle_of_a_user(
    key, shape, dtype, /, width: float = 1.0, kind: Literal["flat", "round"] = "flat"
):
    """Uniform weights, as a user would write them."""
    return width * jax.random.uniform(key, shape, dtype, -1)


def test_a_law_of_a_user_has_all_of_it():
    init = triangle_of_a_user(width=0.5)
    assert init.std((3, 4)) == 0.5 / 3**0.5
    assert (init.mean((3, 4)), init.support((3, 4))) == (0, (-0.5, 0.5))
    assert init.fans((3, 4)) == (3, 4)
    assert pickle.loads(pickle.dumps(init)) == init
    assert jinit.get(repr(init)) == init
    assert jinit.from_config(init.to_config()) == init
    w = init(key(), (3, 4), jnp.bfloat16)
    assert_same_bits(w, init(key(), (3, 4)).astype(jnp.bfloat16))
    with pytest.raises(ValueError, match=r"`triangle_of_a_user`.*'rond'.*'round'"):
        init(kind="rond")


def test_a_law_may_take_its_dtype_as_a_setting():
    @jinit.law
    def plain_of_a_user(key, shape, scale=2.0, dtype=None):
        return scale * jax.random.normal(key, shape, dtype)

    w = plain_of_a_user(key(), (4,), jnp.float16)
    assert w.dtype == jnp.float16
    assert_same_bits(plain_of_a_user(4.0)(key(), (4,)), 2 * plain_of_a_user(key(), 4))


def test_a_law_does_not_say_what_it_was_not_told():
    @jinit.law
    def secretive_of_a_user(key, shape, dtype, /):
        return jnp.ones(shape, dtype)

    for statement in ("mean", "std", "support", "marginal"):
        with pytest.raises(TypeError, match="does not state its marginal"):
            getattr(secretive_of_a_user, statement)((3,))
    with pytest.raises(TypeError, match="does not state its fans"):
        secretive_of_a_user.fans((3,))


@pytest.mark.parametrize("function", [lambda key: key, lambda *args: args])
def test_what_is_no_law(function):
    with pytest.raises(TypeError, match=r"`jinit.law` needs.*Got `<lambda>"):
        jinit.law(function)


def test_statements_need_no_draw():
    shape = (10**6, 10**6)  # which would be four terabytes
    assert jinit.lecun_normal.std(shape) == 1e-3
    assert jinit.lecun_normal.fans(shape) == (10**6, 10**6)
    assert jinit.glorot_uniform.mean(shape) == 0
    assert jinit.normal(0.1, mean=2.0).support(shape) == (-np.inf, np.inf)
