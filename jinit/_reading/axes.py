"""Where the axes of a parameter go: through transposes, reshapes, slices and loops."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from .._graph.elementwise import ELEMENTWISE
from .._graph.operations import Graph, Op
from .._graph.sweeps import sweep


@dataclasses.dataclass(frozen=True)
class Axes:
    """A value made of one parameter leaf: which leaf axes make up each of its own.

    `parts` says, of each axis, how many of its like lie on other devices as well. A
    value is `sliced` if it holds only a part of the leaf, such as one layer of a stack.
    """

    leaf: int
    axes: tuple[tuple[int, ...], ...]
    parts: tuple[int, ...]
    sliced: bool = False

    def pick(self, order: tuple[int | None, ...], sliced: bool = False) -> "Axes":
        """The same with its axes in another order; None stands for a new one."""
        return Axes(
            self.leaf,
            tuple(() if i is None else self.axes[i] for i in order),
            tuple(1 if i is None else self.parts[i] for i in order),
            self.sliced or sliced,
        )


def track(graph: Graph, leaves: Mapping[int, frozenset[int]]) -> dict[int, Axes]:
    """The axes of every value made of one leaf, or mainly of one: of its largest."""
    types = graph.types
    start = {
        i: Axes(i, tuple((k,) for k in range(types[i].ndim)), (1,) * types[i].ndim)
        for i in graph.inputs
        if leaves.get(i) == {i}
    }

    def rule(op: Op, known: dict[int, Axes]) -> Axes | None:
        found = [known[i] for i in op.inputs if i in known]
        if not found or leaves.get(op.outputs[0]) is None:
            return None
        main = max(found, key=lambda axes: types[axes.leaf].size)
        source = next(i for i in op.inputs if known.get(i) is main)
        return moved(graph, op, source, main)

    return sweep(graph, start, rule)


def moved(graph: Graph, op: Op, source: int, axes: Axes) -> Axes | None:
    """The axes of what an operation makes of its operand `source`, which has `axes`."""
    before, after = (graph.types[i].shape for i in (source, op.outputs[0]))
    every = tuple(range(len(before)))
    match op.name:
        case "transpose":
            return axes.pick(op.params["permutation"])
        case "reshape":
            return _reshaped(axes, before, after)
        case "squeeze":
            gone = op.params["dimensions"]
            return axes.pick(tuple(i for i in every if i not in gone))
        case "broadcast_in_dim":
            spread = op.params["broadcast_dimensions"]
            return axes.pick(
                tuple(
                    spread.index(i) if i in spread else None for i in range(len(after))
                )
            )
        case "stack" if op.equation:
            axis = op.params["axis"]
            return axes.pick((*every[:axis], None, *every[axis:]))
        case "unstack":
            return axes.pick(every[1:], sliced=True)
        case "slice" | "dynamic_slice":
            return axes.pick(every, sliced=before != after)
        case "gather":
            return _gathered(op, axes, len(after))
        case "shard":
            return dataclasses.replace(
                axes,
                parts=tuple(
                    graph.types[axes.leaf].shape[own[0]] // size if own else 1
                    for own, size in zip(axes.axes, after, strict=True)
                ),
            )
    same = op.name in ELEMENTWISE or op.equation is None or op.name in _KEEP
    return axes.pick(every) if same and len(before) == len(after) else None


_KEEP = {"concatenate", "copy", "pad", "rev", "sharding_constraint"}


def _reshaped(axes: Axes, before: tuple[int, ...], after: tuple[int, ...]) -> Axes:
    # Axes of both shapes are matched where the products of sizes agree.
    own: list[tuple[int, ...]] = []
    parts: list[int] = []
    i = j = 0
    while j < len(after):
        left, right, first_i, first_j = 1, after[j], i, j
        j += 1
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
            else:
                right, j = right * after[j], j + 1
        merged = tuple(k for group in axes.axes[first_i:i] for k in group)
        own += [merged] * (j - first_j)
        parts += [math.prod(axes.parts[first_i:i])] + [1] * (j - first_j - 1)
    return Axes(axes.leaf, tuple(own), tuple(parts), axes.sliced)


def _gathered(op: Op, axes: Axes, ndim: int) -> Axes:
    # The axes that are looked up lie where the indices put them.
    numbers: Any = op.params["dimension_numbers"]
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    # What is taken entry by entry is looked up, also where its axis stays.
    single = gone | {i for i, n in enumerate(op.params["slice_sizes"]) if n == 1}
    looked_up = tuple(k for i in sorted(single) for k in axes.axes[i])
    groups = ((() if i in single else group) for i, group in enumerate(axes.axes))
    kept = (group for i, group in enumerate(groups) if i not in gone)
    placed = (
        next(kept) if i in numbers.offset_dims else looked_up for i in range(ndim)
    )
    return Axes(axes.leaf, tuple(placed), (1,) * ndim, sliced=True)
