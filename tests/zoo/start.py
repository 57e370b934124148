"""A model of the zoo as its author starts it, without jinit: a function of weights and
of what is no weight, in training or in evaluation mode."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import keras
import optax
from flax import linen as nn, nnx

from .entry import Entry
from .parts import squared_error


class Start(NamedTuple):
    """`apply(weights, state, *inputs)` gives the outputs."""

    apply: Callable[..., Any]
    weights: Any
    state: Any


def start(model: Any, key: jax.Array, inputs: Any, train: bool = True) -> Start:
    """The author's own start of a model of any framework."""
    match _made(model, key):
        case nn.Module() as model:
            return _linen(model, key, inputs, train)
        case nnx.Module() as model:
            return _nnx(model, train)
        case hk.Transformed() | hk.TransformedWithState() as model:
            return _haiku(model, key, inputs)
        case keras.Model() as model:
            return _keras(model, train)
        case eqx.Module() as model:
            weights, rest = eqx.partition(model, eqx.is_inexact_array)
            return Start(lambda w, s, *x: eqx.combine(w, rest)(*x), weights, None)
        case eqx.Module() as module, eqx.nn.State() as state:
            return _equinox(module, state)
        case apply, weights:
            filled = jax.tree.map(lambda leaf: _filled(key, leaf), weights)
            return Start(lambda w, s, *x: apply(w, *x), filled, None)
    raise TypeError(model)


def _made(model: Any, key: jax.Array) -> Any:
    """What a constructor makes, if it is one, of `rngs` or of `key`."""
    if not (inspect.isfunction(model) or inspect.isclass(model)):
        return model
    maker = model.__init__ if inspect.isclass(model) else model
    takes_rngs = "rngs" in inspect.signature(maker).parameters
    source: dict[str, Any] = {"rngs": nnx.Rngs(key)} if takes_rngs else {"key": key}
    return model(**source)


def _filled(key: jax.Array, leaf: Any) -> jax.Array:
    """Small noise for a leaf of which only the shape is given."""
    is_given = isinstance(leaf, jax.Array)
    return leaf if is_given else 0.05 * jax.random.normal(key, leaf.shape)


def _linen(model: nn.Module, key: jax.Array, inputs: Any, train: bool) -> Start:
    asked = inspect.signature(model.__call__).parameters
    modes = {"train": train, "deterministic": not train}
    flags: dict[str, Any] = {n: value for n, value in modes.items() if n in asked}
    rngs = {"params": key, "dropout": key}
    variables = jax.jit(lambda *x: model.init(rngs, *x, **flags))(*inputs)

    def apply(weights: Any, state: Any, *x: Any) -> Any:
        variables = {"params": weights, **state}
        forward = lambda: model.apply(
            variables, *x, rngs={"dropout": key}, mutable=True, **flags
        )[0]
        return _alone(forward)

    weights = variables.pop("params")
    return Start(apply, weights, variables)


def _alone(forward: Callable[[], Any]) -> Any:
    """A computation under the axis "batch", of size 1, that some norms ask for."""
    many = jax.vmap(lambda _: forward(), axis_name="batch")(jnp.zeros(1))
    return jax.tree.map(lambda y: y[0], many)


def _nnx(model: nnx.Module, train: bool) -> Start:
    model = nnx.clone(model)
    if not train:  # in training it is as its maker left it
        model.eval()
    graph, weights, rest = nnx.split(model, nnx.Param, ...)
    own = lambda rest: jax.tree.map(jnp.asarray, rest)  # counts belong to this trace
    apply = lambda weights, rest, *x: nnx.merge(graph, weights, own(rest))(*x)
    return Start(apply, weights, rest)


def _haiku(model: Any, key: jax.Array, inputs: Any) -> Start:
    made = model.init(key, *inputs)
    if isinstance(model, hk.TransformedWithState):
        apply = lambda w, s, *x: model.apply(w, s, key, *x)[0]
        return Start(apply, *made)
    return Start(lambda w, s, *x: model.apply(w, *x), made, None)


def _keras(model: keras.Model, train: bool) -> Start:
    values = lambda variables: [each.value for each in variables]

    def apply(weights: Any, state: Any, *x: Any) -> Any:
        return model.stateless_call(weights, state, *x, training=train)[0]

    weights, state = model.trainable_variables, model.non_trainable_variables
    return Start(apply, values(weights), values(state))


def _equinox(module: eqx.Module, state: eqx.nn.State) -> Start:
    weights, rest = eqx.partition(module, eqx.is_inexact_array)
    copy = lambda state: jax.tree.map(jnp.asarray, state)  # a state is used up
    apply = lambda w, s, *x: _alone(lambda: eqx.combine(w, rest)(*x, copy(s))[0])
    return Start(apply, weights, state)


def losses(entry: Entry, begun: Start, inputs: Any, steps: int = 20) -> jax.Array:
    """The loss of each step of Adam on one batch."""
    optimizer = optax.adam(1e-3)
    judge = entry.loss or squared_error
    apply, weights, state = begun

    def loss(weights: Any) -> jax.Array:
        return judge(apply(weights, state, *inputs), jax.random.key(1))

    def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
        weights, memory = carry
        value, gradient = jax.value_and_grad(loss)(weights)
        update, memory = optimizer.update(gradient, memory, weights)
        return (optax.apply_updates(weights, update), memory), value

    first = (weights, optimizer.init(weights))
    return jax.lax.scan(step, first, length=steps)[1]
