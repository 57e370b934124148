"""The numbers that a model multiplies signals with: 1/√d of logits, √d of a table."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Set

import numpy as np

from .._graph import Graph, Op, uniform_values, Value


@dataclasses.dataclass(frozen=True, eq=False)
class Numbers:
    """What numbers a computation multiplies its signals with.

    Attributes:
        graph: The computation.
        data: The values that depend on data.
    """

    graph: Graph
    data: Set[Value]

    @functools.cached_property
    def uniform(self) -> Set[Value]:
        """The values that hold one fixed number."""
        return uniform_values(self.graph)

    def factor(self, op: Op) -> float:
        """The number that an operation multiplies its data with; 1 if it does not."""
        if not op.traits.scales:
            return 1.0
        numbers = (self._number(i) for i in op.data if i in self.uniform)
        factor = math.prod(numbers)
        return 1 / factor if op.kind == "div" and factor else factor

    def behind(self, op: Op) -> float:
        """What a result is multiplied with, before and after its bias."""
        (value,), scale = op.outputs, 1.0
        while len(readers := self.graph.readers.get(value, ())) == 1:
            (reader,) = readers
            if not self._passes(reader) and not self._adds(reader):
                break
            scale *= self.factor(reader)
            value = reader.outputs[0]
        return scale

    def before(self, value: Value) -> float:
        """What a signal was multiplied with, but for what is `behind` a product."""
        steps = [*self._steps(value)][::-1]
        maker = self.graph.makers.get(steps[0][0] if steps else value)
        counted = maker is not None and (maker.traits.is_layer or maker.traits.looks_up)
        scale = 1.0
        for source, step in steps:
            counted = counted and len(self.graph.readers[source]) == 1
            scale *= 1.0 if counted else self.factor(step)
        return scale

    def _steps(self, value: Value) -> Iterator[tuple[Value, Op]]:
        """What moves and scales a signal, from the last to the first, with its data."""
        maker = self.graph.makers.get(value)
        while maker and self._passes(maker):
            (value,) = (i for i in maker.data if i in self.data)
            yield value, maker
            maker = self.graph.makers.get(value)

    def _passes(self, op: Op) -> bool:
        """Whether it moves one signal, or multiplies it with a number."""
        fixed = [i for i in op.data if i not in self.data]
        scales = op.traits.scales and self.uniform >= {*fixed}
        one = len(op.data) - len(fixed) == 1 and len(op.outputs) == 1
        return one and op.equation is not None and (op.traits.moves or scales)

    def _adds(self, op: Op) -> bool:
        return op.traits.sums and sum(i in self.data for i in op.data) == 1

    def _number(self, value: Value) -> float:
        """The number that all entries are; 1 where it is not known before it is run."""
        while self.graph.types[value].size > 1 and value in self.graph.makers:
            value = self.graph.makers[value].inputs[0]
        known = self.graph.constant(value)
        return 1.0 if known is None else float(np.ravel(known)[0])
