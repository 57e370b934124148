"""A computation on samples: every value's size, from the sizes of what goes in."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .bodies import Link
from .centered import centered
from .folding import folded
from .jaxpr import body_jaxpr, flatten
from .operations import Graph, Op, Value
from .samples import (
    Call,
    EQUAL,
    functions,
    mixed,
    opaque,
    run,
    Samples,
    Size,
    Source,
)
from .shifts import shift, shifts
from .variances import told, variances


TURNS = 128  # iterations of a loop that are followed one by one
SETTLED = 1e-4  # the change of E x² at which a loop has come to rest


class Forward:
    """The samples of all values, in the order of computation.

    What comes from parameters alone is made when it is first read, so that a law may
    be chosen by what a kernel's layer reads.

    Attributes:
        graph: The computation.
        given: Gives the samples of an input of the graph.
        lazy: The values that come from parameters alone.
        before: Called with each operation that is about to run.
        after: Called with each operation that has run, and what it made; gives what is
            to stand for it.
        sizes: Of every value that was made, its size in each iteration.
    """

    def __init__(
        self,
        graph: Graph,
        given: Callable[[Value], Samples],
        lazy: Iterable[Value] = (),
        before: Callable[[Op, "Scope"], None] = lambda op, scope: None,
        after: Callable[[Op, "Scope", Samples], Samples] = lambda op, scope, x: x,
        source: Source | None = None,
    ):
        self.graph, self.given, self.lazy = graph, given, frozenset(lazy)
        self.before, self.after, self.source = before, after, source or Source()
        self.sizes: dict[Value, list[Size]] = {}
        self.doubts: dict[Value, str] = {}
        self.constants: dict[Value, Samples] = {}
        self.folded: dict[Op, tuple[list[Samples], list[Samples]]] = {}
        self.shifts, self.centered = shifts(graph), centered(graph)
        self.variances = variances(graph)
        self.top = Scope(self, {})

    def run(self) -> "Scope":
        """Runs all; returns the values outside of loops."""
        with np.errstate(all="ignore"):  # what is not finite is told by its size
            self.top.run(self.graph.ops)
        return self.top

    def outputs(self) -> list[Samples]:
        """The samples of the outputs."""
        return [self.top.get(i) for i in self.graph.outputs]


class Scope:
    """The values of one iteration, on top of those around the loop."""

    def __init__(
        self, forward: Forward, links: Mapping[Value, Callable[[], Samples]],
        outer: "Scope | None" = None, body: frozenset[Value] = frozenset(),
    ):  # fmt: skip
        self.forward, self.links, self.outer, self.body = forward, links, outer, body
        self.known: dict[Value, Samples] = {}

    def run(self, ops: Iterable[Op]) -> None:
        """Makes what operations make, but for what waits to be read."""
        for op in ops:
            if not self.forward.lazy.issuperset(op.outputs):
                self.make(op)

    def get(self, value: Value) -> Samples:
        """The samples of a value."""
        if value in self.known:
            return self.known[value]
        if value in self.links:
            return self._put(value, self.links[value]())
        if self.outer is not None and value not in self.body:
            return self.outer.get(value)
        graph = self.forward.graph
        if value in graph.constants:
            return self._put(value, self._constant(value))
        maker = graph.makers.get(value)
        if maker is None:
            return self._put(value, self.forward.given(value))
        self.make(maker)
        return self.known[value]

    def seen(self, value: Value) -> Samples | None:
        """The samples of a value that was made in this iteration, or around it."""
        found = self.known.get(value)
        return found if found or self.outer is None else self.outer.seen(value)

    @property
    def source(self) -> Source:
        """The draws."""
        return self.forward.source

    def _put(self, value: Value, samples: Samples) -> Samples:
        self.known[value] = samples
        self.forward.sizes.setdefault(value, []).append(samples.size)
        if samples.doubt:
            self.forward.doubts[value] = samples.doubt
        return samples

    def make(self, op: Op) -> None:
        """Runs one operation."""
        self.forward.before(op, self)
        if op.body is not None and op.name in _BODIES:
            made = _BODIES[op.name](self, op)
        else:
            made = self._apply(op, [self.get(i) for i in op.inputs])
        for value, samples in zip(op.outputs, made, strict=True):
            self._put(value, self.forward.after(op, self, samples))

    def _constant(self, value: Value) -> Samples:
        known = self.forward.constants
        if value not in known:
            known[value] = _constant(self.forward.graph.constants[value], self.source)
        return known[value]

    def _folded(self, op: Op, operands: list[Samples]) -> list[Samples] | None:
        """What is known where all operands are: the same in each turn of a loop."""
        before, made = self.forward.folded.get(op, ([], []))
        if made and all(map(operator.is_, operands, before)):
            return made
        types = self.forward.graph.types
        known = folded(op, operands, [types[i] for i in op.outputs])
        if known is None:
            return None
        made = [self.source.array(array) for array in known]
        self.forward.folded[op] = operands, made
        return made

    def _apply(self, op: Op, operands: list[Samples]) -> Sequence[Samples]:
        known = self._folded(op, operands)
        if known is not None:
            return known
        variance = self.forward.variances.get(op)
        made = told(variance, self.get, self._apply) if variance else None
        if made is not None:
            return [made]
        inner = body_jaxpr(op.equation) if op.equation else None
        if inner is not None:
            return self._called(inner, operands)
        types = self.forward.graph.types
        if op in self.forward.shifts:
            return [shift(operands[0], types[op.outputs[0]])]
        kinds = [types[i] for i in op.inputs], [types[i] for i in op.outputs]
        zeros = [self.forward.centered.get(i, frozenset()) for i in op.inputs]
        call = Call(op.name, op.params, operands, *kinds, self.source, zeros)
        return run(op.traits.rule, call)

    def _called(self, jaxpr: Any, operands: list[Samples]) -> list[Samples]:
        graph = flatten(jaxpr)
        given = dict(zip(graph.inputs, operands, strict=False))
        inner = Forward(graph, given.__getitem__, source=self.source)
        inner.run()
        return inner.outputs()


def _constant(value: Any, source: Source) -> Samples:
    if isinstance(value, Tracer) or _is_key(value):
        ndim = len(jnp.shape(value))
        made = opaque(ndim, source)
        traced = isinstance(value, Tracer) and not _is_key(value)
        return made.doubted("a constant that is traced" if traced else "")
    array = np.asarray(value)
    return source.array(functions.converted(array, array.dtype))


def _is_key(value: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(value), jax.dtypes.prng_key)


def _scan(scope: Scope, op: Op) -> list[Samples]:
    """A loop, iteration by iteration, until it comes to rest."""
    assert op.body
    length, body = op.params["length"], op.body
    carries = [link for link in body.enter if link.kind is Link.CARRY]
    state = [scope.get(link.inputs[0]) for link in carries]
    sizes = [[each.second for each in state]]
    seen: list[list[Samples]] = []
    turns = range(min(length, TURNS))
    backwards = op.params.get("reverse", False)
    for turn in turns:
        at = length - 1 - turn if backwards else turn
        inner = _turn(
            scope,
            op,
            at,
            dict(zip((c.outputs[0] for c in carries), state, strict=True)),
        )
        inner.run(body.ops)
        results = [inner.get(link.inputs[0]) for link in body.leave]
        new, before = results[: body.carries], state
        state = new
        sizes.append([each.second for each in state])
        seen.append(results[body.carries :])
        if turn > 2 and _settled(before, new):
            break
    if any(map(_runs_away, zip(*sizes, strict=True))):
        state = [each.doubted(_RUNAWAY) for each in state]
        seen[-1] = [each.doubted(_RUNAWAY) for each in seen[-1]]
    if not seen:
        return [scope.get(i) for i in op.inputs[:0]]
    stacks = [_stacked(each, length, scope.source) for each in zip(*seen, strict=True)]
    return [*state, *stacks]


_RUNAWAY = "a loop in which an error of size grows with every turn"


def _runs_away(sizes: Sequence[float]) -> bool:
    """Whether the size of a carry changes by a factor that grows itself."""
    if len(sizes) < 3 or not min(sizes) > 0:
        return False
    steps = np.diff(np.log(sizes))
    return bool(np.any((abs(steps[:-1]) > 0.05) & (abs(steps[1:] / steps[:-1]) > 1.3)))


def _turn(scope: Scope, op: Op, at: int, carried: dict[Value, Samples]) -> Scope:
    """The values of one iteration, with those that enter it."""
    assert op.body
    links: dict[Value, Callable[[], Samples]] = {}
    for link in op.body.enter:
        (inner,) = link.outputs
        if link.kind is Link.CARRY:
            links[inner] = lambda i=inner: carried[i]
        elif link.kind is Link.UNSTACK:
            links[inner] = lambda i=link.inputs[0]: _unstacked(
                scope.get(i), at, scope.source
            )
        else:
            links[inner] = lambda i=link.inputs[0]: scope.get(i)
    return Scope(scope.forward, links, scope, op.body.values)


def _unstacked(x: Samples, at: int, source: Source) -> Samples:
    if x.array is not None:
        return (
            source.array(x.array[at])
            if x.axes[0] is not EQUAL
            else source.array(x.array[0])
        )
    kept = list(range(1, len(x.axes)))
    if x.axes[0] is EQUAL:
        return x.picked(kept)
    return x.picked(kept).shuffled(at)


def _stacked(results: Sequence[Samples], length: int, source: Source) -> Samples:
    """The results of all iterations along a new first axis."""
    first = results[0]
    if all(each is first for each in results):
        return first.picked([None, *range(len(first.axes))])
    wide = [each.picked([None, *range(len(each.axes))]) for each in results]
    rest = length - len(wide)  # iterations like the last
    return mixed(wide, [*(1.0 for _ in wide[1:]), 1.0 + rest], 0, source)


def _settled(before: Sequence[Samples], after: Sequence[Samples]) -> bool:
    return all(
        math.isclose(a.second, b.second, rel_tol=SETTLED, abs_tol=1e-30)
        for a, b in zip(before, after, strict=True)
    )


def _while(scope: Scope, op: Op) -> list[Samples]:
    """A loop of unknown length: what one iteration makes, in doubt."""
    assert op.body
    carries = [link for link in op.body.enter if link.kind is Link.CARRY]
    state = {link.outputs[0]: scope.get(link.inputs[0]) for link in carries}
    inner = _turn(scope, op, 0, state)
    inner.run(op.body.ops)
    why = "a `while` loop runs as often as it will"
    results = [inner.get(link.inputs[0]) for link in op.body.leave]
    return [
        new if new is old else new.doubted(why)
        for new, old in zip(results, state.values(), strict=True)
    ]


def _cond(scope: Scope, op: Op) -> list[Samples]:
    """Branches: any of them."""
    assert op.body
    inner = _turn(scope, op, 0, {})
    inner.run(op.body.ops)
    which = scope.get(op.inputs[0])
    made = []
    for link in op.body.leave:
        results = [inner.get(i) for i in link.inputs]
        if which.is_number and which.array is not None:
            chosen = int(np.clip(which.array.reshape(-1)[0], 0, len(results) - 1))
            made.append(results[chosen])
        else:
            made.append(_any_of(results, scope.source))
    return made


def _any_of(results: Sequence[Samples], source: Source) -> Samples:
    sizes = [each.size for each in results]
    if all(np.allclose(size, sizes[0], rtol=1e-2, atol=1e-6) for size in sizes):
        return results[0]
    axes = [EQUAL, *results[0].axes]
    wide = [each.picked([None, *range(len(each.axes))]) for each in results]
    return mixed(wide, [1.0] * len(wide), 0, source).picked(range(1, len(axes)))


def _shard_map(scope: Scope, op: Op) -> list[Samples]:
    assert op.body
    inner = _turn(scope, op, 0, {})
    inner.run(op.body.ops)
    return [inner.get(link.inputs[0]) for link in op.body.leave]


_BODIES: dict[str, Callable[[Scope, Op], list[Samples]]] = {
    "cond": _cond,
    "scan": _scan,
    "shard_map": _shard_map,
    "while": _while,
}
