"""Initializers by name, by text, by configuration."""

# Most calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._core import registry

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


def test_a_name_is_taken_once():
    def zeros(key, shape, dtype, /):
        return jnp.zeros(shape, dtype)

    with pytest.raises(ValueError, match=r"Got 'zeros'.*jinit._schemes.given"):
        jinit.law(zeros)
    assert jinit.get("zeros") is jinit.zeros


def test_names_are_sorted_and_complete():
    names = registry.names()
    assert list(names) == sorted(names)
    assert {"he_normal", "zeros", "sparse"} <= set(names)
