"""A model's own initialization as a computation, which makes the weights asked for."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jax.interpreters.partial_eval import dce_jaxpr

from .._core import in_mesh
from .._frameworks import blank, Subject
from .._graph import flatten, Graph, Value, with_traced_as_inputs


# Up to here a weight is made one operation after the other, as its framework makes it,
# with the bits of that; beyond, by a program that holds nothing in between.
SMALL = 2**20
FEW = 256  # entries, of which a single draw says little


class Start:
    """What a model itself starts with, of which any part can be made alone.

    Attributes:
        shapes: The weights, then the state, as shapes.
        inputs: What the model reads.
        likely: The numbers of those that will be asked for, to be sampled at once.
    """

    def __init__(self, start: Callable[..., Any], subject: Subject):
        self._start, self.inputs = start, subject.inputs
        self.shapes = jax.tree.leaves((subject.weights, subject.state))
        self.likely: frozenset[int] = frozenset()
        self._sampled: dict[int, dict[int, np.ndarray]] = {}  # by seed, by number
        self.traced = functools.cache(self._traced)

    def _traced(self, dtype: Any) -> tuple[ClosedJaxpr, list[Any]]:
        """The computation, and what it reads beside the key."""
        key = jax.ShapeDtypeStruct((), dtype)
        closed = jax.make_jaxpr(self._start)(key, *self.inputs)
        closed, others = with_traced_as_inputs(closed)
        return closed, [*jax.tree.leaves(self.inputs), *others]

    @functools.cached_property
    def graph(self) -> Graph:
        """The computation; its first input is the key."""
        return flatten(self.traced(_key_type())[0])

    def inputs_that_are(self, *kinds: type) -> frozenset[Value]:
        """The inputs of the graph, beside the key, that are of these kinds."""
        inputs = zip(self.graph.inputs[1:], self.traced(_key_type())[1], strict=True)
        return frozenset(value for value, x in inputs if isinstance(x, kinds))

    def part(
        self, wanted: Sequence[int], dtype: Any
    ) -> tuple[ClosedJaxpr, Callable[[Sequence[Any], jax.Array], list[Any]]]:
        """The part that makes some weights, and a function `(consts, key)` of it."""
        every = range(len(self.shapes))
        closed, given = self.traced(dtype)
        jaxpr, used = dce_jaxpr(closed.jaxpr, [i in wanted for i in every], False)

        def run(consts: Sequence[Any], key: jax.Array) -> list[Any]:
            operands = zip([key, *given], used, strict=True)
            read = [x for x, is_read in operands if is_read]
            filled = [blank(x) if _is_shape(x) else x for x in read]
            return jaxpr_as_fun(ClosedJaxpr(jaxpr, consts))(*filled)

        return ClosedJaxpr(jaxpr, closed.consts), run

    def sample(self, index: int, seed: int = 0) -> np.ndarray:
        """A weight under a fixed key, on the host; all that are likely, at once."""
        sampled = self._sampled.setdefault(seed, {})
        if index not in sampled:
            few = (i for i in self.likely if math.prod(self.shapes[i].shape) <= FEW)
            wanted = sorted({index, *(few if seed else self.likely)} - sampled.keys())
            with jax.ensure_compile_time_eval(), jax.default_device(_host()):
                drawn = self._one_by_one(wanted, jax.random.key(seed))
            made = map(np.asarray, jax.device_get(drawn))
            sampled |= zip(wanted, made, strict=True)
        return sampled[index]

    def make(
        self, wanted: Sequence[int], key: jax.Array, places: Sequence[Any]
    ) -> list[Any]:
        """The weights of these numbers, in rising order, each made where it belongs."""
        by_place = dict(zip(wanted, places, strict=True))
        held = {i: self.graph.constants.get(self.graph.outputs[i]) for i in wanted}
        found: dict[int, Any] = {
            i: jax.device_put(x, by_place[i]) for i, x in held.items() if x is not None
        }
        is_small = lambda i: math.prod(self.shapes[i].shape) <= SMALL
        small = [i for i in wanted if by_place[i] is None and is_small(i)]
        small = [i for i in small if i not in found]
        found |= zip(small, self._one_by_one(small, key), strict=True)
        rest = [i for i in wanted if i not in found]
        placed = self._placed(rest, key, [by_place[i] for i in rest])
        found |= zip(rest, placed, strict=True)
        return [found[i] for i in wanted]

    def _one_by_one(self, wanted: Sequence[int], key: jax.Array) -> list[Any]:
        if not wanted:
            return []
        closed, run = self.part(wanted, key.dtype)
        # Constants are the model's own, and go where the user forbids transfers.
        with jax.transfer_guard_host_to_device("allow"):
            return run(closed.consts, key)

    def _placed(
        self, wanted: Sequence[int], key: jax.Array, places: Sequence[Any]
    ) -> list[Any]:
        if not wanted:
            return []
        data = jax.random.key_data(key)
        # The key is ours: it goes to the devices even where the user forbids transfers.
        data = data if isinstance(data, Tracer) else np.asarray(data)
        mesh = next(filter(None, places), None)
        with in_mesh(mesh), jax.transfer_guard_host_to_device("allow"):
            program, consts = self.program(wanted, key, places)
            return program(consts, data)

    def program(
        self, wanted: Sequence[int], like: jax.Array, places: Sequence[Any]
    ) -> tuple[Any, Sequence[Any]]:
        """A compiled function of consts and the data of a key, and its consts.

        It makes some weights from a key like this one, each device its own part.
        """
        closed, run = self.part(wanted, like.dtype)
        kind = jax.random.key_impl(like)

        def from_data(consts: Sequence[Any], data: jax.Array) -> list[Any]:
            return run(consts, jax.random.wrap_key_data(data, impl=kind))

        return jax.jit(from_data, out_shardings=list(places)), closed.consts


def start_of(subject: Subject) -> Start | None:
    """What a model itself starts with, where that is known."""
    return Start(subject.start, subject) if subject.start else None


def _key_type() -> Any:
    return jax.eval_shape(jax.random.key, 0).dtype


def _host() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # the host is not among the platforms JAX may use
        return None


def _is_shape(x: Any) -> bool:
    return isinstance(x, jax.ShapeDtypeStruct)
