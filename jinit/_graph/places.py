"""Where the axes of an operand lie in the result: transposes, reshapes, slices."""

import dataclasses
from collections.abc import Callable
from typing import Any


Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Placed:
    """Which axes of the operand make up each axis of the result; () for a new one.

    Axes that a reshape mixes are listed for each of the axes that they are mixed into.
    The result is `sliced` if it may hold only a part of the operand.
    """

    axes: tuple[tuple[int, ...], ...]
    sliced: bool = False


# Of the parameters of an operation, and the shapes of its operand and of its result.
Places = Callable[[Any, Shape, Shape], Placed | None]


def same(params: Any, before: Shape, after: Shape) -> Placed | None:
    """Every axis where it was; None where an operand is spread on the way."""
    return _picked(range(len(before))) if len(before) == len(after) else None


def part(params: Any, before: Shape, after: Shape) -> Placed:
    """A part along some axes."""
    return _picked(range(len(before)), sliced=before != after)


def permuted(params: Any, before: Shape, after: Shape) -> Placed:
    """A transpose."""
    return _picked(params["permutation"])


def squeezed(params: Any, before: Shape, after: Shape) -> Placed:
    """Without axes of size 1."""
    gone = params["dimensions"]
    return _picked(i for i in range(len(before)) if i not in gone)


def spread(params: Any, before: Shape, after: Shape) -> Placed:
    """With new axes, along which the operand is repeated."""
    old = params["broadcast_dimensions"]
    return _picked(old.index(i) if i in old else None for i in range(len(after)))


def stacked(params: Any, before: Shape, after: Shape) -> Placed:
    """One of several along a new axis."""
    every, axis = range(len(before)), params["axis"]
    return _picked((*every[:axis], None, *every[axis:]))


def unstacked(params: Any, before: Shape, after: Shape) -> Placed:
    """One of those along an axis, the first if it is a loop that goes over them."""
    axis = params.get("axis", 0)
    return _picked((i for i in range(len(before)) if i != axis), sliced=True)


def reshaped(params: Any, before: Shape, after: Shape) -> Placed:
    """Axes of both shapes are matched where the products of sizes agree."""
    own: list[tuple[int, ...]] = []
    i = j = 0
    while j < len(after):
        left, right, first_i, first_j = 1, after[j], i, j
        j += 1
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
            else:
                right, j = right * after[j], j + 1
        own += [tuple(range(first_i, i))] * (j - first_j)
    return Placed(tuple(own))


def gathered(params: Any, before: Shape, after: Shape) -> Placed:
    """The axes that are looked up lie where the indices put them."""
    numbers = params["dimension_numbers"]
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    # What is taken entry by entry is looked up, also where its axis stays.
    single = gone | {i for i, n in enumerate(params["slice_sizes"]) if n == 1}
    looked_up = tuple(sorted(single))
    kept = (() if i in single else (i,) for i in range(len(before)) if i not in gone)
    placed = (
        next(kept) if i in numbers.offset_dims else looked_up for i in range(len(after))
    )
    return Placed(tuple(placed), sliced=True)


def _picked(order: Any, sliced: bool = False) -> Placed:
    return Placed(tuple(() if i is None else (i,) for i in order), sliced)
