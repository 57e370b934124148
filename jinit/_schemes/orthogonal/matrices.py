"""Which matrices a kernel holds: what its axes mean to an orthogonal initializer."""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import jax

from ..._core import Axis, resolve_axes


AxesSetting: TypeAlias = int | Sequence[int]


class Matrices(NamedTuple):
    """The matrices of a kernel: an independent one per batch slice and group.

    Attributes:
        shape: The kernel's shape.
        batch: Axes of independent matrices.
        rows: Axes that together index the rows.
        columns: Axes that together index the columns of all groups.
        groups: Equal parts of the columns, each a matrix of its own.
    """

    shape: tuple[int, ...]
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    groups: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of each matrix."""
        return self._count(self.rows), self._count(self.columns) // self.groups

    @property
    def many(self) -> tuple[int, ...]:
        """How many there are, by batch axis and group."""
        return (*(self.shape[axis] for axis in self.batch), self.groups)

    def kernel(self, Q: jax.Array) -> jax.Array:
        """The kernel that holds the matrices Q, of shape `(*many, *size)`."""
        order = (*self.batch, *self.rows, *self.columns)
        # Groups stand side by side: (rows, groups, columns), and then as one axis.
        Q = Q.swapaxes(-3, -2).reshape([self.shape[axis] for axis in order])
        return Q.transpose([order.index(axis) for axis in range(len(order))])

    def _count(self, axes: tuple[int, ...]) -> int:
        return math.prod(self.shape[axis] for axis in axes)


def matrices(
    where: str,
    shape: tuple[int, ...],
    column_axis: Axis = -1,
    in_axis: AxesSetting | None = None,
    out_axis: AxesSetting | None = None,
    batch_axis: AxesSetting = (),
    groups: int = 1,
) -> Matrices:
    """Reads a kernel's axes, rows from the inputs and columns from the outputs.

    If only one of `in_axis` and `out_axis` is given, the other is what it leaves. Axes
    that are left by both join the rows, as the receptive field of a convolution does.
    """
    if len(shape) < 2:
        raise ValueError(
            f"`{where}` needs a shape of two or more axes, `(*spatial, in, out)`. "
            f"Got {shape}. For a bias, use `jinit.zeros`."
        )
    if in_axis is None and out_axis is None:
        out_axis = column_axis
    inputs, outputs, batch = resolve_axes(
        shape,
        () if in_axis is None else in_axis,
        () if out_axis is None else out_axis,
        batch_axis,
        where,
    )
    taken = {*inputs, *outputs, *batch}
    left = tuple(axis for axis in range(len(shape)) if axis not in taken)
    rows, columns = (inputs, left) if out_axis is None else (left + inputs, outputs)
    if not rows or not columns:
        raise ValueError(
            f"`{where}` needs an axis for the rows of each matrix and one for its "
            f"columns. Got rows {rows} and columns {columns} of {shape}, with batch "
            f"axes {batch}."
        )
    read = Matrices(shape, batch, rows, columns, groups)
    if read._count(columns) % groups:
        raise ValueError(
            f"`{where}` needs `groups` to divide the {read._count(columns)} columns of "
            f"{shape}. Got {groups}."
        )
    return read
