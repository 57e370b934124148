"""Signals that start from parameters or constants, where layers read no data.

Learned queries, a grid of positions that a small network makes a bias of, the code of a
hypernetwork: their layers are like any other, so what they start from counts as data.
A product of parameters that is used as a kernel, `x @ (u @ v)`, is none of these.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Set
from typing import Any

import numpy as np

from .._graph import Graph, is_elementwise, Kind, Link, Op, softened, sweep, Value
from .axes import followed


_STEPS = {"round", "sign", "floor", "ceil"}  # a kernel that is made coarser stays one


def find_starts(
    graph: Graph, leaves: Mapping[Value, frozenset[Value]], data: Set[Value]
) -> frozenset[Value]:
    """The parameters and constants that a signal starts from.

    Args:
        graph: The computation.
        leaves: Of every value made of parameters alone: of which.
        data: The values that depend on data.
    """
    return frozenset(_Starts(graph, leaves, data).found())


@dataclasses.dataclass(frozen=True, eq=False)
class _Starts:
    graph: Graph
    leaves: Mapping[Value, frozenset[Value]]
    data: Set[Value]

    def found(self) -> Iterator[Value]:
        reached = set[Value]()  # by the signals found so far
        for op in self.graph.steps:
            if not op.traits.is_layer or not self.leaves.keys() >= {*op.outputs}:
                continue
            position = None if reached.intersection(op.inputs) else self._signal(op)
            if position is not None and self._goes_on(op):
                start = self._start(op.data[position])
                if start is not None:
                    reached |= self._downstream({start, *op.outputs})
                    yield start

    def _downstream(self, values: Set[Value]) -> set[Value]:
        rule = lambda op, known: any(i in known for i in op.inputs) or None
        return set(sweep(self.graph, dict.fromkeys(values, True), rule))

    @functools.cached_property
    def own(self) -> Mapping[Value, frozenset[Value]]:
        """Of which parameters a value is made, in the first iteration of loops."""

        def rule(op: Op, own: dict[Value, frozenset[Value]]) -> frozenset[Value] | None:
            first = op.inputs[:1] if op.kind is Link.CARRY else op.inputs
            return frozenset().union(*(own.get(i, ()) for i in first)) or None

        leaves = (i for i in self.graph.inputs if i in self.leaves)
        return sweep(self.graph, {i: frozenset({i}) for i in leaves}, rule)

    @functools.cached_property
    def logits(self) -> Set[Value]:
        return softened(self.graph, set())

    def _signal(self, op: Op) -> int | None:
        """Which operand of a product of parameters is its signal, if one may be."""
        one, other = (self.own.get(i, frozenset()) for i in op.data[:2])
        if not one or not other:
            position = 0 if other else 1
            constant = self.graph.constant(op.data[position])
            return (
                None if constant is None or _mixes(op, position, constant) else position
            )
        if one & other:  # u uᵀ makes a kernel orthogonal
            return None
        if op.kind != "dot_general":
            return 0
        free = [self._free(op, position) for position in (0, 1)]
        if not all(free):
            return int(bool(free[0]))
        return 1 - self._features(op)

    def _free(self, op: Op, position: int) -> list[int]:
        contracted, batched = op.params["dimension_numbers"]
        gone = {*contracted[position], *batched[position]}
        ndim = self.graph.types[op.inputs[position]].ndim
        return [axis for axis in range(ndim) if axis not in gone]

    def _features(self, op: Op) -> int:
        """The operand whose axes the next product sums: that is the kernel."""
        batched = len(op.params["dimension_numbers"][1][0])
        marks = [frozenset[int]()] * batched
        for position in (0, 1):
            marks += [frozenset({position})] * len(self._free(op, position))
        carried = followed(self.graph, {op.outputs[0]: tuple(marks)})
        products = (step for step in self.graph.steps if step.kind == "dot_general")
        for step in products:
            contracted = step.params["dimension_numbers"][0]
            for value, axes in zip(step.inputs, contracted, strict=True):
                marks = carried.get(value) if step is not op else None
                summed = {m for k in axes for m in marks[k]} if marks else set[int]()
                if len(summed) == 1:
                    return summed.pop()
        return 1  # x @ w

    def _goes_on(self, op: Op) -> bool:
        """Whether what a product of parameters makes is a signal, and not a kernel.

        It is one before a function of each entry, where it is added to data or set
        beside them, and where it is compared with them, as queries are with keys.
        """
        found, waiting = {*op.outputs}, [*op.outputs]
        while waiting:
            value = waiting.pop()
            for reader in self.graph.readers.get(value, ()):
                if not self.data.isdisjoint(reader.outputs):
                    if not reader.traits.is_layer or self._compares(reader):
                        return True
                elif _bends(reader):
                    return True
                else:
                    waiting += {*reader.outputs} - found
                    found.update(reader.outputs)
        return False

    def _compares(self, op: Op) -> bool:
        """Whether a softmax of it weighs data."""
        if op.outputs[0] not in self.logits:
            return False
        found, waiting = {*op.outputs}, [*op.outputs]
        while waiting:
            for reader in self.graph.readers.get(waiting.pop(), ()):
                if reader.traits.is_layer:
                    if {*reader.data} <= self.data:
                        return True
                    continue
                waiting += {*reader.outputs} - found
                found.update(reader.outputs)
        return False

    def _start(self, signal: Value) -> Value | None:
        """The constant or main parameter that a signal starts from."""
        if signal not in self.own:
            return signal
        size = lambda i: (self.graph.types[i].size, self.graph.types[i].ndim)
        leaf = max(sorted(self.own[signal]), key=size)
        return None if self._is_kernel(leaf) else leaf

    def _is_kernel(self, leaf: Value) -> bool:
        """Whether data meet a parameter in a layer or look it up."""
        found, waiting = {leaf}, [leaf]
        while waiting:
            for reader in self.graph.readers.get(waiting.pop(), ()):
                meets = reader.traits.is_layer or reader.traits.looks_up
                if meets and not self.data.isdisjoint(reader.outputs):
                    return True
                if not reader.traits.is_layer:
                    new = {*reader.outputs} - found - self.data
                    waiting += new
                    found |= new
        return False


def _bends(op: Op) -> bool:
    """Whether it is a function of each entry, but for squares and roots of a norm."""
    norms = {Kind.POWER, Kind.ROOT}
    if op.traits.kind in norms or op.kind in _STEPS or op.traits.linear is not None:
        return False
    return is_elementwise(op)


def _mixes(op: Op, position: int, constant: Any) -> bool:
    """Whether a product with a constant only resizes, selects or averages."""
    if op.kind != "dot_general":
        return True
    contracted = op.params["dimension_numbers"][0][position]
    totals = np.sum(np.asarray(constant, np.float64), tuple(contracted))
    return bool(np.allclose(totals, 1, rtol=1e-3, atol=1e-3))
