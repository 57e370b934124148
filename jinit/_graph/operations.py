"""A computation as operations on numbered values: what a jaxpr says, without its nests.

A jitted function inside another is opened up, so that what follows a layer is the next
operation, not the end of a list. Loops and branches stay single operations, to be run,
and carry the operations of their body, to be read: `Graph.steps`.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NewType

from jax.extend.core import JaxprEqn

from .bodies import Link, Loop
from .primitives import traits
from .traits import Traits


# The number of a value in its graph, and of a layer in its model.
Value = NewType("Value", int)
LayerIndex = NewType("LayerIndex", int)


@dataclasses.dataclass(frozen=True, eq=False)
class Op:
    """One operation on the numbered values of a graph: outputs = equation(inputs).

    A link has no equation: it says under which number a body knows an outer value.
    """

    kind: str | Link
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    equation: JaxprEqn | None = None
    body: "Body | None" = None

    @property
    def name(self) -> str:
        """The name of the primitive, or of the link, for a person to read."""
        return self.kind.value if isinstance(self.kind, Link) else self.kind

    @functools.cached_property
    def traits(self) -> Traits:
        """What is known of the primitive, or of the link."""
        return traits(self.kind)

    @property
    def data(self) -> tuple[Value, ...]:
        """The inputs that hold data, where others are indices."""
        return self.inputs[self.traits.data]

    @property
    def linear(self) -> tuple[Value, ...]:
        """The inputs that it is linear in."""
        linear = self.traits.linear
        return () if linear is None else self.inputs[linear]

    @property
    def scans(self) -> bool:
        """Whether it is a loop that can be run with values inside looked at."""
        loop = self.traits.unrolls
        return isinstance(loop, Loop) and loop.scans

    @property
    def params(self) -> Mapping[str, Any]:
        """The primitive's parameters."""
        return self.equation.params if self.equation else {}

    def bind(self, *operands: Any) -> Sequence[Any]:
        """Runs the operation on `operands`."""
        assert self.equation is not None
        primitive = self.equation.primitive
        with self.equation.ctx.manager:
            result = primitive.bind(*operands, **primitive.get_bind_params(self.params))
        return result if primitive.multiple_results else (result,)


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """What a loop runs each time, or a branch once.

    Attributes:
        enter: Links from outer values.
        ops: The operations.
        leave: Links to outer values.
        carries: How many values pass from one iteration to the next.
    """

    enter: tuple[Op, ...]
    ops: tuple[Op, ...]
    leave: tuple[Op, ...]
    carries: int = 0

    def split(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """The operands of a scan: constants, first carries, and those it slices."""
        pairs = [*zip(self.enter, operands, strict=True)]
        kinds = (Link.ENTER, Link.CARRY, Link.UNSTACK)
        constants, carries, slices = (
            [operand for link, operand in pairs if link.kind is kind] for kind in kinds
        )
        return constants, carries, slices

    @functools.cached_property
    def is_choice(self) -> bool:
        """Whether one of several branches is run."""
        return any(link.kind is Link.EITHER for link in self.leave)

    @functools.cached_property
    def steps(self) -> tuple[Op, ...]:
        """The operations inside, those of inner bodies included, and the links."""
        return (*self.enter, *_steps(self.ops), *self.leave)

    @functools.cached_property
    def values(self) -> frozenset[Value]:
        """The numbers made inside."""
        inner = (step for step in self.steps if step not in self.leave)
        return frozenset(value for step in inner for value in step.outputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A flat computation over numbered values, each made by at most one operation."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    ops: tuple[Op, ...]
    constants: Mapping[Value, Any]
    types: tuple[Any, ...]

    @functools.cached_property
    def steps(self) -> tuple[Op, ...]:
        """The operations; of a loop or branch, those inside and the links."""
        return tuple(_steps(self.ops))

    @functools.cached_property
    def order(self) -> Mapping[Op, int]:
        """The place of each step among all."""
        return {step: i for i, step in enumerate(self.steps)}

    @functools.cached_property
    def makers(self) -> Mapping[Value, Op]:
        """The step that makes each value."""
        return {value: step for step in self.steps for value in step.outputs}

    @functools.cached_property
    def readers(self) -> Mapping[Value, tuple[Op, ...]]:
        """The steps that read each value."""
        readers: dict[Value, tuple[Op, ...]] = {}
        for step in self.steps:
            for value in set(step.inputs):
                readers[value] = (*readers.get(value, ()), step)
        return readers

    @functools.cached_property
    def loops(self) -> Mapping[Value, tuple[Op, ...]]:
        """Whose bodies each inner value belongs to, outermost first."""
        loops: dict[Value, tuple[Op, ...]] = {}

        def walk(ops: Iterable[Op], around: tuple[Op, ...]) -> None:
            for op in ops:
                if op.body:
                    inner = (*around, op)
                    links = [i for link in op.body.enter for i in link.outputs]
                    loops.update(dict.fromkeys(links, inner))
                    walk(op.body.ops, inner)
                if around:
                    loops.update(dict.fromkeys(op.outputs, around))

        walk(self.ops, ())
        return loops

    @functools.cached_property
    def fixed(self) -> frozenset[Value]:
        """The values that depend on no input, but for those from loops."""
        fixed = set(self.constants)
        for step in self.steps:
            is_run = step.kind is Link.ENTER or step.equation is not None
            if is_run and step.body is None and fixed.issuperset(step.inputs):
                fixed.update(step.outputs)
        return frozenset(fixed)

    def constant(self, value: Value) -> Any:
        """What a value is that depends on no input; None for others, and from loops."""
        if value not in self.fixed:
            return None
        if value not in self._known:
            self._known[value] = self._constant(value)
        return self._known[value]

    @functools.cached_property
    def _known(self) -> dict[Value, Any]:
        return dict(self.constants)

    def _constant(self, value: Value) -> Any:
        maker = self.makers[value]
        operands = [self.constant(i) for i in maker.inputs]
        if maker.kind is Link.ENTER:
            return operands[0]
        return maker.bind(*operands)[maker.outputs.index(value)]


def _steps(ops: Iterable[Op]) -> Iterator[Op]:
    for op in ops:
        if op.body:
            yield from op.body.steps
        else:
            yield op


def live(ops: Sequence[Op], outputs: Sequence[Value]) -> tuple[Op, ...]:
    """The operations that the outputs depend on."""
    needed, found = set(outputs), []
    for op in reversed(ops):
        if needed.intersection(op.outputs):
            needed.update(op.inputs)
            found.append(op)
    return tuple(reversed(found))
