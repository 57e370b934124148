"""Modules of `flax.nnx` and their constructors: weights are the `nnx.Param`s."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import shared
from .calls import asks_for, flags, is_a
from .subject import Computation, fits, Subject


KIND = "an NNX module or a constructor with `rngs`"


def owns(model: Any) -> bool:
    """Whether the model is an NNX module, or a function of `rngs` that makes one."""
    return is_module(model) or asks_for(model) == "rngs"


def is_module(model: Any) -> bool:
    """Whether the model is an NNX module."""
    return is_a(model, "flax.nnx", "Module")


def read(where: str, model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    """The subject; a constructor is run for shapes alone."""
    if is_module(model):
        return dataclasses.replace(bind(where, model, None, key), inputs=inputs)
    from flax import nnx

    def split(key: jax.Array) -> Any:
        _arrays_are_data()
        with nnx.use_eager_sharding(False):  # places are found later, given a mesh
            return nnx.split(model(rngs=_streams(key)), nnx.Param, ...)

    with fits(where, inputs) as fit:
        graph, weights, rest = nnx.eval_shape(fit.around(lambda: split(key)))
    # What is no parameter, such as averages and random streams, is made as it says.
    made = shared(lambda key: split(key)[2])
    other = lambda: made(key) if jax.tree.leaves(rest) else rest
    subject = _subject(where, graph, weights, rest, inputs, other)
    start = lambda key, *_: jax.tree.leaves(split(key)[1:])
    return dataclasses.replace(subject, start=start)


def bind(where: str, model: Any, params: Any, key: jax.Array) -> Subject:
    """The subject of a module, with its own weights or those of `params`, a state."""
    from flax import nnx

    if not is_module(model):
        model = model(rngs=nnx.Rngs(key))
    graph, weights, rest = nnx.split(model, nnx.Param, ...)
    if params is not None:
        weights, other = nnx.split_state(params, nnx.Param, ...)
        rest = other if jax.tree.leaves(other) else rest
    subject = _subject(where, graph, weights, rest, (), lambda: rest)
    return dataclasses.replace(subject, held=params is None)


def _subject(
    where: str,
    graph: Any,
    weights: Any,
    rest: Any,
    inputs: tuple[Any, ...],
    other: Callable[[], Any],
) -> Subject:
    from flax import nnx

    return Subject(
        Computation(where, _Apply(graph)),
        weights,
        rest,
        inputs,
        lambda weights, mesh: nnx.merge(graph, weights, other()),
        lambda: nnx.get_partition_spec(weights),
    )


@dataclasses.dataclass(frozen=True)
class _Apply:
    """An NNX module as a function of its weights, its state and inputs."""

    graph: Any

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        from flax import nnx

        # A variable may change only within the trace that made it: here it is new.
        state = jax.tree.map(lambda x: x, state)
        module: Any = nnx.merge(self.graph, weights, state)
        return module(*inputs, **flags(module.__call__, {}, all_=False))


class _Count(np.ndarray):
    """A count of NumPy that changes in place, and gives out copies.

    A trace holds what it is given by reference, to be read when all is counted.
    """

    def __getitem__(self, index: Any) -> Any:
        return np.array(super().__getitem__(index))


def _arrays_are_data() -> None:
    """Has NNX take an array that is traced for data, as it takes any other array."""
    from flax import nnx

    traced = jnp.zeros(())
    if not nnx.is_data(traced):  # with JAX 0.10, a traced array is a setting for it
        nnx.register_data_type(type(traced))


def _streams(key: jax.Array) -> Any:
    from flax import nnx

    # A count that is traced takes NNX longer with every parameter: NumPy's is not.
    rngs = nnx.Rngs(key)
    count: Any = np.zeros((), np.uint32).view(_Count)
    rngs.default.count = nnx.RngCount(count, tag="default")
    return rngs
