"""The units of one layer: which weights make them, and which read them."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp

from .._model import chosen, Leaf, Selector
from .._reading import Trace


Where: TypeAlias = str | Selector | Callable[[Leaf], bool]


class Units(NamedTuple):
    """Weights by path, and the axis of each that counts the units of one layer.

    Attributes:
        leaves: The weights, those that make the units and those that read them.
        makes: The axis of the units in what makes them: kernel, bias, norm scale.
        reads: Their axis in the kernels that read them.
        width: How many there are.
    """

    leaves: dict[str, Any]
    makes: dict[str, int]
    reads: dict[str, int]
    width: int


def units_of(
    where: str, tree: Any, incoming: Where, outgoing: Where, trace: Trace | None
) -> Units:
    """The units that `incoming` weights make and `outgoing` ones read, one for one."""
    made, read = (chosen(where, tree, each, trace) for each in (incoming, outgoing))
    makes = {path: _axis(where, path, leaf, trace, 1) for path, leaf in made.items()}
    reads = {path: _axis(where, path, leaf, trace, 2) for path, leaf in read.items()}
    sizes = {f"{path} has {made[path].shape[axis]}" for path, axis in makes.items()}
    sizes |= {f"{path} reads {read[path].shape[axis]}" for path, axis in reads.items()}
    counts = {each.rpartition(" ")[2] for each in sizes}
    if len(counts) != 1:
        raise ValueError(
            f"`{where}` needs weights that make units and weights that read them one "
            f"for one. Got: {', '.join(sorted(sizes))}. A kernel that reads several "
            "layers, or units that were reshaped, you widen yourself."
        )
    return Units(made | read, makes, reads, int(counts.pop()))


def _axis(where: str, path: str, leaf: Any, trace: Trace | None, end: int) -> int:
    """The axis of the units: what the trace says, or else counted from the end."""
    row = trace.find(path) if trace else None
    found = None if row is None else (row.out_axes if end == 1 else row.in_axes)
    if found and len(found) > 1:
        raise ValueError(
            f"`{where}` needs weights with one axis of units. Got {path} of shape "
            f"{tuple(leaf.shape)} with the axes {found}."
        )
    if not found and leaf.ndim < end:
        raise ValueError(
            f"`{where}` needs kernels that read the units. Got {path} of shape "
            f"{tuple(leaf.shape)} among them."
        )
    return found[0] if found else leaf.ndim - end


def beside(leaf: Any, new: Any, axis: int) -> Any:
    """A weight with new units behind those that it has."""
    return jnp.concatenate([jnp.asarray(leaf), new.astype(leaf.dtype)], axis)
