"""Kernels sized by what they read: a pass over the computation chooses on its way.

A kernel is chosen when its layer is reached, so that all that was chosen before it is
known: masks, statistics, gates, pools and the model's own starts as they will be.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from ..._activations import GATES, gaussian_moments
from ..._core import Initializer
from ..._graph import Op, recognize, Scope, Value
from ..._graph.samples import Samples, Source, unrepeated
from ..._reading import (
    find_generated,
    Layer,
    Model,
    predicted,
    Prediction,
    read_kernel,
    Reading,
    Row,
    run,
    Trace,
)
from ..plan import Choice, Plan
from .calm import Calm
from .heads import Heads
from .near import CLOSE, near, whole


PASSES = 4  # at most, until what kernels read more than once is what counts
SHARES = 0.5  # of 1, as far as the weights of an average may seem to sum to


@dataclasses.dataclass(frozen=True)
class Sized:
    """What counts for a kernel.

    Attributes:
        reads: E x² of what its layer reads.
        target: E z² that its layer is to make.
        factor: What its variance is multiplied by, where a kernel is made of several.
        makes: What its layer makes for another, if it does: "a kernel of fan_in 64".
    """

    reads: float = 1.0
    target: float = 1.0
    factor: float = 1.0
    makes: str = ""


@dataclasses.dataclass
class Sizing:
    """The pass.

    Attributes:
        model: The model.
        found: Its trace.
        chosen: What a parameter gets, once it is known what counts for it.
        arrays: The parameters by path, arrays or shapes.
        exact: Names of layers' kernels that keep every signal: they make their target.
        added: What all branches of a stream add, as a multiple of what it starts with.
        calm: Kernels whose layers are to make less than 1, by path.
    """

    model: Model
    found: Trace
    chosen: Callable[[Row, Sized], Choice]
    arrays: Mapping[str, Any]
    exact: frozenset[str] = frozenset()
    added: float = 1.0
    calm: Mapping[str, Calm] = dataclasses.field(default_factory=dict)
    sized: dict[str, Sized] = dataclasses.field(default_factory=dict)
    alike: dict[Value, float] = dataclasses.field(default_factory=dict)
    visits: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    used: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = zip(self.model.graph.inputs, self.found, strict=False)
        self.rows: dict[Value, Row] = dict(rows)
        self.layers = {layer.op: layer for layer in self.model.layers}
        told = self.found.source.layers()
        self.paths: dict[Layer, list[str]] = {}
        for path, layer in told.items():
            self.paths.setdefault(layer, []).append(path)
        streams = [layer.reads.stream for layer in self.model.layers]
        self.raw = {stream.start for stream in streams if stream}
        self.heads = Heads(find_generated(self.model.facts, self.model.layers))
        self.heads.targets |= {path: each.second for path, each in self.calm.items()}
        self.heads.makes |= {path: each.why for path, each in self.calm.items()}

    def run(self) -> Mapping[str, Prediction]:
        """What is told of every kernel's layer, by path; `sized` says what counts.

        A kernel that is read more than once, as in a loop, counts as it is read in the
        middle of that, and a table that is a head, too, is there before the head: the
        pass is repeated until this is so.
        """
        for left in reversed(range(PASSES)):
            self.visits.clear()
            self.forward = run(self.model, self.parameter, self.before, self.after)
            counted = {path: float(np.median(v)) for path, v in self.visits.items()}
            off = {p: n for p, n in counted.items() if not near(n, self.used[p])}
            if self.heads.settle() and not off:
                for path, reads in counted.items():
                    self.sized[path] = dataclasses.replace(
                        self.sized[path], reads=reads
                    )
                break
            for path, reads in off.items() if left else ():
                if len(self.visits[path]) > 1 and self.used[path]:
                    # What comes back to a kernel grows with it: half of the way.
                    reads = (reads * self.used[path]) ** 0.5
                self.sized[path] = dataclasses.replace(self.sized[path], reads=reads)
        return {
            path: predicted(self.forward, layer.signal, layer.output)
            for layer, paths in self.paths.items()
            for path in paths
        }

    def parameter(self, value: Value, source: Source) -> Samples:
        """A parameter as its law, or its array, will have it."""
        row = self.rows[value]
        sized = self.counts_for(row)
        self.used[row.path] = sized.reads
        return samples_of(self.chosen(row, sized), self.arrays[row.path], source)

    def counts_for(self, row: Row) -> Sized:
        """What counts for a parameter: for tables of a head, what counts for that."""
        path = row.head.path if row.head else row.path
        return self.sized.get(path, Sized())

    def before(self, op: Op, scope: Scope) -> None:
        """Tells, at a layer, what counts for the kernels that are read there."""
        layer = self.layers.get(op)
        if layer is None:
            return
        leaves = self.model.facts.leaves[layer.kernel.value]
        fresh = [self.rows[i].path for i in leaves]
        fresh = [path for path in fresh if path not in self.sized]
        told = self.paths.get(layer, ())
        if not fresh and not told:
            return
        reads = self._counts(layer, scope.get(layer.signal), scope)
        target = self._target(layer, scope)
        for path in fresh:
            self.sized[path] = Sized(
                reads, target, makes=self.heads.makes.get(path, "")
            )
        for path in told:
            self.visits.setdefault(path, []).append(reads)
            self.sized[path] = dataclasses.replace(self.sized[path], target=target)
        if fresh:
            self._balance(layer, scope)

    def after(self, op: Op, scope: Scope, made: Samples) -> Samples:
        """What a layer makes whose kernel keeps every signal; and what is alike."""
        layer = self.layers.get(op)
        if layer is not None:
            return self._kept(layer, made, scope)
        made, value = self.heads.resized(op, scope, made), op.outputs[0]
        if op.traits.is_layer and all(i in self.model.facts.data for i in op.inputs):
            kernel = read_kernel(self.model.graph, op, 1, None)
            count = int(kernel.fan_in) if kernel else 0
            one, other = (scope.get(i) for i in op.inputs[:2])
            size = _averaged(one, other, count)
            if size:
                self.alike[value] = size
        elif op.traits.moves and op.inputs and op.inputs[0] in self.alike:
            self.alike[value] = self.alike[op.inputs[0]]
        return made

    def _kept(self, layer: Layer, made: Samples, scope: Scope) -> Samples:
        path = layer.path
        if path not in self.exact or path not in self.sized:
            return made
        target = self.sized[path].target
        likeness = [made.likeness(k) for k in range(len(made.axes))]
        return scope.source.gaussian(0.0, target, likeness, doubt=made.doubt)

    def _counts(self, layer: Layer, signal: Samples, scope: Scope) -> float:
        """E x² that counts: as the formula has it, where it is one.

        What an attention averages may be alike, and under a causal mask the first
        position averages nothing: its weights count as leaving the size.
        """
        if layer.signal in self.alike:
            return whole(self.alike[layer.signal])
        if signal.doubt:  # nobody knows: as between layers that keep their signals
            return self._formula(layer.reads, [1.0] * 2) or 1.0
        if layer.reads.later.chained and self._is_shared(layer):
            # One law for many layers: what they read when all keep their signals.
            calm = self.calm.get(layer.path)
            exact = self._formula(layer.reads, [calm.second if calm else 1.0] * 2)
            return whole(signal.second) if exact is None else exact
        phi = layer.reads.activation
        starts = [scope.seen(i) for i in phi.sources] if phi else []
        sizes = [whole(x.second) for x in starts if x and _is_centered(x)]
        exact = self._formula(layer.reads, sizes)
        is_told = exact is not None and near(signal.second, exact)
        return exact if exact is not None and is_told else whole(signal.second)

    def _is_shared(self, layer: Layer) -> bool:
        """Whether a kernel's law is that of other layers, or iterations, as well."""
        if self.model.graph.loops.get(layer.output):
            return True
        return sum(each.path == layer.path for each in self.model.layers) > 1

    def _formula(self, reads: Reading, sizes: Sequence[float]) -> float | None:
        """E φ(z)² of signals z of these sizes and of mean 0; or of a gated pair."""
        phi = reads.activation
        if phi is None or len(sizes) < len(phi.sources):
            return None
        if len(phi.sources) > 1:
            gate = reads.label or ""
            unit = {*sizes} == {1.0} and gate in GATES
            return gaussian_moments(gate).second if unit else None
        name, q = recognize(phi), sizes[0]
        if name is None or not q > 0:
            return None
        if name.name == "identity":
            return name.scale**2 * q
        return name.scale**2 * gaussian_moments(name.name, q).second

    def _target(self, layer: Layer, scope: Scope) -> float:
        closing = layer.place.closing
        if closing is None or layer.path in self.heads.targets:
            return self.heads.targets.get(layer.path, 1.0)
        start = 1.0
        if closing.start in self.raw:
            stream = scope.seen(closing.start)
            start = whole(stream.second) if stream else 1.0
        return self.added * start / closing.branches

    def _balance(self, layer: Layer, scope: Scope) -> None:
        """Kernels that are made of several laws get the variance that they are to have.

        As in `x @ (U @ V)`: the product has it, not each.
        """
        sized = self.sized[layer.path]
        fan_in = layer.kernel.fan_in
        kernel = scope.get(layer.kernel.value)
        want = sized.target / (fan_in * sized.reads) if fan_in and sized.reads else 0.0
        if not (kernel.second > 0 and want > 0) or near(kernel.second, want, 0.1):
            return
        leaves = self.model.facts.leaves[layer.kernel.value]
        drawn = [self.rows[i] for i in leaves if self.rows[i].path in self.sized]
        drawn = [row for row in drawn if self._is_factor(row)]
        if len(drawn) < 2:
            return
        share = (want / kernel.second) ** (1 / len(drawn))
        for row in drawn:
            self.sized[row.path] = dataclasses.replace(
                self.sized[row.path], factor=share
            )
        for value in [*scope.known]:
            if self.model.facts.leaves.get(value, frozenset()) & leaves:
                del scope.known[value]

    def _is_factor(self, row: Row) -> bool:
        return "product of parameters" in row.note


def predict(plan: Plan, found: Trace, weights: Any) -> Mapping[str, Prediction]:
    """What a plan makes of the signal at every kernel's layer, by path."""
    model = found.source.model
    choices = dict(zip(model.graph.inputs, plan, strict=False))
    arrays = dict(zip(model.graph.inputs, jax.tree.leaves(weights), strict=False))
    parameter = lambda value, source: samples_of(choices[value], arrays[value], source)
    forward = run(model, parameter)
    return {
        path: predicted(forward, layer.signal, layer.output)
        for path, layer in found.source.layers().items()
    }


def samples_of(choice: Choice, leaf: Any, source: Source) -> Samples:
    """Entries of what a parameter gets: by mean and deviation, or by an array of it."""
    if choice.initializer is not None:
        return _of_law(choice.initializer, choice.shape, source)
    is_array = not isinstance(leaf, jax.ShapeDtypeStruct)
    given = [np.asarray(leaf)] if is_array else []
    arrays = choice.own.samples() if choice.own else given
    if not arrays:
        return source.array(np.broadcast_to(0.0, choice.shape))
    array = np.stack(arrays) if len(arrays) > 1 else arrays[0]
    kind = {"b": array.dtype, "i": array.dtype, "u": array.dtype, "c": complex}
    entries = unrepeated(array).astype(kind.get(array.dtype.kind, float))
    made = source.array(np.broadcast_to(entries, array.shape))
    return made.picked(range(1, array.ndim)) if len(arrays) > 1 else made


def _of_law(
    initializer: Initializer, shape: tuple[int, ...], source: Source
) -> Samples:
    try:
        mean, std = (float(f(shape)) for f in (initializer.mean, initializer.std))
    except TypeError:  # a law that does not state them
        return _drawn(initializer, shape, source)
    if not std:
        return source.array(np.broadcast_to(mean, shape))
    return source.gaussian(mean, std**2, [0.0] * len(shape))


def _drawn(initializer: Initializer, shape: tuple[int, ...], source: Source) -> Samples:
    is_small = math.prod(shape) <= 2**20
    made = initializer(jax.random.key(0), shape) if is_small else None
    if made is None or isinstance(made, Tracer):
        unit = source.gaussian(0.0, 1.0, [0.0] * len(shape))
        return unit.doubted(f"{initializer!r} does not state its size")
    return source.array(np.asarray(made, float))


def _averaged(one: Samples, other: Samples, count: int) -> float | None:
    """E v² where one side holds the weights of an average of v: positive, of sum 1."""
    for weights, values in ((one, other), (other, one)):
        share = np.isrealobj(weights.rows) and weights.array is None
        share = share and weights.rows.min() >= 0 and weights.rows.max() <= 1.001
        if share and near(count * weights.mean, 1.0, SHARES):
            return values.second
    return None


def _is_centered(x: Samples) -> bool:
    return x.mean**2 < CLOSE**2 * x.second
