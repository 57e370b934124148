"""The sizes of a check, and the batches that a model of each takes."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import jax

from ..._training import Batch, require_pairs


Over: TypeAlias = Literal["width", "depth", "batch"]


def require_task(where: str, sizes: Sequence[int], batches: Sequence[Any]) -> None:
    """Refuses what is no pair of inputs and targets, and what does not compare."""
    require_pairs(where, batches)
    if len(set(sizes)) < 2 or not batches:
        raise ValueError(
            f"`{where}` needs two or more sizes and a batch. Got sizes {sizes} and "
            f"{len(batches)} batches."
        )


def parted(where: str, batches: Sequence[Any], size: int, over: Over) -> list[Batch]:
    """The batches as a model of a size takes them, one per step.

    Where the size is that of batches, each is cut into parts of as many rows, so that
    all sizes see the same examples.
    """
    if over != "batch":
        return [(inputs, targets) for inputs, targets in batches]
    return [part for batch in batches for part in _parts(where, batch, size)]


def _parts(where: str, batch: Any, size: int) -> list[Batch]:
    rows = {x.shape[0] if getattr(x, "ndim", 0) else 0 for x in jax.tree.leaves(batch)}
    if len(rows) != 1 or 0 in rows or min(rows) % size:
        raise ValueError(
            f"`{where}` needs batches that can be cut into parts of each size: arrays "
            f"of as many rows, a multiple of {size}. Got {sorted(rows)} rows."
        )
    part = lambda i: jax.tree.map(lambda x: x[i : i + size], tuple(batch))
    return [part(i) for i in range(0, min(rows), size)]
