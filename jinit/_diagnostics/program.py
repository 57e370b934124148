"""A model as read once for all its weights, and its compiled measurement."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from .._core import detached, ours
from .._frameworks import Subject
from .._graph import Activation, label, recognize
from .._reading import Instance, Model, read_alike, unmeasured, unroll
from .measure import measure, Watch
from .ratios import Phi


Loss = Callable[[Any], jax.Array]


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A model as read, its compiled measurement, and its activations."""

    model: Model
    layers: tuple[Instance, ...]
    measure: Callable[[Any, Any, jax.Array], Mapping[str, Any]]
    watched: Watch
    activations: tuple[Phi, ...]
    names: tuple[str | None, ...]


def read_program(subject: Subject, loss: Loss | None) -> Program:
    """The program of a model with its inputs; one for all weights of these shapes."""
    leaves = jax.tree.leaves((subject.weights, subject.state, subject.inputs))
    try:
        types = tuple(jax.typeof(leaf) for leaf in leaves)
    except TypeError:
        odd = next(leaf for leaf in leaves if not hasattr(leaf, "dtype"))
        raise TypeError(
            "`jinit.probe` needs `params` and `batch` to hold arrays only. Got "
            f"{odd!r}. Split the model first, with `nnx.split` or "
            "`eqx.partition(model, eqx.is_array)`."
        ) from None
    if any(0 in each.shape for each in types):
        raise ValueError(
            "`jinit.probe` needs a batch and parameters that are not empty. Got shapes "
            f"{', '.join(str(each.shape) for each in types)}."
        )
    model = read_alike("jinit.probe", subject)
    shared = None if loss is None else _shared(model, loss)
    if loss is not None and shared is None:
        return _read(model, loss)
    with ours():
        return model.once(("probe", shared), lambda model: _read(model, shared))


@dataclasses.dataclass(frozen=True)
class _Loss:
    """A loss as its computation: equal to every other that computes the same."""

    text: Any
    jaxpr: ClosedJaxpr = dataclasses.field(compare=False)

    def __call__(self, outputs: Any) -> jax.Array:
        (value,) = jaxpr_as_fun(self.jaxpr)(*jax.tree.leaves(outputs))
        return value


def _shared(model: Model, loss: Loss) -> _Loss | None:
    """The loss as its computation, if it is no more than that."""
    types = [model.graph.types[value] for value in model.graph.outputs]
    try:
        closed = jax.make_jaxpr(loss)(model.structure.unflatten(types))
        closed, text = detached(closed)
    except Exception:  # what the loss raises, it raises where it is run
        return None
    return _Loss(text, closed) if len(closed.jaxpr.outvars) == 1 else None


def _read(model: Model, loss: Loss | None) -> Program:
    layers = unroll(model.graph, model.layers)
    if not layers:
        raise ValueError(
            "`jinit.probe` needs a model with a layer: a product of a parameter with "
            f"the data. Got {_hidden(model)}. Pass the weights as `params` instead of "
            "closing over them; inside `while`, `cond` or `shard_map` none is seen."
        )
    _require_real(model, layers)
    watched = Watch(model, loss)
    phis = {layer: layer.activation for layer in model.layers}
    names = {layer: label(phi) for layer, phi in phis.items()}
    return Program(
        model,
        layers,
        functools.partial(measure, model, watched),
        watched,
        tuple(_function(phis[each.layer]) for each in layers),
        tuple(names[each.layer] for each in layers),
    )


def _hidden(model: Model) -> str:
    names = ", ".join(unmeasured(model.graph, model.layers))
    return f"{names}, inside a loop or a branch," if names else "none"


def _require_real(model: Model, layers: Sequence[Instance]) -> None:
    for each in layers:
        dtype = model.graph.types[each.layer.output].dtype
        if jnp.issubdtype(dtype, jnp.complexfloating):
            raise TypeError(
                "`jinit.probe` needs layers of real numbers, which have an order. Got "
                f"{dtype} at {each.name or 'the first layer'}. Compute with real and "
                "imaginary parts as units of their own."
            )


def _function(activation: Activation | None) -> Phi:
    # Equal functions by one name share what quadrature has compiled.
    known = recognize(activation) if activation else None
    return known.name if known and known.scale == 1 else activation
