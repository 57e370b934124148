"""The layers of a computation: which operations use a parameter as a kernel.

A layer is a product of a kernel, which comes from parameters alone, with a signal,
which comes from the data. Because layers are found in the jaxpr, a linen module, an NNX
module, an Equinox module and a plain function all look the same, and none needs hooks.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence, Set

from .._core.trees import bare_paths
from .._graph.bodies import Link
from .._graph.elementwise import Activation, uniform_values
from .._graph.operations import Graph, Op
from .._graph.places import permuted
from .._graph.sweeps import (
    compared,
    data_values,
    depths,
    nearest,
    normalized,
    parameter_leaves,
    rooted,
    statistics,
)
from .._graph.traits import Kind
from .axes import LeafAxes, track
from .following import Feed, Following
from .kernels import Kernel, read_kernel
from .residuals import Closing, find_closings
from .signals import read_signals


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One layer: `output = signal · kernel + bias`, each a value's number in the graph.

    Attributes:
        name: The layer, by its module's path.
        path: The path of its kernel.
        op: The product.
        signal: What it reads.
        kernel: The kernel, with its fans.
        axes: Where the axes of the kernel leaf are in the kernel; None if unknown.
        bias: What is added to the product, if anything.
        output: The pre-activation: the product with its bias.
        first: What it reads; in a loop, in the first iteration.
        later: What it reads in later iterations.
        reads: The activation that made the signal; see `Signals.activation`.
        unclear: Why there is no such activation, if so.
        factors: The two functions that `reads` multiplies, if it does.
        normalization: The operation that normalizes what `reads` starts from, if any.
        activation: The one function that follows the output, if there is one.
        last: Whether no layer follows.
        follows: The number of the one layer before it if the signal is, axis for axis,
            that layer's activation.
        depth: Its number on the longest way from the input, from 1.
        recurrent: Whether the kernel reads what it made itself, one step before.
        closing: The residual branch that it ends, if any.
        branch: The residual branch that it is in, the innermost of several.
        stream: The branches that are summed in what it reads, if that is not normalized
            since.
        scores: Whether it makes queries or keys: its output is multiplied with that of
            another layer, and a softmax follows.
    """

    name: str
    path: str
    op: Op
    signal: int
    kernel: Kernel
    axes: LeafAxes | None
    bias: int | None
    output: int
    first: Feed
    later: Feed
    reads: Activation | None
    unclear: str
    factors: tuple[Activation | None, ...]
    normalization: Op | None
    activation: Activation | None
    last: bool
    follows: int | None
    depth: int
    recurrent: bool
    closing: Closing | None
    branch: Closing | None
    stream: Closing | None
    scores: bool


class Layers:
    """The layers of a graph whose first inputs are the parameters at `paths`.

    Then come as many inputs as are `stored`: the model's state, such as the averages of
    a batch norm, which is no data and no parameter.
    """

    def __init__(self, graph: Graph, paths: Sequence[str], stored: int = 0):
        self.graph, self.paths = graph, paths
        self.data = data_values(graph, len(paths) + stored)
        known = parameter_leaves(graph, len(paths) + stored, self.data)
        own = frozenset(graph.inputs[: len(paths)])
        self.leaves = {i: leaves & own for i, leaves in known.items() if leaves & own}
        self.axes = track(graph, self.leaves)
        self.averages = statistics(graph, self.data)
        self.roots = rooted(graph, known)
        self.norms = normalized(
            graph, self.data, {*self.leaves}, self.averages, {*self.roots}
        )
        self.uniform = uniform_values(graph)
        self.layers = tuple(self._find())

    def fixed(self, value: int) -> bool:
        """Whether a value comes from parameters alone."""
        return value in self.leaves

    def main_leaf(self, value: int) -> int:
        """The largest parameter that a value comes from."""
        axes = self.axes.get(value)
        largest = lambda i: self.graph.types[i].size
        return axes.leaf if axes else max(self.leaves[value], key=largest)

    def _find(self) -> Iterator[Layer]:
        graph, found = self.graph, list(self._products())
        ends = [self._preactivation(op, kernel) for op, _, kernel in found]
        outputs = {output: i for i, (output, _) in enumerate(ends)}
        self.signals = read_signals(
            graph, self.data, {*self.leaves}, self.uniform, {*outputs, *self.norms}
        )
        first, later, same = (nearest(graph, outputs, i) for i in (0, 1, None))
        self.first = first
        near = lambda signal: first[signal] | later[signal]
        depth, follows = (
            depths(graph, outputs),
            Following(graph, self.uniform, outputs, first),
        )
        main = [self.main_leaf(kernel.value) for _, _, kernel in found]
        recurs = [
            self._recurs(i, main, kernel, near(signal))
            for i, (_, signal, kernel) in enumerate(found)
        ]
        again = {leaf for leaf, each in zip(main, recurs, strict=True) if each}
        recurrent = {i for i, leaf in enumerate(main) if leaf in again}
        sums = self.signals.stops - outputs.keys() - self.norms.keys()
        closing, self.closings = find_closings(
            graph, outputs, sums, self.data, recurrent
        )
        paths = [self.paths[graph.inputs.index(leaf)] for leaf in main]
        branches = _innermost(self.closings.values())
        scoring = compared(graph, outputs, first)
        names = _names(paths)
        read = frozenset().union(*(near(signal) for _, signal, _ in found))
        for i, (op, signal, kernel) in enumerate(found):
            output, bias = ends[i]
            reads = self.signals.activation(signal)
            starts = reads.sources if reads else ()
            norm = next((self.norms[v] for v in starts if v in self.norms), None)
            yield Layer(
                name=names[i],
                path=paths[i],
                op=op,
                signal=signal,
                kernel=kernel,
                axes=self.axes.get(kernel.value),
                bias=bias,
                output=output,
                first=follows.feed(signal, first[signal], same[signal]),
                later=follows.feed(signal, later[signal], same[signal]),
                reads=reads,
                unclear=self.signals.unclear(signal),
                factors=self.signals.factors(reads) if reads else (),
                normalization=norm,
                activation=follows.activation(i),
                last=i not in read,
                follows=follows.directly(signal, first[signal] | later[signal]),
                depth=depth[output],
                recurrent=i in recurrent,
                closing=closing.get(i),
                branch=branches.get(i),
                stream=self._stream(starts, op),
                scores=i in scoring,
            )

    def closed_by(self, value: int) -> Closing | None:
        """The residual branch that a value ends, but for a scale and an offset."""
        while len(self.graph.readers.get(value, ())) == 1:
            (reader,) = self.graph.readers[value]
            closing = self.closings.get(reader.outputs[0])
            if closing and value == closing.adds:
                return closing
            if closing or not reader.traits.affine:
                return None
            value = reader.outputs[0]
        return None

    def _stream(self, starts: Sequence[int], op: Op) -> Closing | None:
        sums = (value for value in starts if value in self.closings)
        return next((self.closings[v].seen_from(self.graph, v, op) for v in sums), None)

    def _products(self) -> Iterator[tuple[Op, int, Kernel]]:
        for op in self.graph.steps:
            for position, value in enumerate(op.inputs if op.traits.is_layer else ()):
                signal = op.inputs[1 - position]
                if self.fixed(value) and signal in self.data:
                    axes = self.axes.get(value)
                    kernel = read_kernel(self.graph, op, position, axes)
                    if kernel:
                        yield op, signal, kernel

    def _preactivation(self, op: Op, kernel: Kernel) -> tuple[int, int | None]:
        # The bias belongs to the pre-activation: go on to where it is added, if it is.
        # What has more entries than a kernel has outputs is no bias, but a position.
        graph, sizes = self.graph, self.graph.types[kernel.value].shape
        summed = kernel.in_axes + kernel.window_axes
        most = math.prod(n for k, n in enumerate(sizes) if k not in summed)
        value = output = op.outputs[0]
        while value not in graph.outputs and len(graph.readers.get(value, ())) == 1:
            (reader,) = graph.readers[value]
            if reader.traits.sums:
                bias = [
                    i
                    for i in reader.inputs
                    if self.fixed(i) and graph.types[i].size <= most
                ]
                return (reader.outputs[0], bias[0]) if bias else (output, None)
            if not reader.traits.moves or reader.kind in {Link.LEAVE, Link.STACK}:
                break
            value = reader.outputs[0]
            output = value if reader.traits.places is permuted else output
        return output, None

    def is_head(self, layer: Layer) -> bool:
        """Whether the output of a layer becomes the model's, and gates nothing.

        A router's goes to the output too, but as a factor of what other layers made.
        """
        if not layer.last or layer.closing:
            return False
        reached, waiting = {layer.output}, [layer.output]
        while waiting:
            for reader in self.graph.readers.get(waiting.pop(), ()):
                waiting += set(reader.outputs) - reached
                reached.update(reader.outputs)
        mine = self.layers.index(layer)
        return not any(
            (step.traits.is_layer or step.traits.kind is Kind.PRODUCT)
            and any(self.first.get(i, frozenset()) - {mine} for i in step.inputs)
            for step in self.graph.steps
            if not reached.isdisjoint(step.inputs)
        )

    def _recurs(
        self, i: int, main: Sequence[int], kernel: Kernel, near: Set[int]
    ) -> bool:
        axes = self.axes.get(kernel.value)
        same = any(main[j] == main[i] for j in near)
        return same and not (axes and axes.sliced)


def _innermost(closings: Iterable[Closing]) -> dict[int, Closing]:
    ordered = sorted(closings, key=lambda closing: -len(closing.layers))
    return {layer: closing for closing in ordered for layer in closing.layers}


def _names(paths: Sequence[str]) -> list[str]:
    # The module's name where it has one kernel, else the kernel's; then numbered.
    modules, kernels = list(map(_module, bare_paths(paths))), {}
    for path, module in zip(paths, modules, strict=True):
        kernels.setdefault(module, set()).add(path)
    names = [
        path if len(kernels[module]) > 1 else module
        for path, module in zip(paths, modules, strict=True)
    ]
    uses = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [
        name if use == 1 else f"{name}#{use}"
        for name, use in zip(names, uses, strict=True)
    ]


def _module(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:-1] or parts)
