"""The layers of a computation: which operations use a parameter as a kernel.

A layer is a product of a kernel, which comes from parameters alone, with a signal,
which comes from the data. Because layers are found in the jaxpr, a linen module, an NNX
module, an Equinox module and a plain function all look the same, and none needs hooks.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence, Set

from .._core import bare_paths
from .._graph import Activation, Graph, label, LayerIndex, Op, Value
from .axes import LeafAxes
from .facts import Facts, read_facts
from .flow import Flow, read_flow
from .following import Feed
from .kernels import Kernel
from .products import find_products, Product
from .residuals import Closing


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What a layer reads.

    Attributes:
        first: The layers before it; in a loop, in the first iteration.
        later: The layers before it in later iterations.
        activation: The activation that made the signal; see `Signals.activation`.
        unclear: Why there is no such activation, if so.
        factors: The two functions that the activation multiplies, if it does.
        normalization: The operation that normalizes what the activation starts from.
        stream: The branches that are summed in the signal, if that is not normalized
            since.
        follows: The number of the one layer before it if the signal is, axis for axis,
            that layer's activation.
    """

    first: Feed
    later: Feed
    activation: Activation | None
    unclear: str
    factors: tuple[Activation | None, ...]
    normalization: Op | None
    stream: Closing | None
    follows: LayerIndex | None

    @property
    def label(self) -> str | None:
        """The name of the activation; "other" if it has none, None if unclear."""
        return label(self.activation, self.factors)


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """Where a layer stands in the model.

    Attributes:
        depth: Its number on the longest way from the input, from 1.
        last: Whether no layer follows.
        recurrent: Whether the kernel reads what it made itself, one step before.
        closing: The residual branch that it ends, if any.
        branch: The residual branch that it is in, the innermost of several.
        scores: Whether it makes queries or keys: its output is multiplied with that of
            another layer, and a softmax follows.
    """

    depth: int
    last: bool
    recurrent: bool
    closing: Closing | None
    branch: Closing | None
    scores: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One layer: `output = factors · signal · kernel + bias`, by numbers of values.

    Attributes:
        name: The layer, by its module's path.
        path: The path of its kernel.
        op: The product.
        signal: What it reads.
        kernel: The kernel, with its fans.
        axes: Where the axes of the kernel leaf are in the kernel; None if unknown.
        bias: What is added to the product, if anything.
        factors: What the product is multiplied with or divided by before that, numbers
            and parameters.
        output: The pre-activation: the product with its factors and its bias.
        activation: The one function that follows the output, if there is one.
        reads: What is known of the signal.
        place: Where it stands.
    """

    name: str
    path: str
    op: Op
    signal: Value
    kernel: Kernel
    axes: LeafAxes | None
    bias: Value | None
    factors: tuple[Value, ...]
    output: Value
    activation: Activation | None
    reads: Reading
    place: Place


def read_layers(
    graph: Graph, paths: Sequence[str], stored: int
) -> tuple[Facts, Flow, tuple[Layer, ...]]:
    """The layers of a graph; see `read_facts` for its inputs.

    With them comes what they are told from: facts of values, and what flows between.
    """
    facts = read_facts(graph, paths, stored)
    products = find_products(facts)
    flow = read_flow(facts, products)
    branches = _innermost(flow.closings.values())
    read = frozenset().union(*(flow.near(product.signal) for product in products))
    own = [facts.path(product.leaf) for product in products]
    layers = (
        Layer(
            name=name,
            path=path,
            op=product.op,
            signal=product.signal,
            kernel=product.kernel,
            axes=facts.axes.get(product.kernel.value),
            bias=product.bias,
            factors=product.factors,
            output=product.output,
            activation=flow.following.activation(product.index),
            reads=_reading(facts, flow, product),
            place=_place(flow, product, branches, read),
        )
        for name, path, product in zip(_names(own), own, products, strict=True)
    )
    return facts, flow, tuple(layers)


def _reading(facts: Facts, flow: Flow, product: Product) -> Reading:
    signal, follow = product.signal, flow.following
    activation = flow.signals.activation(signal)
    starts = activation.sources if activation else ()
    norms = (facts.norms[value] for value in starts if value in facts.norms)
    sums = (value for value in starts if value in flow.closings)
    seen = (flow.closings[v].seen_from(flow.graph, v, product.op) for v in sums)
    return Reading(
        first=follow.feed(signal, flow.first[signal], flow.same[signal]),
        later=follow.feed(signal, flow.later[signal], flow.same[signal]),
        activation=activation,
        unclear=flow.signals.unclear(signal),
        factors=flow.signals.factors(activation) if activation else (),
        normalization=next(norms, None),
        stream=next(seen, None),
        follows=follow.directly(signal, flow.near(signal)),
    )


def _place(
    flow: Flow,
    product: Product,
    branches: Mapping[LayerIndex, Closing],
    read: Set[LayerIndex],
) -> Place:
    index = product.index
    return Place(
        depth=flow.depth[product.output],
        last=index not in read,
        recurrent=index in flow.recurrent,
        closing=flow.ending.get(index),
        branch=branches.get(index),
        scores=index in flow.scoring,
    )


def _innermost(closings: Iterable[Closing]) -> dict[LayerIndex, Closing]:
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
