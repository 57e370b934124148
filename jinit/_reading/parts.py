"""The parts that kernels play in their residual branch: gates, routers, ends."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from .._graph import Activation, between, Kind, LayerIndex, Op, Value
from .layers import Layer
from .model import Model


Part = Literal["", "gate", "up", "gate and up", "router", "end"]
_Told = tuple[LayerIndex, Part]


def read_parts(model: Model) -> dict[LayerIndex, Part]:
    """What each layer is for in its branch, where that is one of these.

    In φ(a) b, "gate" makes a and "up" makes b. A "router" makes one number for each of
    the experts of its branch, or numbers that none of its layers reads. An "end" is
    what no layer of its branch reads either, but what is added to the stream, as it is
    or after a norm.
    """
    products = (step for step in model.graph.steps if step.traits.kind is Kind.PRODUCT)
    paired = dict(told for step in products for told in _paired(model, step))
    parts = dict(paired)
    branches: dict[Value, list[LayerIndex]] = {}
    for i, layer in enumerate(model.layers):
        if layer.place.branch:
            branches.setdefault(layer.place.branch.adds, []).append(LayerIndex(i))
    for own in branches.values():
        parts |= dict(_last(model, own, paired))
    ends: dict[LayerIndex, Part] = dict.fromkeys(model.flow.ending, "end")
    return parts | ends


def _paired(model: Model, step: Op) -> Iterator[_Told]:
    """The layers whose outputs an operation multiplies, one of them bent before."""
    graph, facts = model.graph, model.facts
    stops = {*model.flow.outputs, *facts.norms}
    factors = [_unspread(model, i) for i in step.data]
    sides = [between(graph, i, stops, facts.uniform) for i in factors]
    made = [_maker(model, side) for side in sides]
    bent = [side is not None and not _is_plain(side) for side in sides]
    starts = {side.sources for side in sides if side}  # one, of x · sigmoid(x)
    if len(sides) != 2 or len(starts) == 1 or bent[0] == bent[1]:
        return
    gate, up = made if bent[0] else reversed(made)
    if gate is not None and gate == up:
        yield gate, "gate and up"
    elif gate is not None:
        yield gate, "gate"
        if up is not None:
            yield up, "up"


def _unspread(model: Model, value: Value) -> Value:
    """What is repeated to make a value, such as a gate for each head."""
    maker = model.graph.makers.get(value)
    while maker and maker.traits.spreads and value not in model.flow.outputs:
        value = maker.inputs[0]
        maker = model.graph.makers.get(value)
    return value


def _maker(model: Model, side: Activation | None) -> LayerIndex | None:
    """The layer whose output, or a part of it, a function starts from."""
    if side is None or len(side.sources) != 1:
        return None
    (value,) = side.sources
    while value not in model.flow.outputs:
        maker = model.graph.makers.get(value)
        if maker is None or not maker.traits.takes_part:
            return None
        value = maker.inputs[0]
    return model.flow.outputs[value]


def _is_plain(side: Activation) -> bool:
    return all(op.traits.moves or op.traits.scales for op in side.ops)


def _last(
    model: Model, own: Sequence[LayerIndex], paired: Mapping[LayerIndex, Part]
) -> Iterator[_Told]:
    """The ends of a branch, and its routers."""
    layers = [model.layers[i] for i in own]
    read = frozenset().union(*(model.flow.same[layer.signal] for layer in layers))
    experts = {size for layer in layers for size in _copies(model, layer)}
    last = [i for i in own if i not in read and paired.get(i) != "gate"]
    last = [i for i in last if not model.layers[i].place.scores]
    deepest = max((model.layers[i] for i in last), key=_depth, default=None)
    for i, layer in zip(own, layers, strict=True):
        width = layer.kernel.fan_out
        if width in experts and not _copies(model, layer):
            yield i, "router"
        elif i in last:
            is_end = deepest is not None and width == deepest.kernel.fan_out
            yield i, "end" if is_end else "router"


def _depth(layer: Layer) -> int:
    return layer.place.depth


def _copies(model: Model, layer: Layer) -> Iterable[int]:
    """The sizes of the axes along which a kernel holds copies, such as experts."""
    kernel = layer.kernel
    shape = model.graph.types[kernel.value].shape
    own = {*kernel.window_axes, *kernel.in_axes, *kernel.out_axes}
    return [size for axis, size in enumerate(shape) if axis not in own]
