"""What a pass over the data can scale: kernels, whole or one output unit at a time."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from .._core import warn
from .._graph import Graph, Kind, Link, Op, Value
from .._reading import copies, Layer, measurable, Model, unmeasured


Index = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Handle:
    """A parameter, or a part, to be scaled, and the layers whose output it scales.

    Attributes:
        leaf: The parameter's place among all.
        index: Which part of it, where it is a stack of several: for each axis, the
            place along it, or None for all.
        layers: The layers whose output is linear in it.
        alone: Whether that is one layer that no other parameter scales, so that it
            can be scaled in passing.
        loops: The parameter's axes of iterations, outermost first.
        units: Its axes of output units, in the order of the outputs; None if it can
            only be scaled as a whole.
        bias: The place of the parameter that is the bias, if one is, of its own.
        name: The first layer's name; the parameter's path where others join it in one
            kernel.
    """

    leaf: int
    index: Index
    layers: tuple[Layer, ...]
    alone: bool
    loops: tuple[int, ...]
    units: tuple[int, ...] | None
    bias: int | None
    name: str

    def onto(self, factor: jax.Array, shape: Sequence[int]) -> jax.Array:
        """Factors `(*loops, units or 1)`, to multiply the parameter with."""
        if self.units is None or factor.shape[-1] == 1:
            factor = placed(factor[..., 0], self.loops, shape)
        else:
            factor = placed(factor, (*self.loops, *self.units), shape)
        if all(i is None for i in self.index):
            return factor
        part = tuple(slice(None) if i is None else slice(i, i + 1) for i in self.index)
        return jnp.ones(shape, factor.dtype).at[part].set(factor)


def placed(x: jax.Array, axes: Sequence[int], shape: Sequence[int]) -> jax.Array:
    """Numbers that run over `axes` of `shape`, in that order, with their axes there."""
    order = sorted(range(len(axes)), key=axes.__getitem__)
    x = x.reshape([shape[k] for k in axes]).transpose(order)
    return x.reshape([n if k in axes else 1 for k, n in enumerate(shape)])


def handles(model: Model) -> tuple[Handle, ...]:
    """All that can be scaled, in the order of computation; warns of what can not."""
    unseen = unmeasured(model.graph, model.layers)
    if unseen:
        warn(
            "Layers inside a `while`, `cond` or `shard_map` are not scaled: their "
            f"outputs can not be seen. Got {', '.join(unseen)}.",
        )
    types, whole = model.graph.types, set()
    uses: dict[Value, list[tuple[Index, Layer]]] = {}
    for layer in model.layers:
        if measurable(model.graph, layer):
            kernel = layer.kernel.value
            for leaf in _scaled_leaves(model, kernel):
                if not jnp.issubdtype(types[leaf].dtype, jnp.inexact):
                    whole.add(model.paths[model.graph.inputs.index(leaf)])
                    continue
                index = _index(model, kernel, leaf)
                uses.setdefault(leaf, []).append((index, layer))
    if whole:
        names = ", ".join(sorted(whole))
        warn(f"Whole numbers are not scaled: no factor fits them. Got {names}.")
    layers: dict[tuple[Value, Index], list[Layer]] = {}
    for leaf, every in uses.items():
        # Parts along other axes overlap: then all is one.
        apart = len({tuple(i is None for i in index) for index, _ in every}) == 1
        for index, layer in every:
            part = index if apart else (None,) * len(index)
            layers.setdefault((leaf, part), []).append(layer)
    found = [_handle(model, *part, every) for part, every in layers.items()]
    return tuple(sorted(found, key=lambda each: model.layers.index(each.layers[0])))


def unit_axes(graph: Graph, layer: Layer) -> tuple[int, ...]:
    """The axes of a product along which its kernel has other entries."""
    op, kernel = layer.op, layer.kernel
    if op.name == "conv_general_dilated":
        return (op.params["dimension_numbers"].out_spec[1],)
    stacked, units = _stacked(op), len(kernel.out_axes)
    last = len(graph.types[op.outputs[0]].shape)
    end = stacked + units if op.inputs[0] == kernel.value else last
    return (*range(stacked), *range(end - units, end))


def _stacked(op: Op) -> int:
    """How many axes of a product, its first, are of kernels beside each other."""
    if op.name != "ragged_dot_general":
        return len(op.params["dimension_numbers"][1][0])
    numbers = op.params["ragged_dot_dimension_numbers"]
    contracted, batched = numbers.dot_dimension_numbers
    by_group = set(numbers.lhs_ragged_dimensions) <= set(contracted[0])
    return len(batched[0]) + by_group


def _handle(model: Model, leaf: Value, index: Index, layers: list[Layer]) -> Handle:
    facts, graph = model.facts, model.graph
    first, *more = layers
    kernel = first.kernel.value
    loops = _iteration_axes(model, kernel, leaf)
    own = facts.leaves[kernel] - facts.roots.get(kernel, frozenset()) <= {leaf}
    joined = len(_scaled_leaves(model, kernel)) > 1
    once = not more and len(loops) == len(model.times(first.op.outputs[0]))
    alone = own and once
    whole = joined or bool(more)
    place = graph.inputs.index(leaf)
    return Handle(
        place,
        index,
        tuple(layers),
        alone,
        loops if once else (),
        None if whole else _unit_axes_of_leaf(model, first, leaf, loops),
        _bias(model, first) if alone else None,
        model.paths[place] if joined else first.name,
    )


def _scaled_leaves(model: Model, value: Value) -> tuple[Value, ...]:
    """The parameters to scale, as one: those that a kernel is put together from."""
    graph, facts = model.graph, model.facts
    maker = graph.makers.get(value)
    parts = [i for i in maker.inputs if facts.fixed(i)] if maker else []
    if maker and (maker.traits.kind is Kind.JOIN or len(parts) == 1):
        every = (leaf for i in parts for leaf in _scaled_leaves(model, i))
        return tuple(dict.fromkeys(every))
    return (_scaled_leaf(model, value),)


def _scaled_leaf(model: Model, value: Value) -> Value:
    """The parameter to scale: of a normalized kernel not the direction but the gain."""
    facts = model.facts
    main = facts.main_leaf(value)
    normalized = facts.roots.get(value, frozenset())
    gains = sorted(facts.leaves[value] - normalized)
    return gains[0] if main in normalized and gains else main


def _index(model: Model, value: Value, leaf: Value) -> Index:
    """Which one of a stack of kernels a value is made of; None along all other axes."""
    facts, graph = model.facts, model.graph
    whole, shape = facts.axes.get(leaf), graph.types[leaf].shape
    while value in graph.makers:
        maker = graph.makers[value]
        value = next(i for i in maker.inputs if leaf in facts.leaves.get(i, ()))
        if maker.name == "slice" and facts.axes.get(value) == whole:
            part = graph.types[maker.outputs[0]].shape
            sizes = list(zip(maker.params["start_indices"], part, shape, strict=True))
            if all(n in {1, size} for _, n, size in sizes):
                return tuple(None if n == size else i for i, n, size in sizes)
    return (None,) * len(shape)


def _iteration_axes(model: Model, value: Value, leaf: Value) -> tuple[int, ...]:
    """The axes of a leaf that loops around a value take apart, outermost first."""
    facts, graph, axes = model.facts, model.graph, []
    while value in graph.makers:
        maker = graph.makers[value]
        value = next(i for i in maker.inputs if leaf in facts.leaves.get(i, ()))
        if maker.kind is Link.UNSTACK:
            axes += facts.axes[value].axes[0]
    return tuple(reversed(axes))


def _unit_axes_of_leaf(
    model: Model, layer: Layer, leaf: Value, loops: tuple[int, ...]
) -> tuple[int, ...] | None:
    graph, kernel = model.graph, layer.kernel
    shape = graph.types[leaf].shape
    units = _sizes(graph, layer)
    rest = tuple(i for i in range(len(shape)) if i not in loops)
    if layer.axes is None or layer.axes.leaf != leaf:  # a gain: one number per unit
        axes = rest
    else:
        inner = kernel.window_axes + kernel.in_axes
        outer = [i for i in range(len(layer.axes.axes)) if i not in inner]
        groups = [layer.axes.axes[i] for i in outer]
        axes = tuple(dict.fromkeys(k for group in groups for k in group))
    return axes if math.prod(shape[k] for k in axes) == math.prod(units) else None


def _bias(model: Model, layer: Layer) -> int | None:
    facts, graph = model.facts, model.graph
    axes = facts.axes.get(layer.bias) if layer.bias is not None else None
    if not axes or facts.leaves[axes.leaf] != {axes.leaf}:
        return None
    numbers = math.prod((*copies(graph, layer), *_sizes(graph, layer)))
    owners = [
        each
        for each in model.layers
        if each.bias is not None and axes.leaf in facts.leaves.get(each.bias, ())
    ]
    matches = graph.types[axes.leaf].size == numbers and len(owners) == 1
    return graph.inputs.index(axes.leaf) if matches else None


def _sizes(graph: Graph, layer: Layer) -> tuple[int, ...]:
    shape = graph.types[layer.op.outputs[0]].shape
    return tuple(shape[axis] for axis in unit_axes(graph, layer))
