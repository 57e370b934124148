"""Layers trained one after another, each on what those below make of the data."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._core import check, check_key, Count, stoppable, track
from .records import Epoch, History
from .rows import as_rows, check_held_out, Rows, Survey, survey


AnyLayer = TypeVar("AnyLayer", bound=Any)
LayerSeen = TypeVar("LayerSeen", bound=Any, contravariant=True)


class Learner(Protocol[LayerSeen]):
    """How one layer is trained: a pytree, so that equal kinds compile once."""

    @property
    def unit_interval(self) -> bool:
        """Whether data must be from 0 to 1."""
        ...

    def start(self, seen: Survey, width: int, batch_size: int, key: jax.Array) -> Any:
        """A state with a `layer`, before training."""
        ...

    def step(self, state: Any, v: jax.Array, key: jax.Array, epoch: jax.Array) -> Any:
        """The state after a minibatch."""
        ...

    def measure(
        self, layer: LayerSeen, shown: jax.Array, held_out: Any, key: jax.Array
    ) -> dict[str, jax.Array]:
        """What an `Epoch` records of a layer."""
        ...


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How often the data are read, and in which pieces."""

    where: str
    epochs: int
    batch_size: int
    shuffle: bool

    def __post_init__(self) -> None:
        check(self.where, "epochs", Count, self.epochs)
        check(self.where, "batch_size", Count, self.batch_size)


def check_widths(where: str, widths: Any) -> Sequence[int]:
    """The widths, if they are one or more counts."""
    if np.ndim(widths) != 1 or not len(widths):
        raise TypeError(
            f"`{where}` needs `widths` to be a list of one or more whole numbers. Got "
            f"{widths!r}."
        )
    return [check(where, "widths", Count, width) for width in widths]


class Pretrained(NamedTuple, Generic[AnyLayer]):
    """Layers from the data up, and the record of their training."""

    layers: tuple[AnyLayer, ...]
    record: History


def greedy(
    schedule: Schedule,
    learners: Sequence[Learner[AnyLayer]],
    widths: Sequence[int],
    data: Any,
    held_out: Any,
    key: jax.Array,
) -> Pretrained[AnyLayer]:
    """Trains a layer, freezes it, and goes on with what it makes of the data.

    A Ctrl-C ends it with a warning and keeps what the last finished epoch left; before
    the first there is nothing to keep, and it is raised.
    """
    key = check_key(schedule.where, key)
    rows = as_rows(schedule.where, data)
    if held_out is not None:
        (held_out,) = as_rows(schedule.where, jnp.asarray(held_out))
    reached = _epochs(schedule, learners, widths, rows, held_out, key)
    layer, epoch = next(reached)
    layers, history = {1: layer}, [epoch]
    with stoppable(schedule.where):
        for layer, epoch in reached:
            layers[epoch.layer] = layer
            history.append(epoch)
    return Pretrained(tuple(layers.values()), History(tuple(history)))


def _epochs(
    schedule: Schedule,
    learners: Sequence[Learner[AnyLayer]],
    widths: Sequence[int],
    rows: Rows,
    held_out: Any,
    key: jax.Array,
) -> Iterator[tuple[AnyLayer, Epoch]]:
    """Every layer after every epoch, and what it has reached there."""
    for number, (learner, width) in enumerate(zip(learners, widths, strict=True), 1):
        key_start, key_train, key_measure = _keys(key, jax.device_put(number))
        seen = survey(schedule.where, rows, schedule.batch_size, learner.unit_interval)
        if held_out is not None:
            check_held_out(schedule.where, held_out, seen, learner.unit_interval)
        state = learner.start(seen, width, schedule.batch_size, key_start)
        rounds = range(1, schedule.epochs + 1)
        for epoch in track(rounds, schedule.epochs, f"layer {number}"):
            state = _epoch(schedule, learner, state, rows, epoch, key_train)
            key_again = jax.random.clone(key_measure)  # every epoch, for one yardstick
            finite, measured = _look(
                learner, state.layer, seen.shown, held_out, key_again
            )
            if not finite:
                raise ValueError(
                    f"`{schedule.where}` needs weights that stay finite. Got inf or "
                    f"nan in layer {number}, epoch {epoch}. Lower the learning rate."
                )
            values = {name: float(value) for name, value in measured.items()}
            yield state.layer, Epoch(number, epoch, **values)
        encode = functools.partial(_encode, state.layer)
        rows = rows.through(encode)
        held_out = None if held_out is None else encode(held_out)


def _epoch(
    schedule: Schedule,
    learner: Learner,
    state: Any,
    rows: Rows,
    epoch: int,
    key: jax.Array,
) -> Any:
    place = jax.device_put(epoch)
    key = jax.random.fold_in(key, place)
    done = 0  # minibatches, whose number makes their key
    for x in rows:
        if batches := len(x) // schedule.batch_size:
            sizes = batches, schedule.batch_size, schedule.shuffle
            state = _sweep(learner, state, x, key, place, jax.device_put(done), *sizes)
            done += batches
    return state


@jax.jit
def _keys(key: jax.Array, layer: jax.Array) -> tuple[jax.Array, ...]:
    """The keys of a layer: of its start, its training and what is measured."""
    return tuple(jax.random.split(jax.random.fold_in(key, layer), 3))


@functools.partial(jax.jit, static_argnames=("batches", "size", "shuffle"))
def _sweep(
    learner: Learner,
    state: Any,
    x: jax.Array,
    key: jax.Array,
    epoch: jax.Array,
    done: jax.Array,
    batches: int,
    size: int,
    shuffle: bool,
) -> Any:
    """All minibatches of an array, as one program."""
    key_order, key_steps = jax.random.split(key)
    order = jnp.arange(len(x))
    if shuffle:
        order = jax.random.permutation(jax.random.fold_in(key_order, done), order)

    def step(state: Any, batch: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
        number, chosen = batch
        key = jax.random.fold_in(key_steps, number)
        return learner.step(state, x[chosen], key, epoch), None

    chosen = order[: batches * size].reshape(batches, size)
    return lax.scan(step, state, (done + jnp.arange(batches), chosen))[0]


@jax.jit
def _look(
    learner: Learner, layer: Any, shown: jax.Array, held_out: Any, key: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(layer)]
    return jnp.stack(finite).all(), learner.measure(layer, shown, held_out, key)


@jax.jit
def _encode(layer: Any, v: jax.Array) -> jax.Array:
    return layer.encode(v)
