"""Laws that depend on the layer of a stream, unrolled or stacked by a scan."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import Initializer
from .._model import Leaf, Selector
from .._reading import Row, Trace
from ..compose import scaled
from .recipe import UnfitError


def layer_numbers(leaf: Leaf, of: Row | None = None) -> np.ndarray:
    """The number of its layer, from 0, for each slice of a parameter.

    As an array that broadcasts to the parameter, or one number where it is of one
    layer: its branch, by its place in the stream, in layers of as many branches as
    there are for each that has no attention, or else two. `of` is a kernel of its
    branch, for what is no kernel itself.
    """
    row = of or leaf.row
    places = np.asarray(row.places)
    if not places.size:
        raise UnfitError(
            "the layer of each kernel in a residual branch",
            f"{leaf.path}, in none. Give it a rule of its own, before the recipe.",
        )
    numbers = places // _branches_per_layer(row, leaf.trace)
    axes = _stacked(leaf, numbers.size)
    return numbers.reshape(_spread(leaf.shape, axes)) if axes else numbers.min()


def by_layer(
    leaf: Leaf,
    law: Callable[[float], Initializer],
    stddev: Callable[[Any], Any],
    of: Row | None = None,
) -> Initializer:
    """The law of a standard deviation that depends on the number of the layer."""
    found = np.asarray(stddev(layer_numbers(leaf, of)))
    first = found.flat[0]
    alike = not found.ndim or (found == first).all()
    return law(float(first)) if alike else scaled(law(float(first)), found / first)


def twice_layers(leaf: Leaf) -> float:
    """2 L for a stream of L layers: its branches, if a layer has two."""
    return 2 * leaf.row.branches / _branches_per_layer(leaf.row, leaf.trace)


def _is_expert(leaf: Leaf) -> bool:
    by_layers = _stacked(leaf, len(leaf.row.places))
    copies = {*leaf.row.stack_axes} - {*by_layers}
    return leaf.row.is_kernel and leaf.row.branches > 0 and bool(copies)


experts = Selector("experts", _is_expert)


def _branches_per_layer(of: Row, trace: Trace) -> int:
    stream = [row for row in trace if row.branches == of.branches]
    attentions = {p for row in stream if row.attention for p in row.places}
    others = of.branches - len(attentions)
    if not attentions:
        return 2
    if not others:
        return 1
    return of.branches // others if of.branches % others == 0 else 2


def _stacked(leaf: Leaf, layers: int) -> tuple[int, ...]:
    """The axes along which a parameter has a slice for each of several layers."""
    axes = leaf.row.stack_axes if layers > 1 else ()
    groups = [(axis,) for axis in axes] + [axes[: i + 1] for i in range(len(axes))]
    sizes = lambda group: math.prod(leaf.shape[axis] for axis in group)
    return next((group for group in groups if sizes(group) == layers), ())


def _spread(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size if axis in axes else 1 for axis, size in enumerate(shape))
