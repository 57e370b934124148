"""What a layer operation does with its kernel: which axes it sums, and both fans."""

import dataclasses
import math

from .._graph import Graph, Op, Value
from .axes import LeafAxes


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel as its operation reads it: `(*window, in, out)` under any layout.

    `fan_in` counts the products summed into one output entry, `fan_out` the products
    that one input entry takes part in, stride and dilation included. `groups` are those
    of a grouped convolution.
    """

    value: Value
    window_axes: tuple[int, ...]
    in_axes: tuple[int, ...]
    out_axes: tuple[int, ...]
    fan_in: float
    fan_out: float
    groups: int = 1


def read_kernel(
    graph: Graph, op: Op, position: int, axes: LeafAxes | None
) -> Kernel | None:
    """The kernel at operand `position` of a layer operation; None if `op` is none.

    `axes` tells which of its axes lie on several devices.
    """
    shape = tuple(graph.types[op.inputs[position]].shape)
    if axes is not None:
        shape = tuple(n * parts for n, parts in zip(shape, axes.parts, strict=True))
    kernel = _KERNELS.get(op.name)
    return kernel(graph, op, position, shape) if kernel else None


def _dense(_: Graph, op: Op, position: int, shape: tuple[int, ...]) -> Kernel:
    contracted, batched = op.params["dimension_numbers"]
    in_axes, batch_axes = tuple(contracted[position]), tuple(batched[position])
    out_axes = tuple(
        axis for axis in range(len(shape)) if axis not in in_axes + batch_axes
    )
    fan_in, fan_out = _size(shape, in_axes), _size(shape, out_axes)
    return Kernel(op.inputs[position], (), in_axes, out_axes, fan_in, fan_out)


def _ragged(
    graph: Graph, op: Op, position: int, shape: tuple[int, ...]
) -> Kernel | None:
    # Rows in groups meet the kernel of theirs, (groups, in, out); terms are summed by
    # group.
    numbers = op.params["ragged_dot_dimension_numbers"]
    contracted, batched = numbers.dot_dimension_numbers
    in_axes = tuple(map(int, contracted[position]))
    groups = numbers.rhs_group_dimensions if position else ()
    gone = {*in_axes, *map(int, (*batched[position], *groups))}
    out_axes = tuple(k for k in range(len(shape)) if k not in gone)
    fan_in, fan_out = _size(shape, in_axes), _size(shape, out_axes)
    parts = max(graph.types[op.inputs[2]].shape[-1], 1)
    if set(numbers.lhs_ragged_dimensions) <= set(contracted[0]):
        fan_in /= parts
    elif position == 0 and numbers.rhs_group_dimensions:
        fan_out /= parts  # a row of it meets what lies in one group
    return Kernel(op.inputs[position], (), in_axes, out_axes, fan_in, fan_out)


def _convolution(
    _: Graph, op: Op, position: int, shape: tuple[int, ...]
) -> Kernel | None:
    if position != 1:
        return None
    out_axis, in_axis, *window = op.params["dimension_numbers"].rhs_spec
    groups = op.params["feature_group_count"]
    taps = _size(shape, tuple(window))
    # A stride reads each input entry less often; a dilated input is mostly zeros.
    fan_in = taps * shape[in_axis] / math.prod(op.params["lhs_dilation"])
    parts = groups * op.params["batch_group_count"]
    fan_out = taps * shape[out_axis] / parts / math.prod(op.params["window_strides"])
    return Kernel(
        op.inputs[1], tuple(window), (in_axis,), (out_axis,), fan_in, fan_out, groups
    )


def _size(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return math.prod(shape[axis] for axis in axes)


_KERNELS = {
    "dot_general": _dense,
    "conv_general_dilated": _convolution,
    "ragged_dot_general": _ragged,
}
