"""What a computation does with a parameter, where the row of its trace does not say."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from .._graph import Kind, Op, sweep, upstream, Value
from .._model import is_kernel, Leaf, role, Selector
from .._reading import Layer, Model, Row, Use


@dataclasses.dataclass(frozen=True, eq=False)
class Computation:
    """A model, and the uses of its parameters by number."""

    model: Model
    uses: Mapping[Value, Sequence[Use]]

    @functools.cached_property
    def numbers(self) -> Mapping[str, Value]:
        """The parameters by path."""
        return dict(zip(self.model.paths, self.model.graph.inputs, strict=False))

    def of(self, path: str) -> Sequence[Use]:
        """The uses of a parameter."""
        return self.uses.get(self.numbers[path], ())

    def after(self, values: Iterable[Value]) -> Set[Value]:
        """The values that depend on any of these, and themselves."""
        rule = lambda op, known: any(i in known for i in op.inputs) or None
        return sweep(self.model.graph, dict.fromkeys(values, True), rule).keys()

    def followed(self, value: Value) -> Iterator[Value]:
        """A value, and what is linear in it and depends on no other data."""
        graph, data = self.model.graph, self.model.facts.data
        found, waiting = {value}, [value]
        while waiting:
            value = waiting.pop()
            yield value
            for op in graph.readers.get(value, ()):
                if value in op.linear and {value} >= data & {*op.inputs}:
                    waiting += set(op.outputs) - found
                    found.update(op.outputs)

    @functools.cached_property
    def of_tokens(self) -> Set[Value]:
        """The values that depend on an entry of a table."""
        uses = (use for of in self.uses.values() for use in of)
        return self.after(use.op.outputs[0] for use in uses if use.role == "embedding")

    @functools.cached_property
    def returned(self) -> Set[Value]:
        """The values that the outputs depend on."""
        return upstream(self.model.graph, self.model.graph.outputs)

    @functools.cached_property
    def ends(self) -> Set[Value]:
        """The values that are added to a stream, a token alone included."""
        facts, readers = self.model.facts, self.model.graph.readers
        is_token = lambda leaf: any(use.role == "token" for use in self.uses[leaf])
        tokens = {leaf for leaf in self.uses if is_token(leaf)}
        alone = (v for v, of in facts.leaves.items() if not tokens.isdisjoint(of))
        sums = (op for v in alone for op in readers.get(v, ()) if op.traits.sums)
        added = {i for op in sums for i in op.inputs if i in facts.data}
        return added | {each.adds for each in self.model.flow.closings.values()}

    @functools.cached_property
    def inputs(self) -> Mapping[Value, frozenset[Value]]:
        """The inputs that every value of data depends on."""
        graph, data, none = self.model.graph, self.model.facts.data, frozenset[Value]()

        def rule(op: Op, known: dict[Value, frozenset[Value]]) -> frozenset[Value]:
            return none.union(*(known.get(i, none) for i in op.inputs))

        start = {i: frozenset({i}) for i in data - graph.makers.keys()}
        return sweep(graph, start, rule)

    @functools.cached_property
    def conditions(self) -> frozenset[Value]:
        """The inputs that are read by layers which scale what depends on more.

        So does a condition that scales the stream, and that is repeated for all of its
        places; the two sides of a gated pair depend on the same.
        """
        found = frozenset[Value]()
        for layer in self.model.layers:
            own = self.inputs[layer.signal]
            for op, part, other in self._met(layer.output, {Kind.PRODUCT}):
                more = self.inputs[other] - own
                if more and (own < self.inputs[other] or self._repeats(op, part)):
                    found |= own
        return found

    def is_of_condition(self, layer: Layer) -> bool:
        """Whether a layer reads conditions alone."""
        reads = self.inputs[layer.signal]
        return bool(reads) and reads <= self.conditions

    @functools.cached_property
    def modulations(self) -> Set[str]:
        """The kernels whose layers scale or shift the stream by a condition."""
        kinds, flow = {Kind.PRODUCT, Kind.SUM}, self.model.flow
        own = [layer for layer in self.model.layers if self.is_of_condition(layer)]
        read = frozenset().union(*(flow.near(layer.signal) for layer in own))
        last = (layer for layer in own if flow.outputs[layer.output] not in read)
        return {layer.path for layer in last if [*self._met(layer.output, kinds)]}

    def _met(self, value: Value, kinds: Set[Kind]) -> Iterator[tuple[Op, Value, Value]]:
        """Such operations on a value or a part of it, that, and what it meets there."""
        data = self.model.facts.data
        for part in self.followed(value):
            for op in self.model.graph.readers.get(part, ()):
                if op.traits.kind in kinds:
                    yield from ((op, part, i) for i in op.inputs if i in data - {part})

    def _repeats(self, op: Op, value: Value) -> bool:
        """Whether the entries of an operand are repeated, before or in an operation."""
        graph = self.model.graph
        while value in graph.makers and graph.makers[value].traits.spreads:
            value = graph.makers[value].inputs[0]
        return graph.types[value].size < graph.types[op.outputs[0]].size


def computation(leaf: Leaf) -> Computation:
    """The computation that a parameter is in."""
    source = leaf.trace.source
    return source.model.once("recipes", lambda model: Computation(model, source.uses))


def in_exponent(leaf: Leaf) -> bool:
    """Whether the model takes the exponential of a parameter before it uses it."""
    found, own = computation(leaf), computation(leaf).numbers[leaf.path]
    facts = found.model.facts
    made = {i for i, of in facts.leaves.items() if own in of} & found.returned
    return any(
        op.kind == "exp" for i in made for op in found.model.graph.readers.get(i, ())
    )


def scaled_kernels(leaf: Leaf) -> list[Row]:
    """The kernels that a parameter is a factor of."""
    found = computation(leaf)
    ops = {use.op for use in found.of(leaf.path)}
    return [leaf.trace[each.path] for each in found.model.layers if each.op in ops]


def _reads_tokens(leaf: Leaf) -> bool:
    found = computation(leaf)
    path = leaf.row.kernel or leaf.path
    return any(i in found.of_tokens for use in found.of(path) for i in use.op.inputs)


def _is_last(leaf: Leaf) -> bool:
    found = computation(leaf)
    own = (value for use in found.of(leaf.path) for value in use.op.outputs)
    return found.after(own).isdisjoint(layer.signal for layer in found.model.layers)


def _is_returned(leaf: Leaf) -> bool:
    found = computation(leaf)
    return leaf.row.role == "unused" and found.numbers[leaf.path] in found.returned


def _scales_a_branch(leaf: Leaf) -> bool:
    found = computation(leaf)
    ops = (use.op for use in found.of(leaf.path) if not use.op.traits.is_layer)
    made = (value for op in ops for value in found.followed(op.outputs[0]))
    return not found.ends.isdisjoint(made)


def _scales_a_kernel(leaf: Leaf) -> bool:
    return any(use.op.traits.is_layer for use in computation(leaf).of(leaf.path))


def _is_normalized(leaf: Leaf) -> bool:
    uses = computation(leaf).of(leaf.path)
    return any(use.layer and use.made.through for use in uses)


def _modulates(leaf: Leaf) -> bool:
    return leaf.path in computation(leaf).modulations


def _is_of_condition(leaf: Leaf) -> bool:
    found = computation(leaf)
    layers = (use.layer for use in found.of(leaf.path) if use.layer)
    alone = all(map(found.is_of_condition, layers))
    return alone and not leaf.row.branches and not leaf.row.attention


of_text = Selector("in the tower of tokens", _reads_tokens)
past_layers = Selector("past all layers", _is_last)
returned = Selector("returned beside the outputs of layers", _is_returned)
on_kernel = role("gate") & Selector("on a kernel", _scales_a_kernel)
on_branch = role("gate") & Selector("on a residual branch", _scales_a_branch)
normalized_kernel = is_kernel() & Selector("normalized by the model", _is_normalized)
modulation = is_kernel() & Selector("a modulation", _modulates)
of_condition = is_kernel() & Selector("of a condition", _is_of_condition)
