"""The layers of a computation: which operations use a parameter as a kernel.

A layer is a product of a kernel, which comes from parameters alone, with a signal,
which comes from the data. Because layers are found in the jaxpr, a linen module, an NNX
module, an Equinox module and a plain function all look the same, and none needs hooks.
"""

import dataclasses
from collections.abc import Iterator, Sequence, Set

from .elementwise import Activation, follow, identity, uniform_values
from .jaxpr import Graph, Op
from .kernels import Kernel, read_kernel


LAYERS = frozenset({"dot_general", "conv_general_dilated"})
# Operations that only rename the axes or the dtype of a signal.
MOVES = frozenset(
    {"convert_element_type", "copy", "expand_dims", "reshape", "squeeze", "transpose"}
)


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One layer: `output = signal · kernel + bias`, each a value's number in the graph.

    `before` holds the numbers of the layers whose output reaches the signal with no
    other layer between; it is empty for a layer that reads the model's input.
    `chained` says that the signal is exactly the activation of that one layer, so that
    theory can predict this layer from it. `last` says that no layer follows.
    """

    name: str
    path: str
    signal: int
    kernel: Kernel
    bias: int | None
    output: int
    before: frozenset[int]
    activation: Activation | None
    chained: bool
    last: bool


@dataclasses.dataclass(frozen=True)
class _Origins:
    """For every value: the parameter leaves it comes from, and which come from data."""

    leaves: dict[int, frozenset[int]]
    data: set[int]

    def fixed(self, value: int) -> bool:
        """Whether a value comes from parameters alone."""
        return bool(self.leaves.get(value)) and value not in self.data


def _origins(graph: Graph, n_leaves: int) -> _Origins:
    leaves = {i: frozenset({i}) for i in graph.inputs[:n_leaves]}
    data = set(graph.inputs[n_leaves:])
    for op in graph.ops:
        above = frozenset[int]().union(*(leaves.get(i, ()) for i in op.inputs))
        leaves |= dict.fromkeys(op.outputs, above)
        data.update(op.outputs if data.intersection(op.inputs) else ())
    return _Origins(leaves, data)


def find_layers(graph: Graph, paths: Sequence[str]) -> Iterator[Layer]:
    """The layers of a graph whose first inputs are the parameters at `paths`."""
    origins = _origins(graph, len(paths))
    found = list(_products(graph, origins))
    ends = [_preactivation(graph, op, origins) for op, _, _ in found]
    outputs = [output for output, _ in ends]
    nearest, uniform = _nearest(graph, outputs), uniform_values(graph)
    activations = [
        _activation(graph, i, value, nearest, uniform)
        for i, value in enumerate(outputs)
    ]
    leaves = [_main_leaf(graph, origins, kernel.value) for _, _, kernel in found]
    names = _names([paths[graph.inputs.index(leaf)] for leaf in leaves])
    read = frozenset[int]().union(*(nearest[signal] for _, signal, _ in found))
    for i, (_, signal, kernel) in enumerate(found):
        yield Layer(
            name=names[i],
            path=paths[graph.inputs.index(leaves[i])],
            signal=signal,
            kernel=kernel,
            bias=ends[i][1],
            output=outputs[i],
            before=nearest[signal],
            activation=activations[i],
            chained=_chained(graph, signal, nearest[signal], outputs, activations),
            last=i not in read,
        )


def _products(graph: Graph, origins: _Origins) -> Iterator[tuple[Op, int, Kernel]]:
    for op in graph.ops:
        if op.name in LAYERS:
            for position, value in enumerate(op.inputs):
                signal = op.inputs[1 - position]
                kernel = read_kernel(graph, op, position)
                if kernel and origins.fixed(value) and signal in origins.data:
                    yield op, signal, kernel


def _preactivation(graph: Graph, op: Op, origins: _Origins) -> tuple[int, int | None]:
    # The bias belongs to the pre-activation: go on to where it is added, if it is.
    value = output = op.outputs[0]
    while value not in graph.outputs and len(graph.readers.get(value, ())) == 1:
        (reader,) = graph.readers[value]
        if reader.name in {"add", "add_any", "sub"}:
            bias = [i for i in reader.inputs if origins.fixed(i)]
            return (reader.outputs[0], bias[0]) if bias else (output, None)
        if reader.name not in MOVES:
            break
        value = reader.outputs[0]
        output = value if reader.name == "transpose" else output
    return output, None


def _nearest(graph: Graph, outputs: Sequence[int]) -> dict[int, frozenset[int]]:
    # The layers from which each value is reached with no other layer between.
    number = {value: i for i, value in enumerate(outputs)}
    nearest = dict.fromkeys(range(len(graph.types)), frozenset[int]())
    for op in graph.ops:
        above = frozenset[int]().union(*(nearest[i] for i in op.inputs))
        for value in op.outputs:
            nearest[value] = frozenset({number[value]}) if value in number else above
    return nearest


def _activation(
    graph: Graph,
    layer: int,
    output: int,
    nearest: dict[int, frozenset[int]],
    uniform: Set[int],
) -> Activation | None:
    # The first value after the layer, the pre-activation or what a normalization made
    # of it, at which a single element-wise function starts.
    shape = graph.types[output].shape
    for value in [output, *(i for op in graph.ops for i in op.outputs)]:
        if nearest[value] == {layer} and graph.types[value].shape == shape:
            activation = follow(graph, value, uniform)
            if activation and any(op.name not in MOVES for op in activation.ops):
                return activation
    return identity(graph, output) if _goes_straight_on(graph, output) else None


def _moved(graph: Graph, value: int) -> Set[int]:
    moved = {value}
    for op in graph.ops:
        if op.name in MOVES and moved.intersection(op.inputs):
            moved.update(op.outputs)
    return moved


def _goes_straight_on(graph: Graph, value: int) -> bool:
    return all(
        reader.name in LAYERS | MOVES
        for each in _moved(graph, value)
        for reader in graph.readers.get(each, ())
    )


def _chained(
    graph: Graph,
    signal: int,
    before: frozenset[int],
    outputs: Sequence[int],
    activations: Sequence[Activation | None],
) -> bool:
    if len(before) != 1:
        return False
    (layer,) = before
    activation = activations[layer]
    return (
        activation is not None
        and activation.source == outputs[layer]
        and signal in _moved(graph, activation.result)
    )


def _main_leaf(graph: Graph, origins: _Origins, value: int) -> int:
    return max(origins.leaves[value], key=lambda i: graph.types[i].size)


def _names(paths: Sequence[str]) -> list[str]:
    # The module's name where it has one kernel, else the kernel's; then numbered.
    kernels: dict[str, set[str]] = {}
    for path in paths:
        kernels.setdefault(_short(path), set()).add(path)
    names = [path if len(kernels[_short(path)]) > 1 else _short(path) for path in paths]
    uses = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [
        name if use == 1 else f"{name}#{use}"
        for name, use in zip(names, uses, strict=True)
    ]


def _short(path: str) -> str:
    parts = path.removeprefix("params/").split("/")
    return "/".join(parts[:-1] or parts)
