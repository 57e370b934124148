"""The one number that every entry of a value is, where no input decides it."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .operations import Graph, Op, Value
from .traits import Kind


class Repeated:
    """Finds such numbers, at the cost of scalars: nothing is made of its shape."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.known: dict[Value, np.ndarray | None] = {}

    def number(self, value: Value) -> np.ndarray | None:
        """The number, without axes; None where there is none or it is not told."""
        if value not in self.known:
            self.known[value] = None  # where a loop comes back to it
            maker = self.graph.makers.get(value)
            self.known[value] = (
                _constant(self.graph, value)
                if maker is None
                else self._made(maker, value)
            )
        return self.known[value]

    def _made(self, op: Op, value: Value) -> np.ndarray | None:
        operands = [self.number(i) for i in op.inputs]
        dtype = self.graph.types[value].dtype
        if op.traits.kind is Kind.PRODUCT and any(x == 0 for x in operands):
            return np.zeros((), dtype)
        known = [x for x in operands if x is not None]
        if op.traits.elementwise and op.equation and len(known) == len(operands):
            with jax.ensure_compile_time_eval():
                return np.asarray(op.bind(*known)[0])
        if op.traits.selects and not op.traits.pools:
            return _same(operands[op.traits.data])
        return None


def _same(numbers: Sequence[np.ndarray | None]) -> np.ndarray | None:
    return functools.reduce(lambda x, y: x if _equal(x, y) else None, numbers)


def _equal(x: np.ndarray | None, y: np.ndarray | None) -> bool:
    return x is not None and y is not None and bool(x == y)


def _constant(graph: Graph, value: Value) -> np.ndarray | None:
    held, kind = graph.constants.get(value), graph.types[value]
    is_key = jnp.issubdtype(kind.dtype, jax.dtypes.prng_key)
    if held is None or is_key or isinstance(held, Tracer):
        return None
    return repeated(np.asarray(held, kind.dtype))


def repeated(entries: np.ndarray) -> np.ndarray | None:
    """The number of an array that is there, if it repeats one."""
    is_one = entries.size and (entries == entries.flat[0]).all()
    return np.asarray(entries.flat[0]) if is_one else None
