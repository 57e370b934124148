"""The shapes of a tree: of its arrays, or given as they are."""

import math
from typing import Any

import jax
import numpy as np

from .._core import shown


Shapes = list[tuple[int, ...]]


def _is_shape(value: Any) -> bool:
    whole = lambda size: isinstance(size, int | np.integer) and size >= 0
    return isinstance(value, tuple | list) and bool(value) and all(map(whole, value))


def shapes_of(where: str, tree: Any) -> tuple[Shapes, Any]:
    """The shapes in the order of the tree, and its structure."""
    leaves, structure = jax.tree.flatten(tree, is_leaf=_is_shape)
    odd = [each for each in leaves if not (_is_shape(each) or hasattr(each, "shape"))]
    if odd or not leaves:
        got = shown(odd[0]) if odd else "none"
        raise TypeError(f"`{where}` needs a tree of arrays or shapes. Got {got}.")
    shapes = [tuple(getattr(each, "shape", each)) for each in leaves]
    return shapes, structure


def is_thinned(shape: tuple[int, ...]) -> bool:
    """Whether an array is one of a layer's kernels; vectors stay dense."""
    return len(shape) > 1 and math.prod(shape) > 0
