"""What is wrong is refused when it is given, by kind: a table made of generators."""

import contextlib
import dataclasses
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jinit
from jinit import fans
from jinit.testing import assert_law

from ..cases import CASES
from ..helpers import key


LAWS = {name: case.init for name, case in CASES.items()}
NO_SHAPES = [
    True, (True, 8), {16: 1, 8: 2}, {16, 8}, frozenset({3, 4}), {3: 1}.keys(), "16",
    b"16", (16.0, 8), ((16,), 8), (None, 8), np.array([True, False]), np.eye(2),
]  # fmt: skip
NO_AXES = [
    True, (True,), np.True_, {0: 1}, {0, 1}, frozenset({0}), {}, set(), "0", b"0", 1.0,
    (1.0,), (0, (1,)), (0, 0), 64, math.nan, 1j,
]  # fmt: skip
NO_FLAGS = ["no", "", 0, 1, None, [], 2.5, math.nan, np.array([1, 2])]
NO_COUNTS = [0, -1, True, 1.0, "2", None, math.nan, (1,), {}]


def refused(call: Any, name: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        call()
    said = str(error.value)
    assert said.startswith(f"`{name}` "), said
    assert " needs " in said or " has the settings " in said


@pytest.mark.parametrize("name", sorted(LAWS))
def test_what_is_no_shape(name):
    init = LAWS[name]
    for shape in NO_SHAPES:
        refused(lambda shape=shape: init(key(), shape), f"jinit.{name}")
        if init.law.marginal is not None:
            refused(lambda shape=shape: init.std(shape), f"jinit.{name}")


@pytest.mark.parametrize("name", sorted(LAWS))
def test_what_is_no_axis_and_no_flag(name):
    law = LAWS[name].law
    wrong = {"axis": NO_AXES, "corrected": NO_FLAGS, "groups": NO_COUNTS}
    for setting, kind in itertools.product(law.parameters, wrong):
        for value in wrong[kind] if setting.endswith(kind) else ():
            refused(
                lambda setting=setting, value=value: LAWS[name](**{setting: value}),
                f"jinit.{name}",
            )


@pytest.mark.parametrize("name", sorted(LAWS))
def test_a_number_in_the_place_of_the_key(name):
    init = LAWS[name]
    shapes: list[Any] = [(16, 8), [16, 8], (3, 4, 8, 16), np.array([16, 8])]
    numbers = [0, 3, 42, np.int32(7), np.array(0), np.array([0, 1]), jnp.arange(2)]
    for number, shape in itertools.product(numbers, shapes):
        refused(lambda n=number, shape=shape: init(n, shape), f"jinit.{name}")
    if "axis" in str([*init.law.parameters][:2]):
        refused(lambda: init(0, 16), f"jinit.{name}")
        refused(lambda: init((0, 1), (16, 8)), f"jinit.{name}")


@pytest.mark.parametrize("given", [(jnp.float32,), ("float32",), ()])
@pytest.mark.parametrize(
    "init", [jinit.constant(0.3), jinit.from_array(np.eye(3)), jinit.zeros, jinit.ones]
)
def test_a_keyless_call_is_explained(init, given):
    with pytest.raises(TypeError, match=r"Keras and Haiku.*\(None, \(3, 3\)\)`"):
        init((3, 3), *given)


def may_be_set_to(init: Any, shape: Any) -> bool:
    """Whether a shape is of the kind of the first setting; so large, it is no axes."""
    try:
        init(shape)
    except TypeError:
        return False
    except ValueError:
        pass
    return "axis" not in next(iter(init.law.parameters))


@pytest.mark.parametrize("name", sorted(LAWS))
def test_a_shape_and_a_dtype_are_a_call_without_a_key(name):
    init = LAWS[name]
    for shape in [(16, 8), [3, 4, 16, 8]]:
        if may_be_set_to(init, shape):
            continue
        calls: list[Any] = [
            lambda shape=shape: init(shape, jnp.float32),  # as Haiku
            lambda shape=shape: init(shape, dtype="float32"),  # as Keras
        ]
        for call in calls:
            with pytest.raises(TypeError, match=r"key.*alone.*jinit\.compat\.keras"):
                call()


def test_settings_that_look_like_a_shape_may_have_a_dtype():
    assert jinit.he_normal((0, 1), dtype="bfloat16").settings["in_axis"] == (0, 1)
    assert jinit.constant((2, 3), "int32").settings["dtype"] == jnp.int32
    assert jinit.normal(0.5, "float32").settings["stddev"] == 0.5


def test_fans_of_what_is_no_kernel():
    for shape in NO_SHAPES:
        refused(lambda shape=shape: fans(shape), "jinit.fans")
        einsum = lambda shape=shape: jinit.fans_from_einsum("bd,dh->bh", shape)
        refused(einsum, "jinit.fans_from_einsum")
    for name in ("in_axis", "out_axis", "batch_axis"):
        for axis in NO_AXES:
            wrong: Any = {name: axis}
            refused(lambda wrong=wrong: fans((3, 3, 4, 8), **wrong), "jinit.fans")
    for count, flag in itertools.product(NO_COUNTS, NO_FLAGS):
        refused(lambda n=count: fans((3, 3, 4, 8), groups=n), "jinit.fans")
        refused(lambda f=flag: fans((3, 3, 4, 8), transposed=f), "jinit.fans")
    for stride in [0, -1, True, 1.0, "2", None, {1, 2}, (1, True)]:
        refused(lambda n=stride: fans((3, 3, 4, 8), stride=n), "jinit.fans")
    for layout in [3, ("O", "I"), b"OI", "oi"]:
        refused(lambda it=layout: fans((4, 8), layout=it), "jinit.fans")
    refused(lambda: fans((-3, 8)), "jinit.fans")


WRONG_RETURNS: dict[str, Any] = {
    "another shape": lambda shape, dtype: jnp.zeros((*shape, 1), dtype),
    "fewer axes": lambda shape, dtype: jnp.zeros(shape[1:], dtype),
    "complex": lambda shape, dtype: jnp.zeros(shape, "complex64"),
    "nan": lambda shape, dtype: jnp.full(shape, jnp.nan, dtype),
    "one inf": lambda shape, dtype: jnp.zeros(shape, dtype).at[0].set(jnp.inf),
    "None": lambda shape, dtype: None,
    "a list": lambda shape, dtype: [[0.0] * shape[1]] * shape[0],
    "a text": lambda shape, dtype: "weights",
    "a number": lambda shape, dtype: 0.0,
}


@pytest.mark.parametrize("kind", WRONG_RETURNS)
def test_a_law_that_returns_what_it_was_not_asked_for(kind):
    def broken(key, shape, dtype, /):
        return WRONG_RETURNS[kind](shape, dtype)

    init, found = jinit.law(broken), lambda *args: broken(*args)
    refused(lambda: init(key(), (3, 4)), "broken")
    refused(lambda: jinit.get(found)(key(), (3, 4)), "jinit.from_callable")
    refused(lambda: init(key(), (3, 4), "bfloat16"), "broken")
    if kind in ("nan", "one inf"):
        refused(lambda: jinit.scaled(init, 2.0)(key(), (3, 4)), "jinit.scaled")
    else:  # a trace has no values to look at
        refused(lambda: jax.jit(lambda k: init(k, (3, 4)))(key()), "broken")


@pytest.mark.parametrize("kind", ["nan", "one inf"])
def test_a_rule_that_returns_no_numbers(kind):
    broken = lambda key, shape, dtype: WRONG_RETURNS[kind](shape, dtype)
    tree = {"w": jax.ShapeDtypeStruct((3, 4), "float32")}
    for rule in (broken, jinit.law(broken)):
        with pytest.raises(ValueError, match="returns finite numbers"):
            jinit.materialize(tree, key(), [("**", rule)])


@pytest.mark.parametrize("value", [True, math.nan, 1j, "zeross", None, [1.0]])
def test_the_right_side_of_a_rule_is_held_to_one_law(value):
    tree = {"w": jax.ShapeDtypeStruct((3, 4), "float32")}
    for rule in (value, lambda leaf: value):
        with pytest.raises((TypeError, ValueError), match=r"^`jinit\.\w+` needs "):
            jinit.materialize(tree, key(), [("**", rule)])


def test_a_function_of_another_form_is_no_initializer():
    with pytest.raises(TypeError, match=r"`\(key, shape, dtype\)`.*positional"):
        jinit.from_callable(lambda key: key)
    for init in (jinit.constant(1j), jinit.from_array(np.full((3, 4), 1j))):
        with pytest.raises(TypeError, match="needs a real `value` for float32"):
            init(None, (3, 4))


def test_what_is_no_law():
    functions: list[Any] = [
        lambda key, shape, **settings: shape,
        lambda key, *shape: shape,
        lambda key: key,
    ]
    for function in functions:
        with pytest.raises(TypeError, match="named settings"):
            jinit.law(function)


def test_an_unreduced_sharding_would_add_the_weights_up():
    mesh = jax.make_mesh((2,), ("x",), axis_types=(AxisType.Explicit,))
    spec = PartitionSpec(None, None, unreduced=frozenset({"x"}))
    with pytest.raises(ValueError, match="unreduced"):
        jinit.normal(key(), (4, 4), out_sharding=NamedSharding(mesh, spec))


@pytest.mark.parametrize(
    "text",
    [
        "he_normal(mode='fan_in', mode='fan_out')",
        "normal(0.1, stddev=0.2)",
        "scaled(normal(stddev=1, stddev=2), 0.5)",
    ],
)
def test_a_setting_given_twice_in_text(text):
    with pytest.raises((TypeError, ValueError), match=r"once|has the settings"):
        jinit.get(text)


@pytest.mark.parametrize("alpha", [math.nan, 0.0, 1.0, -1e-6, math.inf, "1e-6", None])
def test_a_chance_is_between_0_and_1(alpha):
    refused(
        lambda: assert_law(jinit.normal, (40, 50), key(), alpha=alpha),
        "jinit.testing.assert_law",
    )


def test_numbers_larger_than_an_integer_are_floats_or_refused():
    assert jinit.get(10**30) == jinit.constant(1e30)
    refused(lambda: jinit.get(10**400), "jinit.get")


def test_a_pattern_of_a_megabyte_is_refused_at_once():
    tree = {"w" * 60: jax.ShapeDtypeStruct((2,), "float32")}
    with pytest.raises(jinit.UnmatchedError):
        jinit.materialize(tree, None, [("w" * 10**6, 0.0), ("**", 1.0)])


def test_messages_shorten_what_they_name():
    big, shape = "y" * 10**5, jax.ShapeDtypeStruct((2,), "float32")
    calls = [
        lambda: jinit.materialize({big: shape}, None, [("a", 0.0)]),
        lambda: jinit.materialize({"a": shape}, None, [(big, 0.0), ("**", 0.0)]),
        lambda: jinit.materialize({"a": shape}, None, [("**", 0.0)], [(big, None)]),
        lambda: jinit.fill_missing({big: np.ones(2)}, None, {"a": shape}, [("a", 0.0)]),
        lambda: jinit.mup({big: shape}, {big + "z": shape}),
        lambda: jinit.normal(**{big: 1}),
        lambda: jinit.trace(lambda p, x: p["a"] * x, {"a": shape}, shape)[big],
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError, KeyError)) as error:
            call()
        assert len(str(error.value)) < 2000


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Tagged:
    """A tree that holds an array beside its leaves, which has no equality."""

    w: Any
    tag: np.ndarray = dataclasses.field(metadata={"static": True})


def tagged(w: Any) -> Tagged:
    return Tagged(w, np.arange(3))


def test_outputs_may_hold_arrays_beside_their_leaves():
    apply = lambda p, x: tagged(jnp.tanh(x @ p))
    w, x = np.eye(4, dtype="f"), np.ones((2, 4), "f")
    for _ in range(2):  # the second time it is compared with the first
        assert len(jinit.explain(apply, w, x)) == 1
        assert len(jinit.probe(apply, w, x).layers) == 1


def test_metadata_that_has_no_equality_is_named_where_jax_compares_it():
    apply, x = lambda p, x: jnp.tanh(x @ p.w), np.ones((2, 4), "f")
    one, other = (tagged(np.eye(4, dtype="f")) for _ in range(2))
    for call in jinit.explain, jinit.probe:
        with contextlib.suppress(TypeError):  # nothing to compare it with, yet
            call(apply, one, x)
        with pytest.raises(TypeError, match=r"can be compared\. Got a Tagged with"):
            call(apply, other, x)


@pytest.mark.parametrize(
    "entries", [jax.random.split, lambda _, shape: np.full(shape, None)]
)
def test_a_law_that_returns_no_numbers_is_refused(entries):
    init = jinit.from_callable(lambda key, shape, dtype: entries(key, shape))
    with pytest.raises(
        TypeError, match=r"^`jinit.from_callable` needs .* numbers\. Got"
    ):
        init(key(), (3, 2))
