"""The meetings of a parameter with the data, and what it is for there."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Literal

from .._graph import Op, Value
from .axes import LeafAxes
from .layers import Layer
from .made import Made, UNCHANGED


Role = Literal[
    "kernel",
    "depthwise kernel",
    "recurrent kernel",
    "output head",
    "embedding",
    "bias",
    "norm scale",
    "norm offset",
    "norm statistic",
    "positional",
    "token",
    "gate",
    "unused",
    "unknown",
]
READ = "layers read it"  # the note of a token that is the signal of a layer
KERNELS = frozenset({"kernel", "depthwise kernel", "recurrent kernel", "output head"})


@dataclasses.dataclass(frozen=True)
class Use:
    """One meeting of a parameter with the data.

    Attributes:
        op: The operation.
        value: The operand that the parameter has become.
        role: What it is there.
        layer: The layer whose kernel it is, if any.
        axes: Where the axes of the parameter are in the operand, if known.
        made: What the kernel is of the parameter.
        note: What is special, or why the role is unknown.
    """

    op: Op
    value: Value
    role: Role
    layer: Layer | None = None
    axes: LeafAxes | None = None
    made: Made = UNCHANGED
    note: str = ""


def layer_use(uses: Sequence[Use]) -> Use:
    """The use that tells of a parameter's layer: the main one if that has a layer."""
    main = main_use(uses)
    return main if main.layer else next((use for use in uses if use.layer), main)


def main_use(uses: Sequence[Use]) -> Use:
    """The use that tells what a parameter is for, where it has several."""
    recurrent = [use for use in uses if use.role == "recurrent kernel"]
    kernels = [use for use in uses if use.role in KERNELS]
    if recurrent or uses[0].role == "embedding":
        return [*recurrent, uses[0]][0]
    names = slices_read(uses)
    if len(names) > 1:
        usual = statistics.mode(names[1:])  # the first slice may read the input
        return _slices(uses)[names.index(usual)]
    return [*kernels, uses[0]][0]


def slices_read(uses: Sequence[Use]) -> list[str | None]:
    """The activation that each slice of one parameter reads, if slices are kernels."""
    layers = [use.layer for use in _slices(uses)]
    return [layer.reads.label for layer in layers if layer]


def _slices(uses: Sequence[Use]) -> list[Use]:
    return [use for use in uses if use.layer and use.axes and use.axes.sliced]
