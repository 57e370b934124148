"""A model as its graph and layers, with a tap at every pre-activation."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from .._core import detached, leaf_paths, NotSharedError, ours, require_arrays
from .._frameworks import Flat, Subject
from .._graph import (
    evaluate,
    flatten,
    Graph,
    has_rule,
    holds_layer,
    Value,
    with_traced_as_inputs,
)
from .facts import Facts
from .flow import Flow
from .layers import Layer, read_layers
from .own import read_state
from .start import Start, start_of


T = TypeVar("T")
_FEW = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A function of parameters and inputs as a graph with its layers, in order.

    Attributes:
        graph: The computation.
        facts: What is known of its values.
        flow: What flows from layer to layer.
        layers: Its layers.
        paths: The paths of the parameters.
        structure: That of the outputs.
        arguments: What was read, an array or a shape for each input of the graph:
            parameters, state, inputs.
        stored: The paths of the state.
        kept: What is compiled for it, by what it is for; see `once`.
    """

    graph: Graph
    facts: Facts
    flow: Flow
    layers: tuple[Layer, ...]
    paths: tuple[str, ...]
    structure: Any
    arguments: tuple[Any, ...]
    stored: tuple[str, ...] = ()
    kept: dict[Any, Any] = dataclasses.field(default_factory=dict, repr=False)

    def once(self, key: Any, make: Callable[["Model"], T]) -> T:
        """What `make` makes of the model, once for each of the last few keys.

        It is given the model without the arguments, which are a user's.
        """
        made = self.kept.get(key)
        if made is None:
            made = self.kept[key] = make(dataclasses.replace(self, arguments=()))
            for old in list(self.kept)[:-_FEW]:  # other threads may take it first
                self.kept.pop(old, None)
        return made

    def times(self, value: Value) -> tuple[int, ...]:
        """How often each loop around a value runs, outermost first."""
        return tuple(op.params["length"] for op in self.graph.loops.get(value, ()))

    def tap(
        self,
        params: Any,
        inputs: Any,
        loss: Callable[[Any], jax.Array],
        values: Iterable[Value],
        gradients: Iterable[Value],
    ) -> tuple[Any, dict[Value, Any], dict[Value, jax.Array]]:
        """One evaluation, with the gradient of `loss(outputs)`.

        Returns:
            The outputs; the values at `values`; the gradients with respect to those at
            `gradients`. Inside a `scan`, each has the iterations along its first axis.
        """
        arrays = jax.tree.leaves((params, inputs))
        see = lambda value, shift: (value if shift is None else value + shift,) * 2
        visits = dict.fromkeys({*values, *gradients}, see)

        def objective(shifts: dict[Value, jax.Array]) -> tuple[jax.Array, Any]:
            outputs, seen = evaluate(self.graph, arrays, visits, shifts)
            return loss(self.structure.unflatten(outputs)), (
                outputs,
                seen,
            )

        zeros = {i: self._zeros(i) for i in gradients}
        if not zeros:
            _, (outputs, seen) = objective(zeros)
            return outputs, seen, {}
        slopes, (outputs, seen) = jax.grad(objective, has_aux=True)(zeros)
        return outputs, seen, slopes

    def _zeros(self, value: Value) -> jax.Array:
        kind = self.graph.types[value]
        return jnp.zeros((*self.times(value), *kind.shape), kind.dtype)


def read_subject(where: str, subject: Subject, start: Start | None = None) -> Model:
    """Reads the layers of a model of any framework, for the public function `where`.

    Its `start_of` is traced once where others have it too.
    """
    require_arrays((subject.weights, subject.inputs), where)
    values = read_state(subject, start or start_of(subject))
    state = jax.tree.unflatten(jax.tree.structure(subject.state), values)
    arguments = (subject.weights, state, *subject.inputs)
    stored = leaf_paths(subject.state)
    return _read(_trace(subject.apply, subject.weights, arguments, stored))


def read_alike(where: str, subject: Subject) -> Model:
    """`read_subject`; all that compute the same share what is compiled for them."""
    require_arrays((subject.weights, subject.inputs), where)
    arguments = subject.weights, subject.state, *subject.inputs
    leaves = tuple(jax.tree.leaves(arguments))
    types = jax.tree.map(jax.typeof, arguments)
    traced = _trace(subject.apply, subject.weights, types, leaf_paths(subject.state))
    # Of what is kept, nothing is the user's own: no function, and copies of arrays.
    try:
        jaxpr, text = detached(traced.jaxpr)
        model = _read_once(dataclasses.replace(traced, jaxpr=jaxpr, text=text))
    except NotSharedError:
        model = _read(traced)
    return dataclasses.replace(model, arguments=leaves)


def read_model(apply: Callable[..., Any], params: Any, *inputs: Any) -> Model:
    """Reads the layers of `apply(params, *inputs)`; arrays may be shapes only."""
    return _read(_trace(apply, params, (params, *inputs), ()))


@dataclasses.dataclass(frozen=True)
class _Traced:
    """A model before it is read; equal to another that is traced to the same."""

    jaxpr: Any = dataclasses.field(compare=False)
    text: Any
    structure: Any
    paths: tuple[str, ...]
    stored: tuple[str, ...]
    arguments: tuple[Any, ...] = dataclasses.field(compare=False)


def _trace(
    apply: Callable[..., Any],
    params: Any,
    arguments: tuple[Any, ...],
    stored: Sequence[str],
) -> _Traced:
    # What a model makes of numbers while it is read goes where transfers are forbidden.
    with ours():
        jaxpr, outputs = jax.make_jaxpr(Flat(apply), return_shape=True)(*arguments)
    jaxpr, others = with_traced_as_inputs(jaxpr)
    leaves = *jax.tree.leaves(arguments), *others
    paths = leaf_paths(params)
    return _Traced(jaxpr, None, outputs.structure, paths, tuple(stored), leaves)


def _read(traced: _Traced) -> Model:
    # A derivative rule stays in force unless a layer hides behind it.
    graph = flatten(traced.jaxpr, lambda e: not has_rule(e) or holds_layer(e))
    read = read_layers(graph, traced.paths, len(traced.stored))
    end = traced.structure, traced.arguments, traced.stored
    return Model(graph, *read, traced.paths, *end)


_read_once = functools.lru_cache(maxsize=16)(_read)
