"""The rows of a trace, told from the uses of every parameter."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from .._graph import LayerIndex, Op, Value
from .layers import Layer
from .lookups import heads
from .made import shift_of
from .model import Model
from .parts import Part, read_parts
from .residuals import Closing
from .row import Row
from .uses import KERNELS, layer_use, main_use, slices_read, Use


def tell(model: Model, uses: Mapping[Value, Sequence[Use]]) -> tuple[Row, ...]:
    """One row for each parameter of a model, in the order of the tree.

    Args:
        model: The model.
        uses: The uses of each parameter by its number, in the order of computation.
    """
    first = sorted(uses, key=lambda leaf: model.graph.order[uses[leaf][0].op])
    order = {leaf: place for place, leaf in enumerate(first)}
    tied, parts, rows = heads(model, uses), read_parts(model), []
    for path, leaf in zip(model.paths, model.graph.inputs, strict=False):
        kind = model.graph.types[leaf]
        shape, dtype = tuple(kind.shape), np.dtype(kind.dtype)
        place = order.get(leaf)
        row = Row(path, shape, dtype, "unused", order=place, head=tied.get(leaf))
        row = _row(model, row, leaf, uses.get(leaf, ()))
        rows.append(_with_parts(model, row, uses.get(leaf, ()), parts))
    return tuple(rows)


def _row(model: Model, row: Row, leaf: Value, uses: Sequence[Use]) -> Row:
    if not uses:
        note = "no output depends on it" if leaf not in model.graph.outputs else ""
        return dataclasses.replace(row, note=note)
    row = _with_use(model, row, leaf, uses)
    use = layer_use(uses)
    if row.role == "embedding":
        row = dataclasses.replace(row, fan_in=1, fan_out=row.shape[-1])
    return (
        _with_axes(_with_layer(model, row, use, use.layer), use) if use.layer else row
    )


def _with_use(model: Model, row: Row, leaf: Value, uses: Sequence[Use]) -> Row:
    use = main_use(uses)
    every = set(range(len(row.shape)))
    own = {k for group in use.axes.axes for k in group} if use.axes else every
    sliced = use.axes is not None and use.axes.sliced
    is_table = use.role == "embedding"
    notes = [each.note for each in uses]
    later = list(dict.fromkeys(slices_read(uses)[1:]))
    if len(later) > 1:
        notes.append(f"its slices read {', '.join(map(str, later))}")
    row = dataclasses.replace(
        row,
        role=use.role,
        op=use.op.name,
        uses=1 if sliced else len({_once(model, each.op) for each in uses}),
        tied_to_head=is_table and any(each.role in KERNELS for each in uses),
        stack_axes=tuple(sorted(every - own)),
        note="; ".join(dict.fromkeys(filter(None, notes))),
    )
    if row.role in {"norm scale", "gate"}:
        shift = shift_of(model.graph, use.value, leaf)
        row = dataclasses.replace(row, shift=shift)
    if row.role in {"norm scale", "norm offset"}:
        row = _in_branch(row, None, model.flow.closed_by(use.op.outputs[0]))
        closes = row.closes_residual and row.role == "norm scale"
        return dataclasses.replace(row, closes_residual=closes)
    if row.role == "bias":
        owners = {layer.bias: layer.path for layer in model.layers}
        row = dataclasses.replace(row, kernel=owners.get(use.value))
    return row


def _once(model: Model, op: Op) -> Op:
    # The branches of one `cond` are one use.
    around = model.graph.loops.get(op.outputs[0], ())
    return next((each for each in around if each.body and each.body.is_choice), op)


def _with_layer(model: Model, row: Row, use: Use, layer: Layer) -> Row:
    kernel, reads, place = layer.kernel, layer.reads, layer.place
    row = dataclasses.replace(
        row,
        note="; ".join(filter(None, [row.note, reads.unclear])),
        depth=place.depth,
        activation=reads.activation,
        activation_name=reads.label,
        normalized=reads.normalization is not None,
        follows=None if reads.follows is None else model.layers[reads.follows].path,
        attention=_attention(model, layer),
        summed=_summed(reads.stream),
    )
    row = _in_branch(row, place.branch, place.closing)
    if row.role == "embedding":
        return row
    count = use.made.terms * use.made.kept
    return dataclasses.replace(
        row,
        multiple=use.made.multiple,
        fan_in=kernel.fan_in * count,
        fan_out=kernel.fan_out * count,
    )


def _with_parts(
    model: Model,
    row: Row,
    uses: Sequence[Use],
    parts: Mapping[LayerIndex, Part],
) -> Row:
    layer = layer_use(uses).layer if row.is_kernel else None
    if layer is None:
        return row
    own = (use.layer.place for use in uses if use.layer)
    branches = (place.closing or place.branch for place in own)
    places = tuple(place for each in branches if each for place in each.places)
    part = parts.get(model.flow.outputs[layer.output], "")
    return dataclasses.replace(row, places=places, part=part)


def _with_axes(row: Row, use: Use) -> Row:
    if use.axes is None or use.layer is None:
        return row
    kernel, axes = use.layer.kernel, use.axes.axes
    groups = [
        tuple(k for axis in own for k in axes[axis])
        for own in (kernel.window_axes, kernel.in_axes, kernel.out_axes)
    ]
    listed = [k for group in groups for k in group]
    if len(set(listed)) < len(listed):
        note = "a reshape mixes the axes of inputs and outputs"
        return dataclasses.replace(row, note="; ".join(filter(None, [row.note, note])))
    window, in_axes, out_axes = groups
    stack = tuple(k for k in range(len(row.shape)) if k not in listed)
    return dataclasses.replace(
        row,
        window_axes=window,
        in_axes=in_axes,
        out_axes=out_axes,
        stack_axes=stack,
    )


def _attention(model: Model, layer: Layer) -> Literal["", "scores", "values"]:
    place = layer.place
    if place.scores:
        return "scores"
    others = place.branch.layers if place.branch else ()
    return "values" if any(model.layers[i].place.scores for i in others) else ""


def _in_branch(row: Row, branch: Closing | None, closing: Closing | None) -> Row:
    branch = closing or branch
    return dataclasses.replace(
        row,
        closes_residual=closing is not None,
        branches=branch.branches if branch else 0,
        branch_layers=len(branch.layers) if branch else 0,
    )


def _summed(stream: Closing | None) -> float:
    # In a loop, half of what its iterations add is there on average.
    return (stream.first + stream.last) / 2 / stream.branches if stream else 0.0
