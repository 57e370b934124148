"""Initializers by name, by text, by configuration."""

# Most calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._core.initializer import laws

from ..helpers import assert_same_bits, key


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("he_normal", jinit.he_normal),
        (" he_normal ", jinit.he_normal),
        ("he_normal()", jinit.he_normal),
        ("kaiming_normal", jinit.he_normal),
        ("jinit.he_normal(mode='fan_out')", jinit.he_normal(mode="fan_out")),
        ("normal(0.02)", jinit.normal(0.02)),
        ("normal(stddev=2e-2, mean=-1)", jinit.normal(0.02, mean=-1)),
        ("he_normal((0, 1), 2)", jinit.he_normal((0, 1), 2)),
        ("constant([1, 2.5])", jinit.constant([1, 2.5])),
        ("lecun_normal(gain='gelu')", jinit.lecun_normal(gain="gelu")),
        (
            "variance_scaling(2.0, 'fan_in', 'normal', dtype='bfloat16')",
            jinit.variance_scaling(2.0, "fan_in", "normal", dtype=jnp.bfloat16),
        ),
        (0, jinit.constant(0)),
        (2.5, jinit.constant(2.5)),
        (np.float32(2.5), jinit.constant(2.5)),
        (jinit.zeros, jinit.zeros),
        ({"name": "zeros"}, jinit.zeros),
        ({"name": "eye", "settings": {"gain": 2.0}}, jinit.identity(2.0)),
    ],
)
def test_what_names_an_initializer(spec, expected):
    assert jinit.get(spec) == expected


def test_an_array_is_itself():
    w = np.arange(6.0).reshape(2, 3)
    for array in (w, jnp.asarray(w)):
        assert jinit.get(array)(None, (2, 3)).tolist() == w.tolist()


def test_a_function_draws():
    theirs = jax.nn.initializers.he_normal()
    assert_same_bits(jinit.get(theirs)(key(), (5, 4)), theirs(key(), (5, 4)))


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("he_nrmal", ValueError, "Got 'he_nrmal'. Did you mean 'he_normal'"),
        ("", ValueError, "Got ''"),
        ("normal(", ValueError, r"Got 'normal\('"),
        ("normal(stddev=x)", ValueError, "Got 'x'"),
        ("normal(__import__('os'))", ValueError, "__import__"),
        ("(lambda: 1)()", ValueError, "lambda"),
        ("normal(*[1])", ValueError, r"\*\[1\]"),
        ("normal(**{'stddev': 1})", ValueError, "stddev"),
        ("os.system('x')", ValueError, "os.system"),
        ("normal(stdev=1)", TypeError, "Did you mean 'stddev'"),
        ("normal(-1)", ValueError, "Got -1"),
        (None, TypeError, "Got None"),
        (True, TypeError, "Got True"),
        ([1, 2], TypeError, r"Got \[1, 2\]"),
        ({"nome": "zeros"}, ValueError, "nome"),
        ({"name": "zeroes"}, ValueError, "'zeros'"),
    ],
)
def test_what_does_not(spec, error, message):
    with pytest.raises(error, match=message):
        jinit.get(spec)


@pytest.mark.parametrize(
    "init",
    [
        jinit.he_normal(in_axis=(0, 1), out_axis=(2,), mode="fan_avg"),
        jinit.constant([[1, 2], [3, 4]]),
        jinit.from_array(np.eye(2)),
        jinit.normal(0.02, jnp.bfloat16),
        jinit.lecun_uniform(fans=(3, 4), gain="tanh"),
        jinit.sparse(connections=3),
    ],
    ids=repr,
)
def test_a_config_is_plain_json(init):
    text = json.dumps(init.to_config(), allow_nan=False)
    assert jinit.from_config(json.loads(text)) == init


def test_what_is_no_config():
    for config in ("he_normal", 3, {"name": "zeros", "gain": 1}):
        with pytest.raises(ValueError, match="mapping of `name` and `settings`"):
            jinit.from_config(config)


@pytest.fixture
def own_names(monkeypatch):
    """A registry without users, and so without what this test adds."""
    monkeypatch.setattr(laws, "_users", {})


def a_law_named(name, value, module="notebook"):
    def weights(key, shape, dtype, /, scale: float = 1.0):
        return jnp.full(shape, value * scale, dtype)

    weights.__name__, weights.__module__ = name, module
    return jinit.law(weights)


@pytest.mark.parametrize("name", ["zeros", "constant", "xavier_normal", "he_normal"])
def test_a_users_law_wins_its_name_and_ours_stays_an_attribute(own_names, name):
    ours = getattr(jinit, name)
    theirs = a_law_named(name, 7.0)
    for spec in (name, f"{name}()", f"notebook.{name}", {"name": name}):
        assert jinit.get(spec) == theirs
    assert jinit.get(f"{name}(scale=2)") == theirs(scale=2)
    assert jinit.get(repr(theirs(scale=2))) == theirs(scale=2)
    assert getattr(jinit, name) is ours is jinit.get(f"jinit.{name}")
    assert jinit.scaled(name, 1.0).settings["base"] == theirs
    tree = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32)}
    drawn = jinit.materialize(tree, key=key(), rules=[("*", jinit.get(name))])
    assert (drawn["w"] == 7).all()


def test_what_is_ours_is_written_so_that_it_stays_ours(own_names):
    ours = jinit.normal(0.02)
    assert repr(ours) == "normal(stddev=0.02)"
    a_law_named("normal", 7.0)
    assert repr(ours) == "jinit.normal(stddev=0.02)"
    assert jinit.get(repr(ours)) == ours == jinit.from_config(ours.to_config())
    assert pickle.loads(pickle.dumps(ours)) == ours


def test_no_users_law_changes_what_numbers_arrays_and_functions_mean(own_names):
    for name in ("constant", "from_array", "from_callable"):
        a_law_named(name, 7.0)
    assert jinit.get(0.5) == jinit.constant(0.5)
    assert jinit.get(np.eye(2)) == jinit.from_array(np.eye(2))
    draw = jax.nn.initializers.ones
    assert jinit.get(draw) == jinit.from_callable(draw)


def test_a_law_that_jinit_adds_later_takes_no_name_from_a_user(own_names, monkeypatch):
    theirs = a_law_named("quasi_normal", 7.0)
    monkeypatch.setattr(laws, "_ours", dict(laws._ours))
    ours = a_law_named("quasi_normal", 1.0, module="jinit._schemes.quasi")
    assert jinit.get("quasi_normal") is theirs
    assert jinit.get("jinit.quasi_normal") is ours


def test_a_law_may_be_defined_again(own_names):
    a_law_named("mine", 1.0)
    again = a_law_named("mine", 2.0)
    assert jinit.get("mine") is again
    elsewhere = a_law_named("mine", 3.0, module="library")
    assert jinit.get("mine") is elsewhere
    assert jinit.get("notebook.mine") is again
    assert repr(again) == "notebook.mine()"
    assert jinit.get(repr(again)) == again
    third = a_law_named("mine", 4.0)
    assert jinit.get("mine") is third


def test_names_are_sorted_and_complete():
    names = laws.names()
    assert list(names) == sorted(names)
    assert {"he_normal", "zeros", "sparse"} <= set(names)
