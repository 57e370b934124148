"""A call of a primitive on samples, and the form of its rule."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from .source import Source
from .value import Samples


class Call(NamedTuple):
    """One operation: its parameters, its operands as samples, its types.

    Of each operand, `zeros` are the axes along which its entries sum to 0.
    """

    name: str
    params: Mapping[str, Any]
    operands: Sequence[Samples]
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    source: Source
    zeros: Sequence[frozenset[int]] = (frozenset(), frozenset())

    @property
    def ndim(self) -> int:
        """The axes of the (first) result."""
        return len(self.outputs[0].shape)

    @property
    def before(self) -> tuple[int, ...]:
        """The shape of the first operand."""
        return tuple(self.inputs[0].shape)

    @property
    def after(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return tuple(self.outputs[0].shape)


Result: TypeAlias = Samples | Sequence[Samples]
Rule: TypeAlias = Callable[[Call], Result]
