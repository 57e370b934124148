"""What every parameter of a model gets, and why."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from .._core import (
    aligned,
    digits,
    Initializer,
    printable,
    rich_table,
    shown,
    sizes,
    track,
    warn,
)
from .._reading import make_own, Own, Prediction, Role, Row
from .keys import path_keys


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
        own: What the model itself makes of it, where that stays.
        reads: Of a kernel, E x² of what its layer reads, as is predicted.
        makes: E z² of what its layer makes, its bias included.
        doubt: Why these are not sure; nothing where they are.
    """

    path: str
    shape: tuple[int, ...]
    initializer: Initializer | None
    reason: str
    role: Role = "unknown"
    order: int | None = None
    own: Own | None = dataclasses.field(default=None, repr=False, compare=False)
    reads: float | None = None
    makes: float | None = None
    doubt: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """A choice for every parameter; prints as a table."""

    choices: tuple[Choice, ...]

    def __iter__(self) -> Iterator[Choice]:
        return iter(self.choices)

    def __len__(self) -> int:
        return len(self.choices)

    def draw(self, key: jax.Array | None, params: Any, shardings: Any = None) -> Any:
        """The weights, in the structure of `params`, which gives dtypes too.

        Args:
            key: A PRNG key; None where no law is random.
            params: A tree of arrays or shapes.
            shardings: A sharding for every leaf of it, or None.
        """
        leaves, structure = jax.tree.flatten(params)
        places = [None] * len(leaves) if shardings is None else shardings
        keys = _keys(key, [choice.path for choice in self.choices])
        own = self._own(key, places)
        work = zip(self.choices, keys, leaves, places, strict=True)
        drawn = [
            own[i] if i in own else _draw(*each)
            for i, each in enumerate(track(work, len(leaves), "drawing"))
        ]
        return jax.tree.unflatten(structure, drawn)

    def require_key(self, where: str, key: Any) -> None:
        """Refuses to draw without a key what is random, for the function `where`."""
        laws = [(each.path, each.initializer) for each in self if each.initializer]
        random = next((x for x in laws if x[1].law.is_random), None)
        if key is None and random:
            raise TypeError(
                f"`{where}` needs a key to draw {random[1]} for "
                f"{printable(random[0])}. Got None. Make one: `jax.random.key(0)`."
            )

    def _own(
        self, key: jax.Array | None, places: Sequence[Any]
    ) -> Mapping[int, jax.Array]:
        """What the model itself makes, by number, where it is there or is no law."""
        own = {
            i: choice.own
            for i, choice in enumerate(self.choices)
            if choice.own and (choice.initializer is None or choice.own.is_there)
        }
        made = make_own([*own.values()], key, [places[i] for i in own])
        return dict(zip(own, made, strict=True))

    def __str__(self) -> str:
        return aligned([_HEAD, *self._cells()], left=6)

    def __rich__(self) -> Any:
        return rich_table(_HEAD, self._cells())

    def with_predictions(self, found: Mapping[str, Prediction]) -> "Plan":
        """The same, with what is predicted at each kernel's layer, by path."""
        return Plan(tuple(_predicted(each, found.get(each.path)) for each in self))

    @property
    def unsure(self) -> tuple[Choice, ...]:
        """The choices that rest on what is not understood; see their `doubt`."""
        return tuple(choice for choice in self.choices if choice.doubt)

    def warn_of_doubts(self, where: str) -> None:
        """Warns once, with all that is not sure, if anything is."""
        if not self.unsure:
            return
        listed = "\n".join(f"  {each.path}: {each.doubt}" for each in self.unsure)
        warn(
            f"`{where}` is not sure how large the signals at {len(self.unsure)} of "
            f"{len(self)} parameters are:\n{listed}\nMeasure them with `jinit.probe`, "
            "scale them by data with `jinit.lsuv`, or say by `rules` what they are.",
        )

    def _cells(self) -> Iterator[tuple[str, ...]]:
        last = len(self.choices)
        place = lambda choice: last if choice.order is None else choice.order
        for choice in sorted(self.choices, key=place):
            law = "kept"
            if choice.initializer is not None:
                law = shown(choice.initializer, 100)
            moments = (_moment(each) for each in (choice.reads, choice.makes))
            doubt = f"unsure: {choice.doubt}" if choice.doubt else ""
            why = "; ".join(filter(None, (choice.reason, doubt)))
            yield choice.path, sizes(choice.shape) or "scalar", law, *moments, why


def warn_of_none_used(where: str, rows: Iterable[Choice | Row]) -> None:
    """Warns of a model whose outputs depend on none of its parameters."""
    roles = [row.role for row in rows]
    if roles and all(role == "unused" for role in roles):
        warn(
            f"`{where}` finds no parameter that reaches an output: all are unused. "
            "Does the function read its params, its first argument, or others that it "
            "closes over?"
        )


def _predicted(choice: Choice, found: Prediction | None) -> Choice:
    if found is None:
        return choice
    return dataclasses.replace(
        choice, reads=found.reads, makes=found.makes, doubt=found.doubt
    )


def _moment(second: float | None) -> str:
    return "" if second is None else digits(second)


_HEAD = ("parameter", "shape", "law", "E x²", "E z²", "why")


def _keys(key: jax.Array | None, paths: Sequence[str]) -> Sequence[Any]:
    if key is None:
        return [None] * len(paths)
    keys = path_keys(key, paths)
    if isinstance(keys, Tracer):  # a key that a function closes over is traced there
        return list(keys)
    # As NumPy's: every process of several has them, and none is dispatched for itself.
    data, kind = np.asarray(jax.random.key_data(keys)), jax.random.key_impl(keys)
    return [(each, kind) for each in data]


def _draw(choice: Choice, key: Any, leaf: Any, sharding: Any) -> Any:
    initializer, shape, dtype = choice.initializer, choice.shape, leaf.dtype
    if initializer is None:
        return leaf
    if not initializer.law.is_random:
        return initializer(None, shape, dtype, sharding)
    if not isinstance(key, tuple):
        return initializer(key, shape, dtype, sharding)
    data, kind = key
    if initializer._is_traced:
        key = jax.random.wrap_key_data(jax.device_put(data), impl=kind)
        return initializer(key, shape, dtype, sharding)
    return initializer._draw_from(data, kind, shape, np.dtype(dtype), sharding)
