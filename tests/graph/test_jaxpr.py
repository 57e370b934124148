import jax
import jax.numpy as jnp
import pytest

from jinit._graph.bodies import Call
from jinit._graph.evaluation import evaluate
from jinit._graph.jaxpr import flatten, has_rule
from tests.zoo.small import SMALL


@jax.custom_vjp
def _cubed(x):
    return x**3


_cubed.defvjp(lambda x: (_cubed(x), x), lambda x, g: (3 * x**2 * g,))

TABLE = jnp.arange(8.0).reshape(2, 4)


def _nested(w, x):
    x = jax.checkpoint(lambda x: jnp.tanh(x @ w))(x)
    x = jax.jit(lambda x: jax.jit(jnp.sin)(x) + TABLE)(x)
    x = _cubed(x) + jax.nn.relu(x) + jax.nn.elu(x)
    x = jax.lax.scan(lambda x, _: (jnp.tanh(x @ w), None), x, None, length=3)[0]
    return jax.lax.cond(x.sum() > 0, jnp.cos, jnp.sin, x)


def _arguments():
    keys = jax.random.split(jax.random.key(0))
    return jax.random.normal(keys[0], (4, 4)), jax.random.normal(keys[1], (2, 4))


def test_calls_are_opened_and_loops_stay_whole():
    graph = flatten(jax.make_jaxpr(_nested)(*_arguments()))
    names = {op.name for op in graph.ops}
    assert {"scan", "cond", "dot_general", "sin"} <= names
    assert not any(isinstance(op.traits.unrolls, Call) for op in graph.ops)


@pytest.mark.parametrize("keeps_rules", [True, False])
def test_a_flat_graph_computes_what_the_function_does(keeps_rules):
    arguments = _arguments()
    opens = lambda equation: not keeps_rules or not has_rule(equation)
    graph = flatten(jax.make_jaxpr(_nested)(*arguments), opens)
    run = jax.jit(lambda *xs: evaluate(graph, xs)[0][0])
    assert jnp.array_equal(run(*arguments), jax.jit(_nested)(*arguments))


def test_a_kept_rule_gives_its_own_derivative():
    relu = flatten(jax.make_jaxpr(jax.nn.relu)(0.0), lambda e: not has_rule(e))
    opened = flatten(jax.make_jaxpr(jax.nn.relu)(0.0))
    slope = lambda graph: jax.grad(lambda x: evaluate(graph, [x])[0][0])(0.0)
    assert slope(relu) == 0.0  # jax.nn.relu's rule
    assert slope(opened) == 0.5  # that of the maximum inside it


def test_what_no_output_needs_is_left_out():
    def wasteful(x):
        jnp.cos(x)
        return jnp.sin(x)

    assert [op.name for op in flatten(jax.make_jaxpr(wasteful)(1.0)).ops] == ["sin"]


def test_one_jaxpr_called_twice_gives_separate_values():
    twice = jax.jit(jnp.sin)
    graph = flatten(jax.make_jaxpr(lambda x: twice(twice(x)))(1.0))
    assert float(evaluate(graph, [1.0])[0][0]) == pytest.approx(
        float(jnp.sin(jnp.sin(1.0)))
    )


def test_a_visit_changes_a_value_before_anything_reads_it():
    graph = flatten(jax.make_jaxpr(lambda x: jnp.sin(2 * x))(1.0))
    doubled = graph.ops[0].outputs[0]
    visits = {doubled: lambda value, given: (value + given, value)}
    (output,), seen = evaluate(graph, [1.0], visits, {doubled: 0.5})
    assert float(output) == pytest.approx(float(jnp.sin(2.5)))
    assert seen == {doubled: 2.0}


@pytest.mark.parametrize("name", SMALL)
def test_every_model_evaluates_as_it_does(name):
    apply, params, x = SMALL[name]()
    graph = flatten(jax.make_jaxpr(apply)(params, x))
    run = jax.jit(lambda leaves: evaluate(graph, leaves)[0][0])
    seen, expected = run(jax.tree.leaves((params, x))), jax.jit(apply)(params, x)
    assert jnp.allclose(seen, expected, rtol=1e-6, atol=1e-6)
