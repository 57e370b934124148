"""What every parameter of a model gets, and why."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax

from ..core.initializer import Initializer
from ..core.text import aligned, rich_table
from ..graph.roles import Role
from .keys import path_key


@dataclasses.dataclass(frozen=True)
class Choice:
    """What one parameter gets, and why.

    Attributes:
        path: Its path in the tree.
        shape: Its shape.
        initializer: The law to draw from; None where the value is kept.
        reason: Why.
        role: Its role in the trace.
        order: Its place in the computation; None if it is unused.
    """

    path: str
    shape: tuple[int, ...]
    initializer: Initializer | None
    reason: str
    role: Role
    order: int | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """The choices of `jinit.explain`, one per parameter; prints as a table."""

    choices: tuple[Choice, ...]

    def __iter__(self) -> Iterator[Choice]:
        return iter(self.choices)

    def __len__(self) -> int:
        return len(self.choices)

    def draw(self, key: jax.Array, params: Any) -> Any:
        """The weights, in the structure of `params`, which gives dtypes too."""
        leaves, structure = jax.tree.flatten(params)
        drawn = [
            leaf if choice.initializer is None else _draw(key, choice, leaf)
            for choice, leaf in zip(self.choices, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, drawn)

    def __str__(self) -> str:
        return aligned([_HEAD, *self._cells()], left=4)

    def __rich__(self) -> Any:
        return rich_table(_HEAD, self._cells())

    def _cells(self) -> Iterator[tuple[str, ...]]:
        last = len(self.choices)
        place = lambda choice: last if choice.order is None else choice.order
        for choice in sorted(self.choices, key=place):
            size = "×".join(map(str, choice.shape)) or "scalar"
            law = "kept" if choice.initializer is None else repr(choice.initializer)
            yield choice.path, size, law, choice.reason


_HEAD = ("parameter", "shape", "law", "why")


def _draw(key: jax.Array, choice: Choice, leaf: Any) -> jax.Array:
    assert choice.initializer is not None
    return choice.initializer(path_key(key, choice.path), choice.shape, leaf.dtype)
