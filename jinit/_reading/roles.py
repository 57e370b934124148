"""What a parameter is for, told from the operations in which it meets the data."""

import dataclasses
from collections.abc import Iterator

from .._graph import Kind, Link, Op, upstream, Value
from .axes import LeafAxes, moved
from .layers import Layer
from .lookups import group_biases
from .made import adds, made_of
from .model import Model
from .uses import READ, Role, Use


class Roles:
    """The uses of every parameter of a model."""

    def __init__(self, model: Model):
        self.model, self.facts, self.graph = model, model.facts, model.graph
        self.layers = {layer.op: layer for layer in model.layers}
        self.needed = upstream(self.graph, self.graph.outputs)
        self.biases = {layer.bias: layer for layer in model.layers}
        self.dividing = set(model.facts.norms.values())
        self.by_group = set(group_biases(model))

    def uses(self) -> dict[Value, list[Use]]:
        """By parameter leaf, in the order of computation."""
        uses: dict[Value, list[Use]] = {}
        for leaf in self.facts.starts & {*self.graph.inputs}:
            reader = self.graph.readers[leaf][0]
            uses[leaf] = [Use(reader, leaf, "token", note=READ)]
        for op, value in self._meetings():
            for leaf in self.facts.leaves[value]:
                use = self._use(op, value, leaf)
                known = {each.role for each in uses.get(leaf, ())}
                if use.role == "norm offset" and "norm scale" in known:
                    continue  # γ in x · (γ / σ) + (β − mean · γ / σ)
                axes = self._axes(value, leaf)
                use = dataclasses.replace(use, axes=axes)
                uses.setdefault(leaf, []).append(use)
        return uses

    def _meetings(self) -> Iterator[tuple[Op, Value]]:
        for op in self.graph.steps:
            if self.needed.isdisjoint(op.outputs):
                continue
            if set(op.outputs) <= self.facts.data:
                for value in dict.fromkeys(i for i in op.inputs if self.facts.fixed(i)):
                    yield op, value

    def _use(self, op: Op, value: Value, leaf: Value) -> Use:
        others = [i for i in op.inputs if i in self.facts.data]
        layer = self.layers.get(op)
        if layer and layer.kernel.value == value:
            return self._kernel(layer, value, leaf)
        if op.traits.looks_up and op.inputs[0] == value:
            return self._looked_up(op, value)
        if op.traits.sums:
            return Use(op, value, self._added(op, value, leaf, others))
        if op.traits.scales:
            return Use(op, value, self._multiplied(op, value, leaf, others))
        if op.traits.joins or op.kind is Link.CARRY:
            return Use(op, value, "token")
        return Use(op, value, "unknown", note=f"meets the data in `{op.name}`")

    def _looked_up(self, op: Op, value: Value) -> Use:
        readers = self.graph.readers.get(op.outputs[0], ())
        slices = op.params.get("slice_sizes", ())
        if sum(n > 1 for n in slices) > 1 and any(r.traits.is_layer for r in readers):
            note = "a kernel that the data choose; its fans are not read"
            return Use(op, value, "unknown", note=note)
        return Use(op, value, "bias" if op in self.by_group else "embedding")

    def _kernel(self, layer: Layer, value: Value, leaf: Value) -> Use:
        joined = self._joined(value, leaf)
        main = leaf == self.facts.main_leaf(value) and value in self.facts.axes
        made = made_of(self.graph, self.facts.leaves, value, leaf)
        note = ""
        if made.through:
            note = f"the fans are those of what `{made.through}` makes of it"
        if made.kept < 1:
            note = f"a constant keeps {made.kept:.3g} of its entries"
        if joined and joined.traits.joins:
            note = f"one of several kernels in one `{layer.op.name}`"
        elif joined and self._is_factor(joined, value):
            note = "one factor of a kernel that is a product of parameters"
        elif joined and not main and not self._is_term(joined, leaf):
            note = f"part of the kernel of {layer.name}, through `{joined.name}`"
            role = "gate" if joined.traits.scales else "unknown"
            return Use(layer.op, value, role, note=note)
        elif made.terms > 1:
            note = f"one of {made.terms} kernels that are summed"
        use = Use(layer.op, value, "kernel", layer, made=made, note=note)
        if self._one_hot(layer.signal):
            note = "its signal is one-hot"
            return dataclasses.replace(use, role="embedding", note=note)
        return dataclasses.replace(use, role=self._kind(layer))

    def _kind(self, layer: Layer) -> Role:
        if layer.place.recurrent:
            return "recurrent kernel"
        if _is_head(self.model, layer):
            return "output head"
        kernel = layer.kernel
        shape = self.graph.types[kernel.value].shape
        per_group = [shape[axis] for axis in kernel.in_axes]
        depthwise = kernel.groups > 1 and per_group == [1]
        return "depthwise kernel" if depthwise else "kernel"

    def _axes(self, value: Value, leaf: Value) -> LeafAxes | None:
        found = self.facts.axes.get(value)
        if found is None or found.leaf == leaf:
            return found
        # Joined with others: as the one that stands for all, if nothing follows.
        joined = self._joined(value, leaf)
        if joined is None or not (joined.traits.joins or adds(joined)):
            return None
        whole = self.facts.axes.get(joined.outputs[0])
        parts = ((i, self.facts.axes.get(i)) for i in joined.inputs)
        own = [(i, axes) for i, axes in parts if axes and axes.leaf == leaf]
        if not own or whole is None or whole.axes != found.axes:
            return None
        return moved(self.graph, joined, *own[0])

    def _added(self, op: Op, value: Value, leaf: Value, others: list[Value]) -> Role:
        reads = self.graph.readers.get(op.outputs[0], ())
        norms = self.facts.norms
        if any(i in norms for i in others) or self._shifts_norm(others, reads):
            return "norm offset"
        if op.kind == "sub" and op.inputs[1] == value and self._stored(reads):
            return "norm statistic"
        if value in self.biases:
            return "bias"
        shape = self.graph.types[leaf].shape
        axes = self.facts.axes.get(value)
        own = {k for group in axes.axes for k in group} if axes else range(len(shape))
        return "bias" if sum(shape[k] > 1 for k in own) <= 1 else "positional"

    def _shifts_norm(self, others: list[Value], reads: tuple[Op, ...]) -> bool:
        # As in x · (γ / σ) + (β − mean · γ / σ).
        shifts = set(others) <= self.facts.averages.keys()
        norms = self.facts.norms
        return shifts and any(i in norms for op in reads for i in op.inputs)

    def _stored(self, reads: tuple[Op, ...]) -> bool:
        # (x − mean) / √variance with both from the parameters.
        dividing = (op for op in reads if op in self.dividing)
        return any(i in self.facts.roots for op in dividing for i in op.inputs)

    def _multiplied(
        self, op: Op, value: Value, leaf: Value, others: list[Value]
    ) -> Role:
        if leaf in self.facts.roots.get(value, ()):
            return "norm statistic"
        norms = self.facts.norms
        signal = any(i in norms or i in self.facts.averages for i in others)
        return "norm scale" if signal or value in self.facts.roots else "gate"

    def _joined(self, value: Value, leaf: Value) -> Op | None:
        """The operation in which a leaf, on its way to `value`, meets another leaf."""
        alone, first, waiting, met = frozenset({leaf}), None, [value], {value}
        leaves = self.facts.leaves
        while waiting:
            maker = self.graph.makers.get(waiting.pop())
            parts = [leaves.get(i, frozenset()) for i in maker.inputs] if maker else []
            if maker is None or not parts:
                continue
            if leaves[maker.outputs[0]] > alone and alone in parts:
                first = maker
            own = (i for i, p in zip(maker.inputs, parts, strict=True) if leaf in p)
            more = [i for i in own if i not in met]
            waiting += more
            met.update(more)
        return first

    def _is_factor(self, op: Op, value: Value) -> bool:
        # As in W + AB; but not where a product of parameters makes a norm of them.
        size = lambda i: self.graph.types[i].size
        product, parts = size(op.outputs[0]), [*map(size, op.data)]
        return op.traits.is_layer and product >= min(size(value), max(parts))

    def _is_term(self, op: Op, leaf: Value) -> bool:
        result, own = (self.graph.types[i].size for i in (op.outputs[0], leaf))
        return adds(op) and own >= result

    def _one_hot(self, signal: Value) -> bool:
        maker = self.graph.makers.get(signal)
        while maker and maker.traits.moves:
            maker = self.graph.makers.get(maker.inputs[0])
        return maker is not None and maker.traits.kind is Kind.EQUALITY


def _is_head(model: Model, layer: Layer) -> bool:
    """Whether the output of a layer becomes the model's, and gates nothing.

    A router's goes to the output too, but as a factor of what other layers made.
    """
    if not layer.place.last or layer.place.closing:
        return False
    graph, mine = model.graph, model.flow.outputs[layer.output]
    reached, waiting = {layer.output}, [layer.output]
    while waiting:
        for reader in graph.readers.get(waiting.pop(), ()):
            waiting += set(reader.outputs) - reached
            reached.update(reader.outputs)
    products = (s for s in graph.steps if not reached.isdisjoint(s.inputs))
    return not any(
        (step.traits.is_layer or step.traits.kind is Kind.PRODUCT)
        and any(model.flow.first.get(i, frozenset()) - {mine} for i in step.inputs)
        for step in products
    )
