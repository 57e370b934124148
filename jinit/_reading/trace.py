"""What a model's computation says about each of its parameters."""

import dataclasses
import difflib
import functools
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from .._core.text import aligned, rich_table
from .._frameworks import read
from .._graph.operations import Op
from .._graph.recognition import label
from .layers import Layer
from .model import Model, read_subject
from .residuals import Closing
from .roles import main_use, Roles, slices_read, Use
from .row import cells, HEAD, Row


@dataclasses.dataclass(frozen=True)
class Trace:
    """The rows of `jinit.trace`, one per parameter, in the order of the tree.

    Iterates over rows; `trace["params/Dense_0/kernel"]` is the row of that path.
    """

    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, path: str) -> Row:
        if path in self._by_path:
            return self._by_path[path]
        near = difflib.get_close_matches(path, self._by_path, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"`jinit.trace` has no parameter {path!r}.{hint}")

    @functools.cached_property
    def _by_path(self) -> dict[str, Row]:
        return {row.path: row for row in self.rows}

    @property
    def in_order(self) -> tuple[Row, ...]:
        """The rows in the order of computation, unused ones last."""
        last = len(self.rows)
        key = lambda row: last if row.order is None else row.order
        return tuple(sorted(self.rows, key=key))

    def diagram(self) -> str:
        """The stream from input to output as text, with what each layer reads."""
        from .diagram import draw

        return draw(self)

    def __str__(self) -> str:
        return aligned([HEAD, *map(cells, self.in_order)], left=3)

    def __rich__(self) -> Any:
        return rich_table(HEAD, map(cells, self.in_order), right=(3, 4, 5))


def trace(model: Any, *inputs: Any) -> Trace:
    """What a model's computation does with each parameter, read without running it.

    The roles, exact fans and activations are read from the jaxpr of the model: through
    jit, remat, scan, while, cond, vmap and shard_map, and along a parameter through
    reshape, transpose, cast, slice and concatenation. So they are right where a shape
    alone misleads: attention heads, experts, grouped and transposed convolutions,
    stacked layers. What can not be known, the row's note says.

    Args:
        model: A linen module; an NNX or Equinox module, or its constructor, a function
            of `rngs` or `key`; a Haiku transform; a Keras model on JAX; a pair
            `(apply, params)`; or an apply function, with its params as first input.
            Params may be shapes: nothing is allocated or run. Flags are as in training,
            but for `functools.partial(module, train=False)` and what a module itself
            says (`module.eval()`, `eqx.nn.inference_mode(module)`).
        *inputs: Arrays, shapes, or trees of them, as the model takes them.

    Returns:
        A `Trace`: print it, iterate over its rows, or index it by path. It has a row
        for every weight; what else a model holds (statistics, keys) has none.

    Raises:
        TypeError: When the model is of no known kind, or `params` or an input holds
            something other than arrays.
        ValueError: When the inputs do not fit the model.

    Example:
        >>> import flax.linen as nn, jax, jinit
        >>> model = nn.MultiHeadDotProductAttention(num_heads=8)
        >>> x = jax.ShapeDtypeStruct((2, 16, 256), "float32")
        >>> row = jinit.trace(model, x, x)["params/query/kernel"]
        >>> row.shape, row.role, row.fan_in  # jax's initializers take 8 · 256 for it
        ((256, 8, 32), 'kernel', 256)
    """
    return trace_of("jinit.trace", model, *inputs)


def trace_of(where: str, model: Any, *inputs: Any) -> Trace:
    """The trace of a model, for the public function `where`."""
    return trace_model(read_subject(where, read(where, model, None, inputs)))


def trace_model(model: Model) -> Trace:
    """The trace of a model already read."""
    graph, roles = model.graph, Roles(model.found)
    uses = roles.uses()
    first = sorted(uses, key=lambda leaf: graph.order[uses[leaf][0].op])
    order = {leaf: place for place, leaf in enumerate(first)}
    return Trace(
        tuple(
            _row(model, roles, path, leaf, uses.get(leaf, []), order.get(leaf))
            for path, leaf in zip(model.paths, graph.inputs, strict=False)
        )
    )


def _row(
    model: Model,
    roles: Roles,
    path: str,
    leaf: int,
    uses: list[Use],
    order: int | None,
) -> Row:
    kind = model.graph.types[leaf]
    row = Row(path, tuple(kind.shape), np.dtype(kind.dtype), "unused", order=order)
    if not uses:
        note = "no output depends on it" if leaf not in model.graph.outputs else ""
        return dataclasses.replace(row, note=note)
    use = main_use(uses)
    every = set(range(len(row.shape)))
    own = {k for group in use.axes.axes for k in group} if use.axes else every
    sliced = use.axes is not None and use.axes.sliced
    notes = [each.note for each in uses]
    later = list(dict.fromkeys(slices_read(uses)[1:]))
    if len(later) > 1:
        notes.append(f"its slices read {', '.join(map(str, later))}")
    row = dataclasses.replace(
        row,
        role=use.role,
        op=use.op.name,
        uses=1 if sliced else len({_once(model, each.op) for each in uses}),
        stack_axes=tuple(sorted(every - own)),
        note="; ".join(dict.fromkeys(filter(None, notes))),
    )
    if row.role == "bias" and use.value in roles.biases:
        row = dataclasses.replace(row, kernel=roles.biases[use.value].path)
    if row.role == "norm scale":
        row = _in_branch(row, None, model.found.closed_by(use.op.outputs[0]))
    use = use if use.layer else next((each for each in uses if each.layer), use)
    if row.role == "embedding":
        row = dataclasses.replace(row, fan_in=1, fan_out=row.shape[-1])
    return _with_layer(model, row, use, use.layer) if use.layer else row


def _once(model: Model, op: Op) -> Op:
    # The branches of one `cond` are one use.
    around = model.graph.loops.get(op.outputs[0], ())
    return next((each for each in around if each.body and each.body.is_choice), op)


def _with_layer(model: Model, row: Row, use: Use, layer: Layer) -> Row:
    kernel, axes, follows = layer.kernel, use.axes, layer.follows
    row = dataclasses.replace(
        row,
        note="; ".join(filter(None, [row.note, layer.unclear])),
        depth=layer.depth,
        activation=layer.reads,
        activation_name=label(layer.reads, layer.factors),
        normalized=layer.normalization is not None,
        follows=None if follows is None else model.layers[follows].path,
        attention=_attention(model, layer),
        summed=_summed(layer),
    )
    row = _in_branch(row, layer.branch, layer.closing)
    if row.role != "embedding":
        count = use.made.terms * use.made.kept
        row = dataclasses.replace(
            row,
            multiple=use.made.multiple,
            fan_in=kernel.fan_in * count,
            fan_out=kernel.fan_out * count,
        )
    if axes is None:
        return row
    groups = [
        tuple(k for axis in own for k in axes.axes[axis])
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
    if layer.scores:
        return "scores"
    others = layer.branch.layers if layer.branch else ()
    return "values" if any(model.layers[i].scores for i in others) else ""


def _in_branch(row: Row, branch: Closing | None, closing: Closing | None) -> Row:
    branch = closing or branch
    return dataclasses.replace(
        row,
        closes_residual=closing is not None,
        branches=branch.branches if branch else 0,
        branch_layers=len(branch.layers) if branch else 0,
    )


def _summed(layer: Layer) -> float:
    # In a loop, half of what its iterations add is there on average.
    if layer.stream is None:
        return 0.0
    return (layer.stream.first + layer.stream.last) / 2 / layer.stream.branches
