"""The one number that every entry of a value is, where no input decides it."""

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
        is_product = op.traits.kind is Kind.PRODUCT
        if is_product and any(_constant(self.graph, i) == 0 for i in op.inputs):
            return np.zeros((), self.graph.types[value].dtype)
        if op.traits.elementwise and op.equation:
            evaluated = self._evaluated(op)
            return self._same(op) if evaluated is None else evaluated
        return self._same(op)

    def _evaluated(self, op: Op) -> np.ndarray | None:
        operands = self._numbers(op.inputs)
        if operands is None:
            return None
        with jax.ensure_compile_time_eval(), jax.transfer_guard("allow"):
            return np.asarray(op.bind(*operands)[0])

    def _same(self, op: Op) -> np.ndarray | None:
        """The number of all its operands, where it makes no other of them."""
        selects = op.traits.selects and not op.traits.pools
        operands = self._numbers(op.data) if selects else None
        if operands is None or any(x != operands[0] for x in operands):
            return None
        return operands[0]

    def _numbers(self, values: Sequence[Value]) -> list[np.ndarray] | None:
        found = []
        for value in values:
            number = self.number(value)
            if number is None:
                return None  # without a look at the others
            found.append(number)
        return found


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
