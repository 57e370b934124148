"""What there is to say of one parameter."""

import dataclasses
import math
from typing import Any, Literal

import numpy as np

from .._core import digits, sizes
from .._graph import Activation, Told, told
from .lookups import Head
from .parts import Part
from .uses import KERNELS, Role


@dataclasses.dataclass(frozen=True)
class Row:
    """What one parameter is and what its computation does with it.

    Attributes:
        path: Its path in the tree: `params/Dense_0/kernel`.
        shape: Its shape.
        dtype: Its dtype.
        role: Its role: "kernel", "depthwise kernel", "recurrent kernel", "output head",
            "embedding", "bias", "norm scale", "norm offset", "norm statistic" (of a
            batch norm after training), "positional" (added by position), "token" (put
            among the data), "gate" (a multiplier), "unused" or "unknown".
        op: The operation in which it meets the data, such as `dot_general`.
        fan_in: Of a kernel, the terms summed into one entry of the result, those of
            kernels that are added to it included; of an embedding, 1. None for other
            roles.
        fan_out: The entries of the result that one input entry takes part in.
        window_axes: The axes of a convolution's window.
        in_axes: The axes that are summed, but for the window.
        out_axes: The axes that the result keeps. All axes are those of the parameter;
            None where a reshape has mixed them.
        stack_axes: Axes of independent copies: scanned layers, experts, positions.
        stack: The sizes of these.
        multiple: Of a kernel, the number that it is multiplied by before it is used, as
            1/16 in `x @ (w / 16)`. Entries that a constant mask leaves out do not
            count, and are in neither fan.
        shift: Of a norm scale or a gate, the number that is added to it before it is
            used, as the 1 in `x * (1 + scale)`.
        uses: How often it meets the data; above 1 it is tied.
        tied_to_head: Of an embedding, whether it is the kernel of a layer as well.
        head: Of such an embedding, that head; of one whose entries are added to those
            of such an embedding, the same.
        order: The place of its first use among all parameters, from 0; None if unused.
        depth: Layers on the longest way to its own, itself included.
        activation: The function that made the signal a kernel reads, as a callable: the
            identity if there is none, None where it is no function of one signal or of
            the two of a gated pair.
        activation_name: Its name; "other" if it has none.
        normalized: Whether that signal, before the activation, was normalized.
        follows: The path of the one kernel whose layer's activation the signal is, axis
            for axis; None where there is no such layer.
        kernel: Of a bias, the path of the kernel whose product it is added to.
        attention: "scores" if its layer makes queries or keys, "values" if another
            layer of such a residual branch, else "".
        closes_residual: Whether its layer, or the norm that it is of, ends a residual
            branch.
        branches: How many branches the stream sums whose branch it is in; 0 if in none.
        branch_layers: How many layers that branch has.
        places: Where that branch stands in its stream, from 0: one number for each turn
            of the loop around it, or use of the parameter.
        part: What the kernel is for in that branch: in φ(a) b "gate" makes a, "up" b
            and "gate and up" both; a "router" weighs others; an "end" is the last, but
            for a norm. Else "".
        summed: The share of its stream's branches that a kernel's signal holds already:
            0 at its start or after a normalization, 1 at its end.
        note: What else there is to know, and why where something is unknown.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    role: Role
    op: str | None = None
    fan_in: float | None = None
    fan_out: float | None = None
    window_axes: tuple[int, ...] | None = None
    in_axes: tuple[int, ...] | None = None
    out_axes: tuple[int, ...] | None = None
    stack_axes: tuple[int, ...] = ()
    multiple: float = 1.0
    shift: float = 0.0
    uses: int = 0
    tied_to_head: bool = False
    head: Head | None = None
    order: int | None = None
    depth: int | None = None
    activation: Activation | Told | None = dataclasses.field(
        default=None, compare=False
    )
    activation_name: str | None = None
    normalized: bool = False
    follows: str | None = None
    kernel: str | None = None
    attention: Literal["", "scores", "values"] = ""
    closes_residual: bool = False
    branches: int = 0
    branch_layers: int = 0
    places: tuple[int, ...] = ()
    part: Part = ""
    summed: float = 0.0
    note: str = ""

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"activation": told(self.activation)}

    def __copy__(self) -> "Row":
        return self

    def __deepcopy__(self, memo: Any) -> "Row":
        return self

    @property
    def stack(self) -> tuple[int, ...]:
        """The sizes of the stacked axes."""
        return tuple(self.shape[axis] for axis in self.stack_axes)

    @property
    def tied(self) -> bool:
        """Whether the parameter is used more than once."""
        return self.uses > 1

    @property
    def is_kernel(self) -> bool:
        """Whether it is a kernel of any kind."""
        return self.role in KERNELS


HEAD = ("parameter", "role", "shape", "stack", "fan_in", "fan_out", "reads", "remarks")


def cells(row: Row) -> tuple[str, ...]:
    """A row under `HEAD`."""
    remarks = [
        "" if math.isclose(row.multiple, 1) else f"times {digits(row.multiple)}",
        "normalized" if row.normalized else "",
        f"closes 1 of {row.branches} branches" if row.closes_residual else "",
        f"used {row.uses} times" if row.tied else "",
        row.note,
    ]
    return (
        row.path,
        row.role,
        sizes(row.shape) or "scalar",
        sizes(row.stack),
        count(row.fan_in),
        count(row.fan_out),
        row.activation_name or "",
        "; ".join(filter(None, remarks)),
    )


def count(value: float | None) -> str:
    """A fan as text: a whole number where it is one."""
    return digits(value, 6, "")
