"""Calls within `jit`, `vmap` and the like: weights are drawn, what measures says no."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, PartitionSpec as P

import jinit
from tests import test_bad_input as table

from .helpers import assert_same_bits, key


SHAPES, X = table.SHAPES, table.X
RULES = [("a", jinit.normal(0.1)), ("b", jinit.he_normal)]
LINEN = nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(3)])


def of_a_function(key):
    jinit.explain((table.apply, SHAPES), X)
    return jinit.initialize((table.apply, SHAPES), key, X)


def of_a_module(key):
    return jinit.initialize(LINEN, key, X)


def by_rules(key):
    return jinit.materialize(SHAPES, key, RULES)


def of_a_part(key):
    return jinit.reinit(table.WEIGHTS, key, "a", [("**", jinit.uniform)])


def on_devices(draw):
    mesh = jax.make_mesh((2,), ("x",), axis_types=(AxisType.Auto,))
    weights = lambda _: jax.tree.map(lambda w: w[None], draw())
    each = jax.shard_map(weights, mesh=mesh, in_specs=P("x"), out_specs=P("x"),
                         check_vma=False)  # fmt: skip
    return last(each(np.zeros(2)))


def last(weights):
    return jax.tree.map(lambda w: w[-1], weights)


TRACED = {
    "jit": lambda draw: jax.jit(draw)(),
    "checkpoint": lambda draw: jax.checkpoint(draw)(),
    "scan": lambda draw: last(jax.lax.scan(lambda i, _: (i, draw()), 0, length=2)[1]),
    "vmap": lambda draw: last(jax.vmap(lambda _: draw(), axis_size=2)(jnp.zeros(2))),
    "shard_map": on_devices,
}


@pytest.mark.parametrize("draw", [of_a_function, of_a_module, by_rules, of_a_part])
@pytest.mark.parametrize("how", TRACED)
def test_a_key_that_is_closed_over_is_taken(draw, how):
    closed = functools.partial(draw, key())
    found = jax.eval_shape(lambda: TRACED[how](closed))
    assert found == jax.eval_shape(draw, key())


def test_a_key_that_is_closed_over_draws_the_same():
    closed = functools.partial(by_rules, key())
    jax.tree.map(assert_same_bits, jax.jit(closed)(), closed())


SETTINGS = {
    "stddev": jinit.normal,
    "gain": lambda s: jinit.he_normal(gain=s),
    "scaled": lambda s: jinit.scaled(jinit.he_normal, s),
    "of what is scaled": lambda s: jinit.scaled(jinit.normal(s), 2.0),
    "a number": lambda s: s,
    "a function": lambda s: lambda key, shape, dtype: s * jnp.ones(shape, dtype),
}


def with_a_setting(law, s):
    rules = [("a", law(s)), ("b", jinit.zeros)]
    jinit.explain((table.apply, SHAPES), X, rules=rules)
    return jinit.initialize((table.apply, SHAPES), key(), X, rules=rules)["a"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_are_traced_beside_a_key_that_is_not(setting):
    draw = functools.partial(with_a_setting, SETTINGS[setting])
    slope = jax.grad(lambda s: draw(s).sum())
    assert jax.eval_shape(draw, 0.5).shape == (4, 4)
    assert jax.eval_shape(slope, 0.5).shape == ()
    assert jax.eval_shape(jax.vmap(draw), np.ones(3, "f")).shape == (3, 4, 4)


def test_a_traced_setting_sets():
    draw = functools.partial(with_a_setting, jinit.normal)
    w, slope = jax.jit(jax.value_and_grad(lambda s: draw(s)[0, 0]))(0.5)
    np.testing.assert_allclose(w, draw(0.5)[0, 0], rtol=1e-6)
    np.testing.assert_allclose(w, slope / 2, rtol=1e-6)


def test_units_are_chosen_where_they_are_known_only_when_it_runs():
    trace = jinit.trace((table.apply, SHAPES), X)
    weights = jax.tree.map(lambda w: 2 * w, table.WEIGHTS)

    def draw(units):
        rules = [("a", jinit.ones)]
        return jinit.reinit(
            weights, None, "a", rules, units=units, outgoing=True, trace=trace
        )

    units = np.arange(4) < 2
    jax.tree.map(np.testing.assert_array_equal, jax.jit(draw)(units), draw(units))


MEASURING = {
    "duplicates": lambda: jinit.duplicates({"a": X, "b": X}),
    "standardize": lambda: jinit.data.standardize(X)(X).shape,
    "theory": lambda: jinit.theory.edge_of_chaos("tanh", 1.0).weight_variance,
    "a gain": lambda: jinit.gain(lambda x: jnp.tanh(x) * 2),
    "explain": lambda: str(jinit.explain((lambda p, x: jnp.tanh(x @ p) * 3, X.T), X)),
    "trace": lambda: str(jinit.trace((lambda p, x: jnp.tanh(x @ p) * 5, X.T), X)),
}


@pytest.mark.parametrize("tool", MEASURING)
def test_what_measures_does_so_at_once(tool):
    found = []
    jax.eval_shape(lambda x: found.append(MEASURING[tool]()), 0.0)
    assert found == [MEASURING[tool]()]


def arrays(name):
    """The parameters that take numbers, as one value or in a tree."""
    for parameter, value in table.right_call(name).items():
        leaves = jax.tree.leaves(value)
        if leaves and all(isinstance(x, float | np.ndarray) for x in leaves):
            yield parameter, value


@pytest.mark.parametrize("name", table.CALLS)
def test_what_is_traced_is_taken_or_refused_in_a_line_of_ours(name):
    found = {each: answer(name, each, value) for each, value in arrays(name)}
    own = f"`jinit.{name}` needs numbers that are there. Got a traced "
    good = lambda text: text.startswith(own) and "\n" not in text
    assert not {each: text for each, text in found.items() if text and not good(text)}


def answer(name, parameter, value):
    try:
        jax.eval_shape(lambda x: (table.call(name, parameter, x), None)[1], value)
    except Exception as error:
        return "" if table.is_theirs(error) else str(error)
    return ""


def test_a_law_is_not_held_to_its_word_while_it_is_traced():
    with pytest.raises(TypeError, match="assert_law` needs numbers that are there"):
        jax.eval_shape(
            lambda s: jinit.testing.assert_law(jinit.normal(s), (8, 8), key()), 1.0
        )


def scaled_by(s):
    """A function that holds what may be traced, as `x @ p["a"]` times `s`."""
    return lambda p, x: jnp.tanh(x @ p["a"] * s)


PARAMS, LOSS = {"a": table.WEIGHTS["a"]}, lambda outputs, targets: outputs.mean()
HOLDING = {
    "probe": lambda s: jinit.probe(scaled_by(s), PARAMS, X),
    "probe of a loss": lambda s: jinit.probe(
        scaled_by(2), PARAMS, X, loss=lambda y: y.mean() * s
    ),
    "lsuv": lambda s: jinit.lsuv(scaled_by(s), PARAMS, None, X, start="given"),
    "within_layer": lambda s: jinit.within_layer(scaled_by(s), PARAMS, table.RAW, X),
    "metainit": lambda s: jinit.metainit(lambda p, x: x.mean() * s, PARAMS, [X] * 9),
    "coord_check": lambda s: jinit.coord_check(
        **table.CALLS["coord_check"]
        | {"make": lambda n, _: (scaled_by(s), PARAMS, optax.sgd(0.1)), "loss": LOSS}
    ),
    "gain": lambda s: jinit.gain(functools.partial(jnp.multiply, s)),
    "he_normal": lambda s: jinit.he_normal(gain=lambda x: x * s)(key(), (3, 3)),
}


@pytest.mark.parametrize("tool", HOLDING)
def test_a_traced_value_that_a_function_holds_is_named(tool):
    said = rf"^`jinit.{tool.split()[0]}` needs .* hold.* numbers\. Got .*a traced "
    with pytest.raises(TypeError, match=said) as found:
        jax.eval_shape(lambda s: (HOLDING[tool](s), s)[1], 1.5)
    assert "\n" not in str(found.value)


def test_errors_of_a_users_function_are_its_own_also_where_one_holds_what_is_traced():
    def branching(p, x):
        return x if x.mean() > 0 else jax.nn.relu(x)

    with pytest.raises(jax.errors.TracerBoolConversionError):
        jinit.probe(branching, PARAMS, X)


class Scaled(nn.Module):
    """A module that holds a number: its bias starts at it, and it scales."""

    scale: Any

    @nn.compact
    def __call__(self, x):
        start = self.param("start", lambda key: self.scale * jnp.ones(x.shape[-1]))
        return nn.Dense(3)(x * self.scale + start)


def test_a_model_may_hold_what_is_traced():
    def whole(s):
        found = jinit.initialize(Scaled(s), key(), X)["params"]
        assert str(jinit.explain(Scaled(s), X)).count("the model's own: a table") == 1
        assert [row.role for row in jinit.trace(scaled_by(s), PARAMS, X)] == [
            "output head"
        ]
        return found

    found = jax.jit(whole)(2.0)
    kept = jinit.initialize(Scaled(2.0), key(), X)["params"]["start"]
    assert_same_bits(found["start"], kept)
    assert found["Dense_0"]["kernel"].std() > 0.1
