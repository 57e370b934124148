"""Single output units of a layer: which weights come in, and which go out."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._core import bare, is_typed_key, named_leaves, require_tree, shown
from .._reading import Row, Trace


Mask: TypeAlias = np.ndarray | jax.Array

_WHERE = "jinit.reinit"


def as_masks(
    leaves: Mapping[str, Any], units: Any, trace: Trace | None
) -> dict[str, Mask]:
    """By path, a mask that spreads over the leaf: True for the weights of its units.

    Args:
        leaves: The chosen leaves by path.
        units: A mask of output units for all of them, a tree of masks, or None for all.
        trace: What says which axes the units are, where it is given.
    """
    require_tree(_WHERE, "units", units)
    if any(is_typed_key(leaf) for leaf in jax.tree.leaves(units)):
        raise TypeError(f"`{_WHERE}` needs `units` to be masks. Got {shown(units)}.")
    if units is None:
        return {path: np.ones(leaf.shape, bool) for path, leaf in leaves.items()}
    given = named_leaves(units) if _is_tree(units) else dict.fromkeys(leaves, units)
    masks = {
        bare(path): mask if isinstance(mask, Tracer) else np.asarray(mask)
        for path, mask in given.items()
    }
    if {bare(path) for path in leaves} != masks.keys():
        raise ValueError(
            f"`{_WHERE}` needs a mask in `units` for each parameter that `where` "
            f"matches. Got {', '.join(given)} for {', '.join(leaves)}."
        )
    return {
        path: _spread(path, leaf.shape, masks[bare(path)], _made(path, leaf, trace))
        for path, leaf in leaves.items()
    }


def mixed(mask: Mask, leaf: Any, drawn: Any) -> Any:
    """The leaf, with the weights of the mask as drawn and all others to the bit."""
    chosen = jnp.where(mask, drawn, leaf)
    sharding = getattr(leaf, "sharding", None)
    named = isinstance(sharding, jax.sharding.NamedSharding)
    return jax.device_put(chosen, sharding) if named else chosen


def without_outgoing(
    leaves: Mapping[str, Any], masks: Mapping[str, Mask], trace: Trace | None
) -> dict[str, Any]:
    """The kernels that read these units, with the weights that read them at 0."""
    if trace is None:
        raise ValueError(
            f"`{_WHERE}` needs a trace for `outgoing`, to know which kernel is next. "
            "Got none. Give `trace=jinit.trace(model, *inputs)`."
        )
    rows = {bare(row.path): row for row in trace}
    paths = {bare(path): path for path in leaves}
    changed = {}
    for path, mask in masks.items():
        made = rows.get(bare(path))
        if made is None or not made.is_kernel:
            continue
        units = _units(mask, made)
        for reader in _readers(made, trace, len(units)):
            target = paths[bare(reader.path)]
            own = [
                -1 if i in (reader.in_axes or ()) else 1
                for i in range(len(reader.shape))
            ]
            leaf = changed.get(target, leaves[target])
            changed[target] = mixed(units.reshape(own), leaf, jnp.zeros_like(leaf))
    return changed


def _readers(made: Row, trace: Trace, units: int) -> Iterator[Row]:
    """The kernels that read the activation of a layer, axis for axis."""
    found = [row for row in trace if row.follows == made.path]
    read = lambda row: [row.shape[axis] for axis in row.in_axes or ()] == [units]
    if not found or not all(map(read, found)):
        raise ValueError(
            f"`{_WHERE}` needs a kernel that reads the units of {made.path} one for "
            "one, for `outgoing`. The trace has none: what reads them reads other "
            "layers too, or is reshaped. Set the outgoing weights to 0 yourself."
        )
    yield from found


def _units(mask: Mask, row: Row) -> Mask:
    """The mask over the output units of a kernel, of which there is one axis."""
    if row.out_axes is None or len(row.out_axes) != 1:
        raise ValueError(
            f"`{_WHERE}` needs a kernel with one axis of units for `outgoing`. Got "
            f"{row.path} {row.shape}."
        )
    others = tuple(axis for axis in range(mask.ndim) if axis not in row.out_axes)
    return mask.all(axis=others).reshape(-1)


def _made(path: str, leaf: Any, trace: Trace | None) -> tuple[int, ...]:
    """The axes of a leaf that are its units: the last where no trace says otherwise."""
    last = (leaf.ndim - 1,)
    if trace is None:
        return last
    row = next((row for row in trace if bare(row.path) == bare(path)), None)
    return last if row is None or not row.out_axes else row.out_axes


def _spread(
    path: str, shape: tuple[int, ...], mask: Mask, axes: tuple[int, ...]
) -> Mask:
    sizes = tuple(shape[axis] for axis in axes)
    if mask.dtype != bool or mask.shape not in {sizes, (int(np.prod(sizes)),)}:
        raise ValueError(
            f"`{_WHERE}` needs `units` to be a mask of True and False over the "
            f"{'×'.join(map(str, sizes))} output units of {path}. Got {mask.dtype} of "
            f"shape {mask.shape}. Give masks by path where layers differ in width."
        )
    over = [size if axis in axes else 1 for axis, size in enumerate(shape)]
    spread = jnp.broadcast_to if isinstance(mask, Tracer) else np.broadcast_to
    return spread(mask.reshape(sizes).reshape(over), shape)


def _is_tree(units: Any) -> bool:
    return not hasattr(units, "shape") and not (
        isinstance(units, list | tuple) and all(isinstance(x, bool) for x in units)
    )
