"""Muon, which makes the updates of matrices orthogonal, and its learning rates."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax

from ..._core import require
from ..._reading import Row
from .optimizers import named_paths
from .parameters import Parameter
from .width import Width


DIMENSIONS = "muon_weight_dimension_numbers"


def dimensions(parameter: Parameter) -> Any:
    """The axes that Muon reads as a matrix; None for what it leaves to Adam."""
    contrib = require("Mup.muon_dimensions", "optax.contrib")
    row = parameter.row
    if row is None:
        return contrib.MuonDimensionNumbers(-2, -1) if parameter.is_kernel else None
    if not _is_matrix(row) or row.part == "router":
        return None
    inputs = (*(row.window_axes or ()), *(row.in_axes or ()))
    return contrib.MuonDimensionNumbers(inputs, row.out_axes)


def _is_matrix(row: Row) -> bool:
    roles = {"kernel", "recurrent kernel"}
    return row.role in roles and bool(row.in_axes and row.out_axes)


def default_dimensions(shape: tuple[int, ...]) -> Any:
    """What optax takes where it is told nothing: matrices are (in, out)."""
    contrib = require("Mup.optimizer", "optax.contrib")
    return contrib.MuonDimensionNumbers() if len(shape) == 2 else None


def rate(width: Width, numbers: Any, consistent_rms: Any) -> float:
    """What the learning rate is multiplied by, so that updates have the right norm.

    That is √(fan_out / fan_in), as of a kernel; optax's own factors of the shape, or of
    `consistent_rms`, are part of it.
    """

    def own(shape: tuple[int, ...]) -> float:
        n_in, n_out = (_size(shape, axes) for axes in numbers)
        if consistent_rms is not None:
            return math.sqrt(max(n_in, n_out))
        return math.sqrt(max(1.0, n_out / n_in))

    wanted = math.sqrt(width.n_out / width.n_in)
    return width.scaling.muon * wanted * own(width.base) / own(width.shape)


def _size(shape: tuple[int, ...], axes: int | tuple[int, ...]) -> int:
    axes = (axes,) if isinstance(axes, int) else axes
    return math.prod(shape[axis] for axis in axes)


def by_path(numbers: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Dimension numbers for any part of the parameters, as optax takes them."""
    return lambda params: jax.tree.map(numbers.__getitem__, named_paths(params))
