"""How signals flow between the products of a computation."""

import dataclasses
from collections.abc import Mapping, Sequence, Set

from .._graph import compared, depths, Graph, LayerIndex, nearest, Value
from .facts import Facts
from .following import Following
from .products import Product
from .residuals import Closing, find_closings
from .signals import read_signals, Signals


@dataclasses.dataclass(frozen=True, eq=False)
class Flow:
    """What flows from layer to layer; layers go by number, in the order of computation.

    Attributes:
        graph: The computation.
        outputs: The number of the layer that makes each pre-activation.
        signals: What made each signal, back to the layer or sum before.
        first: Of every value, the layers that reach it with no other between.
        later: The same in later iterations of a loop.
        same: Those of them that are in the same iteration.
        following: What follows each layer.
        depth: Of every value, the layers on the longest way to it.
        recurrent: The layers whose kernel reads what it made itself, one step before.
        scoring: Those that make queries or keys.
        ending: By layer, the residual branch that it ends.
        closings: By the value of its sum, every residual branch.
    """

    graph: Graph
    outputs: Mapping[Value, LayerIndex]
    signals: Signals
    first: Mapping[Value, frozenset[LayerIndex]]
    later: Mapping[Value, frozenset[LayerIndex]]
    same: Mapping[Value, frozenset[LayerIndex]]
    following: Following
    depth: Mapping[Value, int]
    recurrent: Set[LayerIndex]
    scoring: Set[LayerIndex]
    ending: Mapping[LayerIndex, Closing]
    closings: Mapping[Value, Closing]

    def near(self, signal: Value) -> frozenset[LayerIndex]:
        """The layers that come before a signal in any iteration."""
        return self.first[signal] | self.later[signal]

    def closed_by(self, value: Value) -> Closing | None:
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


def read_flow(facts: Facts, products: Sequence[Product]) -> Flow:
    """Sweeps over a graph whose products are known."""
    graph, data = facts.graph, facts.data
    outputs = {product.output: product.index for product in products}
    stops = {*outputs, *facts.norms}
    signals = read_signals(graph, data, {*facts.leaves}, facts.uniform, stops)
    first, later, same = (nearest(graph, outputs, around) for around in (0, 1, None))
    recurrent = _recurrent(facts, products, first, later)
    sums = signals.stops - stops
    ending, closings = find_closings(facts, outputs, sums, recurrent)
    return Flow(
        graph=graph,
        outputs=outputs,
        signals=signals,
        first=first,
        later=later,
        same=same,
        following=Following(graph, facts.uniform, outputs, first),
        depth=depths(graph, outputs),
        recurrent=recurrent,
        scoring=compared(graph, outputs, first),
        ending=ending,
        closings=closings,
    )


def _recurrent(
    facts: Facts,
    products: Sequence[Product],
    first: Mapping[Value, frozenset[LayerIndex]],
    later: Mapping[Value, frozenset[LayerIndex]],
) -> set[LayerIndex]:
    # All uses of a kernel are, of which one reads what the kernel made itself, along
    # the same axes: one that is read both ways, as in an autoencoder, is tied.
    def recurs(product: Product) -> bool:
        near = first[product.signal] | later[product.signal]
        own = _read_along(facts, product)
        same = (products[j] for j in near if products[j].leaf == product.leaf)
        axes = facts.axes.get(product.kernel.value)
        again = any(own == _read_along(facts, each) for each in same)
        return again and not (axes and axes.sliced)

    again = {product.leaf for product in products if recurs(product)}
    return {product.index for product in products if product.leaf in again}


def _read_along(facts: Facts, product: Product) -> frozenset[int] | None:
    """The axes of its parameter that a product sums; None if unknown."""
    axes = facts.axes.get(product.kernel.value)
    summed = product.kernel.in_axes
    return axes and frozenset(k for i in summed for k in axes.axes[i])
