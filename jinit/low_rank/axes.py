"""Which matrices a weight holds: its axes as stacked layers, inputs and outputs."""

import math
from typing import NamedTuple

import jax


class Matrices(NamedTuple):
    """How a weight is read as matrices `(*stack, in, out)`, and written back.

    Attributes:
        shape: The weight's shape.
        stack: Axes of independent matrices, such as scanned layers.
        rows: Axes that together are the inputs: all that is summed.
        columns: Axes that together are the outputs.
    """

    shape: tuple[int, ...]
    stack: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def _order(self) -> tuple[int, ...]:
        return (*self.stack, *self.rows, *self.columns)

    @property
    def size(self) -> tuple[int, ...]:
        """The shape as matrices."""
        count = lambda axes: math.prod(self.shape[axis] for axis in axes)
        stack = (self.shape[axis] for axis in self.stack)
        return (*stack, count(self.rows), count(self.columns))

    @property
    def is_plain(self) -> bool:
        """Whether the weight is such matrices as it is."""
        return self._order == (*range(len(self.shape)),) and self.size == self.shape

    def read(self, w: jax.Array) -> jax.Array:
        """The matrices of a weight."""
        return w.transpose(self._order).reshape(self.size)

    def write(self, matrices: jax.Array) -> jax.Array:
        """The weight of these matrices."""
        apart = matrices.reshape([self.shape[axis] for axis in self._order])
        return apart.transpose([self._order.index(i) for i in range(len(self.shape))])
