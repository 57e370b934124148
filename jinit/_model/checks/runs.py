"""Many runs of one model side by side: learning rates and seeds in one program."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from ..._frameworks import again, Subject
from .training import Batch, bound, Loss, Step


Make: TypeAlias = Callable[[int, Any, jax.Array], tuple[Any, ...]]

PARTS = 10  # in which a run is made, for its progress and a Ctrl-C
TAIL = 0.1  # of the steps at the end, whose loss counts


class State(NamedTuple):
    """Where a run is.

    Attributes:
        weights: Its weights.
        memory: That of its optimizer.
        order: The numbers of its batches, in the order of its seed.
        first: The loss of its first step.
        tail: The sum of the losses that count.
    """

    weights: Any
    memory: Any
    order: jax.Array
    first: jax.Array
    tail: jax.Array


@dataclasses.dataclass(frozen=True)
class Runs:
    """How the models of one size are made and trained: see `jinit.transfer`.

    Attributes:
        where: The public function that asks.
        make: Gives the model, its weights and its optimizer.
        size: The size.
        batches: The batches, one per step.
        loss: The loss.
        steps: How many steps.
    """

    where: str
    make: Make
    size: int
    batches: Sequence[Batch]
    loss: Loss
    steps: int

    @functools.cached_property
    def tail(self) -> int:
        """The last steps, whose losses count."""
        return max(1, round(TAIL * self.steps))

    @functools.cached_property
    def data(self) -> Any:
        """All batches as one, along a new axis in front."""
        kinds = {str(jax.tree.map(jax.typeof, batch)) for batch in self.batches}
        if len(kinds) > 1:
            raise ValueError(
                f"`{self.where}` needs batches of one shape and dtype. Got "
                f"{', '.join(sorted(kinds))}. Leave out the last, if it is shorter."
            )
        return jax.tree.map(lambda *each: jnp.stack(each), *self.batches)

    def made(self, rate: Any, seed: Any) -> tuple[Subject, Any]:
        """The model and the optimizer of a run."""
        key = jax.random.fold_in(jax.random.key(0), seed)
        return bound(self.where, self.make(self.size, rate, key), self.batches[0][0])

    def start(self, weights: Any, optimizer: Any, seed: Any) -> State:
        """A run at its start, with its batches in an order of its seed."""
        key = jax.random.fold_in(jax.random.key(1), seed)
        order = jax.random.permutation(key, len(self.batches))
        zero = jnp.zeros((), jnp.float32)
        return State(weights, optimizer.init(weights), order, zero, zero)

    def advance(
        self, state: State, subject: Subject, optimizer: Any, data: Any, span: Any
    ) -> State:
        """A run after the steps from one number to another."""
        step = Step(subject, optimizer, self.loss)
        first, last = span

        def body(t: jax.Array, now: State) -> State:
            which = now.order[t % len(self.batches)]
            inputs, targets = jax.tree.map(lambda x: x[which], data)
            seen = again(subject, inputs).inputs
            weights, memory, loss = step(now.weights, now.memory, seen, targets)
            loss = loss.astype(jnp.float32)
            counts = t >= self.steps - self.tail
            return State(
                weights, memory, now.order,
                jnp.where(t == 0, loss, now.first),
                now.tail + jnp.where(counts, loss, 0),
            )  # fmt: skip

        return jax.lax.fori_loop(first, last, body, state)

    def spans(self) -> Iterator[np.ndarray]:
        """From which step to which, part by part."""
        ends = np.linspace(0, self.steps, min(self.steps, PARTS) + 1).round()
        return iter(np.stack([ends[:-1], ends[1:]], axis=1).astype(np.int32))


class Losses(NamedTuple):
    """What became of runs.

    Attributes:
        first: By run, the loss of the first step.
        last: By run, the mean loss of the last steps; ∞ where it has diverged.
    """

    first: np.ndarray
    last: np.ndarray


def side_by_side(
    runs: Runs, rates: np.ndarray, seeds: np.ndarray
) -> Iterator[Losses | None]:
    """Trains all pairs in one program, as many at once as there is memory for.

    `make` is traced for that, with its learning rate. One that needs a number is called
    with each, and the seeds of it are trained together.

    Args:
        runs: What is trained.
        rates: The learning rate of each run.
        seeds: And its seed.

    Yields:
        None after each part of the way, and the losses in the end.
    """
    try:
        program = _traced(runs, len(rates))
    except Exception:  # whatever `make` says of a number that is not there
        yield from _by_rate(runs, rates, seeds)
        return
    found = []
    for batch in np.array_split(np.arange(len(rates)), -(-len(rates) // program.size)):
        # The last may be shorter, and repeats a run instead of compiling anew.
        full = np.resize(batch, program.size)
        state = program.start(rates[full], seeds[full])
        for span in runs.spans():
            state = program.advance(state, rates[full], seeds[full], runs.data, span)
            jax.block_until_ready(state.tail)
            yield None
        found.append(_losses(runs, state, len(batch)))
    yield Losses(*map(np.concatenate, zip(*found, strict=True)))


class _Program(NamedTuple):
    """What is compiled for so many runs at once."""

    size: int
    start: Callable[..., State]
    advance: Callable[..., State]


def _traced(runs: Runs, count: int) -> _Program:
    """The program of all runs; of half of them where there is no memory for it."""

    def start(rate: Any, seed: Any) -> State:
        subject, optimizer = runs.made(rate, seed)
        return runs.start(subject.weights, optimizer, seed)

    def advance(state: State, rate: Any, seed: Any, data: Any, span: Any) -> State:
        subject, optimizer = runs.made(rate, seed)  # weights are not read, nor drawn
        return runs.advance(state, subject, optimizer, data, span)

    every_start = jax.jit(jax.vmap(start))
    every = jax.jit(jax.vmap(advance, (0, 0, 0, None, None)))
    span = jax.ShapeDtypeStruct((2,), "int32")
    size = count
    while True:
        pair = [jax.ShapeDtypeStruct((size,), kind) for kind in ("float32", "int32")]
        states = jax.eval_shape(every_start, *pair)
        compiled = every.lower(states, *pair, runs.data, span).compile()
        if size == 1 or _fits(compiled):
            return _Program(size, every_start, compiled)
        size = -(-size // 2)


def _fits(compiled: Any) -> bool:
    """Whether there is memory for what a program needs."""
    needs = compiled.memory_analysis()
    if needs is None:
        return True
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    return sum(getattr(needs, part, 0) for part in parts) < 0.5 * _free_bytes()


def _free_bytes() -> float:
    device = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in device:
        return device["bytes_limit"] - device.get("bytes_in_use", 0)
    names = getattr(os, "sysconf_names", {})
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in names else "SC_PHYS_PAGES"
    if pages not in names:
        return 4 * 2.0**30
    return float(os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE"))


def _by_rate(
    runs: Runs, rates: np.ndarray, seeds: np.ndarray
) -> Iterator[Losses | None]:
    """The same with a program per learning rate, and the seeds of it side by side."""
    first, last = np.zeros(len(rates)), np.zeros(len(rates))
    for rate in np.unique(rates):
        own = np.flatnonzero(rates == rate)
        made = [runs.made(float(rate), int(seed)) for seed in seeds[own]]
        subject, optimizer = made[0]
        weights = [each.weights for each, _ in made]
        stacked = jax.tree.map(lambda *each: jnp.stack(each), *weights)
        begin = lambda w, seed, optimizer=optimizer: runs.start(w, optimizer, seed)
        state = jax.vmap(begin)(stacked, seeds[own])
        part = functools.partial(runs.advance, subject=subject, optimizer=optimizer)
        advance = jax.jit(
            jax.vmap(
                lambda state, data, span, part=part: part(state, data=data, span=span),
                (0, None, None),
            )
        )
        for span in runs.spans():
            state = advance(state, runs.data, span)
            jax.block_until_ready(state.tail)
            yield None
        first[own], last[own] = _losses(runs, state, len(own))
    yield Losses(first, last)


def _losses(runs: Runs, state: State, count: int) -> Losses:
    first, tail = np.asarray(state.first), np.asarray(state.tail) / runs.tail
    last = np.where(np.isfinite(tail), tail, np.inf)
    return Losses(first[:count].astype(float), last[:count].astype(float))
