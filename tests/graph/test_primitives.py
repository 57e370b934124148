"""The table of primitives, against JAX's own primitives."""

import sys

import jax
import jax.numpy as jnp
import pytest
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import Primitive

from jinit._graph.bodies import Call, Link
from jinit._graph.jaxpr import flatten
from jinit._graph.primitives import LINKS, PRIMITIVES, UNKNOWN
from jinit._graph.samples.functions import FUNCTIONS
from jinit._graph.samples.rules import RULES


# Names that JAX gives to a primitive in some versions only, before 0.12 or after 0.10.
SOMETIMES = {
    "call", "checkpoint", "closed_call", "log2", "one_minus_square", "polynomial",
    "reduced_vary_cast", "vary_unreduced_cast",
}  # fmt: skip


def test_every_row_is_a_primitive_of_jax():
    jax.vmap(jax.custom_batching.custom_vmap(jnp.sin))  # loaded where it is used
    modules = [module for name, module in sys.modules.items() if name[:3] == "jax"]
    every = (value for module in modules for value in vars(module).values())
    names = {each.name for each in every if isinstance(each, Primitive)}
    assert PRIMITIVES.keys() - names <= SOMETIMES


def test_every_link_has_a_row():
    assert LINKS.keys() == set(Link)


def test_every_rule_of_sizes_is_of_a_row():
    assert RULES.keys() | FUNCTIONS.keys() <= PRIMITIVES.keys()


X, Y = jnp.arange(1.0, 13.0).reshape(3, 4), jnp.linspace(-2.0, 3.0, 12).reshape(3, 4)
INDEX = jnp.array([[1], [0]])
CALLS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x, y: -x,
    "name": lambda x, y: checkpoint_name(x, "x"),
    "complex": lambda x, y: jax.lax.complex(x, y),
    "real": lambda x, y: jnp.real(jax.lax.complex(x, y)),
    "fft": lambda x, y: jnp.fft.fft(x),
    "broadcast_in_dim": lambda x, y: jnp.broadcast_to(x, (2, 3, 4)),
    "concatenate": lambda x, y: jnp.concatenate([x, y]),
    "convert_element_type": lambda x, y: x.astype("bfloat16"),
    "dynamic_slice": lambda x, y: jax.lax.dynamic_slice(x, (1, 1), (2, 2)),
    "dynamic_update_slice": lambda x, y: jax.lax.dynamic_update_slice(x, y[:1], (1, 0)),
    "gather": lambda x, y: x[INDEX],
    "pad": lambda x, y: jnp.pad(x, 1),
    "rev": lambda x, y: x[::-1],
    "reshape": lambda x, y: x.reshape(2, 6),
    "scatter": lambda x, y: x.at[INDEX].set(y[:2, None]),
    "scatter-add": lambda x, y: x.at[INDEX].add(y[:2, None]),
    "select_n": lambda x, y: jnp.where(jnp.eye(3, 4) > 0, x, y),
    "slice": lambda x, y: x[1:],
    "split": lambda x, y: jnp.split(x, 2, 1)[0],
    "squeeze": lambda x, y: x[:, :1].squeeze(1),
    "stack": lambda x, y: jnp.stack([x, y], 1),
    "tile": lambda x, y: jnp.tile(x, (2, 1)),
    "transpose": lambda x, y: x.T,
    "unstack": lambda x, y: jnp.unstack(x, axis=1)[0],
    "cumsum": lambda x, y: jnp.cumsum(x, 1),
    "reduce_sum": lambda x, y: x.sum(0),
    "reduce_window_sum": lambda x, y: jax.lax.reduce_window(
        x, 0.0, jax.lax.add, (2, 2), (1, 1), "VALID"
    ),
    "dot_general": lambda x, y: x @ y.T,
    "tanh": lambda x, y: jnp.tanh(x),
    "exp": lambda x, y: jnp.exp(x),
    "max": lambda x, y: jnp.maximum(x, y),
    "sort": lambda x, y: jnp.sort(x, 1),
    "reduce_max": lambda x, y: x.max(0),
}


def _only(name, function):
    """The operation of that name, with its operands and its results, as numbers."""
    graph = flatten(jax.make_jaxpr(function)(X, Y))
    (op,) = (op for op in graph.ops if op.name == name)
    values = dict(graph.constants) | dict(zip(graph.inputs, (X, Y), strict=True))
    for each in graph.ops:
        results = each.bind(*(values[i] for i in each.inputs))
        values |= dict(zip(each.outputs, results, strict=True))
    return op, [values[i] for i in op.inputs]


@pytest.mark.parametrize("name", CALLS)
def test_a_primitive_is_linear_in_the_operands_of_its_row(name):
    op, operands = _only(name, CALLS[name])
    for place, value in enumerate(operands):
        if not jnp.issubdtype(value.dtype, jnp.inexact):
            continue
        step = 5 * jnp.sin(1 + 9 * jnp.arange(value.size)).reshape(value.shape)
        at = lambda v, i=place: op.bind(*operands[:i], v, *operands[i + 1 :])[0]
        rises, falls = at(value + step), at(value - step)
        straight = jnp.allclose(rises + falls, 2 * at(value), rtol=1e-2, atol=1e-2)
        assert straight == (op.inputs[place] in op.linear)


@pytest.mark.parametrize("name", [n for n in CALLS if PRIMITIVES[n].elementwise])
def test_an_elementwise_primitive_mixes_no_entries(name):
    op, operands = _only(name, CALLS[name])
    changed = op.bind(
        *(v.at[0, 0].set(v[0, 0] + v[1, 1]) if v.ndim else v for v in operands)
    )
    same = changed[0] == op.bind(*operands)[0]
    assert bool(same.at[0, 0].set(True).all())


# Of one operand, and without a border of another number.
PLACED = {
    "broadcast_in_dim", "convert_element_type", "dynamic_slice", "exp", "gather", "neg",
    "reshape", "rev", "slice", "split", "squeeze", "tanh", "transpose", "unstack",
}  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", sorted(PLACED))
def test_what_varies_along_an_axis_varies_where_that_axis_lies(name, axis):
    op, (operand, *others) = _only(name, CALLS[name])
    along = jnp.arange(1.0, 1 + operand.shape[axis])
    along = jnp.expand_dims(along, 1 - axis) * jnp.ones_like(operand)
    result = op.bind(along, *others)[0].astype("float32")
    assert op.traits.places
    placed = op.traits.places(op.params, operand.shape, result.shape)
    assert placed
    for place, group in enumerate(placed.axes):
        varies = bool(jnp.any(jnp.diff(result, axis=place)))
        assert varies <= (axis in group)


def test_a_primitive_without_a_row_has_no_traits():
    op = flatten(jax.make_jaxpr(jnp.linalg.slogdet)(jnp.eye(3))).ops
    assert all(each.traits is UNKNOWN for each in op if each.name not in PRIMITIVES)


def test_calls_of_every_kind_are_opened():
    twice = jax.custom_batching.custom_vmap(lambda x: 2 * x)
    twice.def_vmap(lambda n, batched, x: (2 * x, True))

    halved = jax.lax.composite(lambda x: x / 2, "test.halved")
    apply = lambda x: jax.checkpoint(jnp.tanh)(halved(twice(x)))
    graph = flatten(jax.make_jaxpr(apply)(X))
    assert [op.name for op in graph.ops] == ["mul", "div", "tanh"]
    assert not any(isinstance(op.traits.unrolls, Call) for op in graph.ops)


def test_a_barrier_is_no_operation():
    apply = lambda x, y: jax.lax.optimization_barrier((jnp.sin(x), jnp.cos(y)))
    graph = flatten(jax.make_jaxpr(apply)(X, Y))
    assert {op.name for op in graph.ops} == {"sin", "cos"}
