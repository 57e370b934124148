"""Random masks with an exact number of weights left."""

import functools
import math
from typing import Any

import jax
import numpy as np

from .._core import (
    check,
    Fraction,
    Key,
    public,
    refuse_traced,
    require_tree,
    sampling,
    shown,
    Tree,
)
from .shapes import is_thinned, Shapes, shapes_of


_NAME = "jinit.sparsity.masks"


@public("jinit.sparsity")
def masks(tree: Tree, key: Key, density: Any) -> Any:
    """Random masks of a whole network, with an exact number of weights left.

    In each layer as many as its density says, rounded up or down to a whole number such
    that the total is the rounded sum; which ones is uniformly random.

    Args:
        tree: Arrays or their shapes, in any tree, such as the parameters of a model, or
            a list of shapes.
        key: The key to draw with.
        density: The fraction that is kept: a tree of numbers such as
            `jinit.sparsity.erk` returns, or a number for all kernels, which leaves
            vectors dense.

    Returns:
        The same tree, with a mask of True and False in the place of each array. Draw
        what is left by `jinit.sparsity.sparse_fans`.

    Raises:
        TypeError: If a tree holds something else, or the two do not fit together.
        ValueError: For a density outside [0, 1].

    Example:
        >>> import jax, jinit
        >>> shapes = [(784, 300), (300, 100), (100, 10)]
        >>> densities = jinit.sparsity.erk(shapes, 0.1)
        >>> masks = jinit.sparsity.masks(shapes, jax.random.key(0), densities)
        >>> sum(int(mask.sum()) for mask in masks)  # of 266,200
        26620
    """
    refuse_traced(_NAME, density)
    shapes, structure = shapes_of(_NAME, tree)
    counts = _counts(shapes, np.array(_densities(density, shapes, structure)))
    keys = jax.random.split(key, len(shapes))
    return jax.tree.unflatten(structure, [*map(_mask, keys, shapes, counts)])


def _densities(density: Any, shapes: Shapes, structure: Any) -> list[float]:
    """The density of each array; of one number for all, vectors are left dense."""
    require_tree(_NAME, "density", density)
    fraction = lambda each: check(_NAME, "density", Fraction, each)
    if jax.tree.structure(density) == jax.tree.structure(0):
        return [fraction(density) if is_thinned(shape) else 1.0 for shape in shapes]
    if jax.tree.structure(density) != structure:
        raise TypeError(
            f"`{_NAME}` needs `density` to be a number, or a tree of one for each "
            f"array. Got {shown(density)} for {len(shapes)} arrays."
        )
    return [fraction(each) for each in jax.tree.leaves(density)]


def _counts(shapes: Shapes, densities: np.ndarray) -> list[int]:
    """How many weights each array keeps: whole numbers, and their sum is as near."""
    counts = np.array([math.prod(shape) for shape in shapes])
    sparse = densities < 1
    before = np.cumsum([0, *(counts * densities)[sparse]])
    counts[sparse] = np.diff(np.floor(before + 0.5))
    return counts.tolist()


@functools.partial(jax.jit, static_argnames="shape")
def _mask(key: jax.Array, shape: tuple[int, ...], count: int) -> jax.Array:
    """True at `count` uniformly random places."""
    return sampling.chosen(key, (math.prod(shape),), count).reshape(shape)
