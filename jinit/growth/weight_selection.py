"""A small model's weights, picked out of a large one's."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core import named_arrays, public, replaced, require_entries, Tree
from .._model import chosen
from .units import Where


@public("jinit.growth")
def weight_selection(
    teacher: Tree,
    student: Tree,
    *,
    exclude: Where | None = None,
    stacked: Where | None = None,
) -> Any:
    """Weight selection: evenly spaced entries of a trained model's weights.

        w = W[i₁, i₂, …],   iⱼ = 0, s, 2s, …   if the sizes divide, s = large / small

                            iⱼ = 0, …, large − 1, evenly spaced and rounded, else

    The same entries in every layer, so that what was connected stays so. A model of the
    same family, such as the next size, is a better start than none at all; its function
    is not kept.

    Args:
        teacher: The trained weights.
        student: The weights, or shapes, of the small model. Its paths are among those
            of the teacher, so that it has the teacher's first layers.
        exclude: Which of its weights stay as they are, such as the head: a glob over
            paths or a condition, as in `jinit.reinit`.
        stacked: Which have an axis of layers in front, of which the first are taken.

    Returns:
        The student's tree, with entries of the teacher in the student's dtypes.

    Raises:
        ValueError: When a weight is missing in the teacher, has other axes there, or is
            larger in the student.
        TypeError: For trees with something other than arrays.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> teacher = {"w": jnp.arange(24.0).reshape(4, 6)}
        >>> student = {"w": jax.ShapeDtypeStruct((2, 4), "float32")}
        >>> jinit.growth.weight_selection(teacher, student)["w"].tolist()
        [[0.0, 2.0, 3.0, 5.0], [12.0, 14.0, 15.0, 17.0]]

    References:
        Xu, Chen, Vishniakov, Yin, Shen, Darrell, Liu, Liu. Initializing models with
        larger ones. ICLR 2024. https://arxiv.org/abs/2311.18823
    """
    where = "jinit.growth.weight_selection"
    require_entries(where, "teacher", teacher)
    large, small = named_arrays(teacher, where), named_arrays(student, where)
    spared, layered = (_those(where, small, each) for each in (exclude, stacked))
    missing = [path for path in small if path not in large and path not in spared]
    if missing:
        raise ValueError(
            f"`{where}` needs weights of the student that the teacher has too. Got "
            f"{', '.join(missing)}. Leave them out with `exclude`."
        )
    picked = {
        path: _picked(where, path, large[path], leaf, path in layered)
        for path, leaf in small.items()
        if path not in spared
    }
    return replaced(student, picked)


def _those(where: str, leaves: dict[str, Any], pattern: Where | None) -> set[str]:
    """The paths that a pattern matches, also where the leaves are shapes."""
    if pattern is None:
        return set()
    empty = lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape)
    stand_ins = {path: empty(leaf) for path, leaf in leaves.items()}
    return {*chosen(where, stand_ins, pattern, None)}


def _picked(where: str, path: str, leaf: Any, like: Any, is_stacked: bool) -> Any:
    if leaf.ndim != like.ndim or any(
        size > whole for size, whole in zip(like.shape, leaf.shape, strict=True)
    ):
        raise ValueError(
            f"`{where}` needs a student no larger than the teacher. Got {path} of "
            f"shape {tuple(like.shape)} and, in the teacher, {tuple(leaf.shape)}."
        )
    w = jnp.asarray(leaf)
    for axis, size in enumerate(like.shape):
        first = is_stacked and axis == 0
        places = np.arange(size) if first else evenly(leaf.shape[axis], size)
        w = jnp.take(w, places, axis)
    return w.astype(like.dtype)


def evenly(whole: int, size: int) -> np.ndarray:
    """`size` places among `whole`, as evenly spaced as they can be."""
    if not size or whole % size == 0:
        return np.arange(size) * (whole // max(size, 1))
    return np.round(np.linspace(0, whole - 1, size)).astype(int)
