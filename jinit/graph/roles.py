"""What a parameter is for, told from the operations in which it meets the data."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

from .axes import Axes
from .elementwise import MOVES
from .flow import upstream
from .graph import Op
from .kernels import LAYERS
from .layers import Layer, Layers
from .signals import SUMS


Role = Literal[
    "kernel",
    "depthwise kernel",
    "recurrent kernel",
    "output head",
    "embedding",
    "bias",
    "norm scale",
    "norm offset",
    "norm statistic",
    "positional",
    "token",
    "gate",
    "unused",
    "unknown",
]
KERNELS = frozenset({"kernel", "depthwise kernel", "recurrent kernel", "output head"})


def main_use(uses: "Sequence[Use]") -> "Use":
    """The use that tells what a parameter is for, where it has several."""
    recurrent = [use for use in uses if use.role == "recurrent kernel"]
    kernels = [use for use in uses if use.role in KERNELS]
    if recurrent or uses[0].role == "embedding":
        return [*recurrent, uses[0]][0]
    return [*kernels, uses[0]][0]


@dataclasses.dataclass(frozen=True)
class Use:
    """One meeting of a parameter with the data.

    Attributes:
        op: The operation.
        value: The operand that the parameter has become.
        role: What it is there.
        layer: The layer whose kernel it is, if any.
        axes: Where the axes of the parameter are in the operand, if known.
        note: What is special, or why the role is unknown.
    """

    op: Op
    value: int
    role: Role
    layer: Layer | None = None
    axes: Axes | None = None
    note: str = ""


class Roles:
    """The uses of every parameter of a model."""

    def __init__(self, found: Layers):
        self.found, self.graph = found, found.graph
        self.layers = {layer.op: layer for layer in found.layers}
        self.needed = upstream(self.graph, self.graph.outputs)
        self.biases = {layer.bias: layer for layer in found.layers}
        self.dividing = set(found.norms.values())

    def uses(self) -> dict[int, list[Use]]:
        """By parameter leaf, in the order of computation."""
        uses: dict[int, list[Use]] = {}
        for op, value in self._meetings():
            for leaf in self.found.leaves[value]:
                use = self._use(op, value, leaf)
                axes = self._axes(value, leaf)
                use = dataclasses.replace(use, axes=axes)
                uses.setdefault(leaf, []).append(use)
        return uses

    def _meetings(self) -> Iterator[tuple[Op, int]]:
        for op in self.graph.steps:
            if self.needed.isdisjoint(op.outputs):
                continue
            if self.found.data.issuperset(op.outputs):
                for value in dict.fromkeys(i for i in op.inputs if self.found.fixed(i)):
                    yield op, value

    def _use(self, op: Op, value: int, leaf: int) -> Use:
        others = [i for i in op.inputs if i in self.found.data]
        layer = self.layers.get(op)
        if layer and layer.kernel.value == value:
            return self._kernel(layer, value, leaf)
        if op.name in {"gather", "dynamic_slice"} and op.inputs[0] == value:
            return self._looked_up(op, value)
        if op.name in SUMS:
            return Use(op, value, self._added(op, value, leaf, others))
        if op.name in {"mul", "div"}:
            return Use(op, value, self._multiplied(op, value, leaf, others))
        if op.name in {"concatenate", "select_n", "carry", "dynamic_update_slice"}:
            return Use(op, value, "token")
        return Use(op, value, "unknown", note=f"meets the data in `{op.name}`")

    def _looked_up(self, op: Op, value: int) -> Use:
        readers = self.graph.readers.get(op.outputs[0], ())
        slices = op.params.get("slice_sizes", ())
        if sum(n > 1 for n in slices) > 1 and any(r.name in LAYERS for r in readers):
            note = "a kernel that the data choose; its fans are not read"
            return Use(op, value, "unknown", note=note)
        return Use(op, value, "embedding")

    def _kernel(self, layer: Layer, value: int, leaf: int) -> Use:
        joined = self._joined(value, leaf)
        main = leaf == self.found.main_leaf(value) and value in self.found.axes
        note = ""
        if joined and joined.name == "concatenate":
            note = f"one of several kernels in one `{layer.op.name}`"
        elif joined and not main:
            if not self._is_factor(joined, value):
                note = f"part of the kernel of {layer.name}, through `{joined.name}`"
                return Use(layer.op, value, "gate", note=note)
            note = "one factor of a kernel that is a product of parameters"
        if self._one_hot(layer.signal):
            return Use(
                layer.op, value, "embedding", layer, note="its signal is one-hot"
            )
        if layer.recurrent:
            return Use(layer.op, value, "recurrent kernel", layer, note=note)
        if self.found.is_head(layer):
            return Use(layer.op, value, "output head", layer, note=note)
        kernel = layer.kernel
        per_group = [self.graph.types[value].shape[axis] for axis in kernel.in_axes]
        depthwise = kernel.groups > 1 and per_group == [1]
        role = "depthwise kernel" if depthwise else "kernel"
        return Use(layer.op, value, role, layer, note=note)

    def _axes(self, value: int, leaf: int) -> Axes | None:
        found = self.found.axes.get(value)
        if found is None or found.leaf == leaf:
            return found
        # Concatenated with others: as the one that stands for all, if nothing follows.
        joined = self._joined(value, leaf)
        if joined is None or joined.name != "concatenate":
            return None
        whole = self.found.axes.get(joined.outputs[0])
        parts = (self.found.axes.get(i) for i in joined.inputs)
        own = next((axes for axes in parts if axes and axes.leaf == leaf), None)
        return own if whole and whole.axes == found.axes else None

    def _added(self, op: Op, value: int, leaf: int, others: list[int]) -> Role:
        reads = self.graph.readers.get(op.outputs[0], ())
        norms = self.found.norms
        if self._stored(reads) and not any(i in norms for i in others):
            return "norm statistic"
        if any(i in norms for i in others):
            return "norm offset"
        if value in self.biases:
            return "bias"
        shape = self.graph.types[leaf].shape
        axes = self.found.axes.get(value)
        own = {k for group in axes.axes for k in group} if axes else range(len(shape))
        return "bias" if sum(shape[k] > 1 for k in own) <= 1 else "positional"

    def _stored(self, reads: tuple[Op, ...]) -> bool:
        # (x − mean) / √variance with both from the parameters.
        dividing = (op for op in reads if op in self.dividing)
        return any(i in self.found.roots for op in dividing for i in op.inputs)

    def _multiplied(self, op: Op, value: int, leaf: int, others: list[int]) -> Role:
        if leaf in self.found.roots.get(value, ()):
            return "norm statistic"
        norms = self.found.norms
        signal = any(i in norms or i in self.found.averages for i in others)
        return "norm scale" if signal or value in self.found.roots else "gate"

    def _joined(self, value: int, leaf: int) -> Op | None:
        """The operation in which a leaf, on its way to `value`, meets another leaf."""
        alone, first, waiting = frozenset({leaf}), None, [value]
        leaves = self.found.leaves
        while waiting:
            maker = self.graph.makers.get(waiting.pop())
            parts = [leaves.get(i, frozenset()) for i in maker.inputs] if maker else []
            if maker is None or not parts:
                continue
            if leaves[maker.outputs[0]] > alone and alone in parts:
                first = maker
            waiting += [
                i for i, p in zip(maker.inputs, parts, strict=True) if leaf in p
            ]
        return first

    def _is_factor(self, op: Op, value: int) -> bool:
        # As in W + AB; but not where a product of parameters makes a norm of them.
        product, kernel = (self.graph.types[i].size for i in (op.outputs[0], value))
        return op.name == "dot_general" and product >= kernel

    def _one_hot(self, signal: int) -> bool:
        maker = self.graph.makers.get(signal)
        while maker and maker.name in MOVES:
            maker = self.graph.makers.get(maker.inputs[0])
        return maker is not None and maker.name == "eq"
