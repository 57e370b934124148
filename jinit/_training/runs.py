"""Many runs of one model side by side: learning rates and seeds in one program."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from .._frameworks import again, Subject
from .step import Batch, bound, Loss, Step


Make: TypeAlias = Callable[[Any, jax.Array], tuple[Any, ...]]

PARTS = 10  # in which a run is made, for its progress and a Ctrl-C
POINTS = 200  # of a curve, at most; each is the mean loss of its steps
TAIL = 0.1  # of the steps at the end, whose loss counts


class State(NamedTuple):
    """Where a run is.

    Attributes:
        weights: Its weights.
        memory: That of its optimizer.
        order: The numbers of its batches, in the order of its seed.
        first: The loss of its first step.
        curve: The sums of the losses at each point of its curve.
    """

    weights: Any
    memory: Any
    order: jax.Array
    first: jax.Array
    curve: jax.Array


class Losses(NamedTuple):
    """What became of runs.

    Attributes:
        first: By run, the loss of the first step.
        curve: By run and point, the mean loss of the steps.
        held: By run, the mean loss of the batches held out; NaN where there are none.
    """

    first: np.ndarray
    curve: np.ndarray
    held: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """By run, the mean loss of the last steps; ∞ where it has diverged."""
        count = max(1, round(TAIL * self.curve.shape[-1]))
        return _or_infinite(self.curve[:, -count:].mean(axis=-1))


@dataclasses.dataclass(frozen=True, eq=False)
class Runs:
    """How a model is made and trained, at any learning rate and from any seed.

    Attributes:
        where: The public function that asks.
        make: Gives the model, its weights and its optimizer, from a rate and a key.
        batches: The batches, one per step, begun anew when they are used up.
        loss: The loss.
        steps: How many steps.
        held_out: Batches that are looked at in the end.
        programs: What is compiled already.
    """

    where: str
    make: Make
    batches: Sequence[Batch]
    loss: Loss
    steps: int
    held_out: Sequence[Batch] = ()
    programs: dict[Any, "_Program"] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def data(self) -> Any:
        """All batches as one, along a new axis in front."""
        return self._stacked(self.batches)

    def _stacked(self, batches: Sequence[Batch]) -> Any:
        kinds = {str(jax.tree.map(jax.typeof, batch)) for batch in batches}
        if len(kinds) > 1:
            raise ValueError(
                f"`{self.where}` needs batches of one shape and dtype. Got "
                f"{', '.join(sorted(kinds))}. Leave out the last, if it is shorter."
            )
        return jax.tree.map(lambda *each: jnp.stack(each), *batches)

    @functools.cached_property
    def points(self) -> np.ndarray:
        """By step, the number of its point."""
        return np.arange(self.steps) * min(self.steps, POINTS) // self.steps

    def made(self, rate: Any, seed: Any) -> tuple[Subject, Any]:
        """The model and the optimizer of a run."""
        key = jax.random.fold_in(jax.random.key(0), seed)
        return bound(self.where, self.make(rate, key), self.batches[0][0])

    def start(self, weights: Any, optimizer: Any, seed: Any) -> State:
        """A run at its start, with its batches in an order of its seed."""
        key = jax.random.fold_in(jax.random.key(1), seed)
        order = jax.random.permutation(key, len(self.batches))
        zero, points = jnp.zeros((), jnp.float32), min(self.steps, POINTS)
        curve = jnp.zeros(points, jnp.float32)
        return State(weights, optimizer.init(weights), order, zero, curve)

    def advance(
        self, state: State, subject: Subject, optimizer: Any, data: Any, span: Any
    ) -> State:
        """A run after the steps from one number to another."""
        step = lambda t, now: self.step(now, subject, optimizer, data, t)
        first, last = span
        return jax.lax.fori_loop(first, last, step, state)

    def step(
        self, now: State, subject: Subject, optimizer: Any, data: Any, t: Any
    ) -> State:
        """A run after one more step."""
        step, points = Step(subject, optimizer, self.loss), jnp.asarray(self.points)
        which = now.order[t % len(self.batches)]
        inputs, targets = jax.tree.map(lambda x: x[which], data)
        seen = again(subject, inputs).inputs
        weights, memory, loss = step(now.weights, now.memory, seen, targets, t)
        loss = loss.astype(jnp.float32)
        first = jnp.where(t == 0, loss, now.first)
        curve = now.curve.at[points[t]].add(loss)
        return State(weights, memory, now.order, first, curve)

    def judged(self, state: State, subject: Subject) -> jax.Array:
        """The mean loss of the batches held out; 0 where there are none."""
        if not self.held_out:
            return jnp.zeros(())

        def loss(batch: Any) -> jax.Array:
            seen = again(subject, batch[0]).inputs
            outputs = subject.apply(state.weights, subject.state, *seen)
            return self.loss(outputs, batch[1]).astype(jnp.float32)

        return jax.lax.map(loss, self._stacked(self.held_out)).mean()

    def spans(self) -> Iterator[np.ndarray]:
        """From which step to which, part by part."""
        ends = np.linspace(0, self.steps, min(self.steps, PARTS) + 1).round()
        return iter(np.stack([ends[:-1], ends[1:]], axis=1).astype(np.int32))

    def losses(self, state: State, held: jax.Array, count: int) -> Losses:
        """What became of the first runs of a state."""
        curve = np.asarray(state.curve, float) / np.bincount(self.points)
        judged = _or_infinite(np.asarray(held, float))
        judged = judged if self.held_out else np.full_like(judged, np.nan)
        first = np.asarray(state.first, float)
        return Losses(first[:count], curve[:count], judged[:count])


def side_by_side(
    runs: Runs, rates: np.ndarray, seeds: np.ndarray, drawn: Any = None
) -> Iterator[Losses | None]:
    """Trains all pairs in one program, as many at once as there is memory for.

    `make` is traced for that, with its learning rate. One that needs a number is called
    with each, and the seeds of it are trained together.

    Args:
        runs: What is trained.
        rates: The learning rate of each run.
        seeds: And its seed.
        drawn: The weights of each seed, rising, stacked in front; by default those of
            `make`.

    Yields:
        None after each part of the way, and the losses in the end.
    """
    places = np.searchsorted(np.unique(seeds), seeds)
    try:
        program = _traced(runs, len(rates), drawn)
    except Exception:  # whatever `make` says of a number that is not there
        yield from _by_rate(runs, rates, seeds, places, drawn)
        return
    found = []
    for batch in np.array_split(np.arange(len(rates)), -(-len(rates) // program.size)):
        # The last may be shorter, and repeats a run instead of compiling anew.
        full = np.resize(batch, program.size)
        state = program.start(rates[full], seeds[full], places[full], drawn)
        for span in runs.spans():
            state = program.advance(state, rates[full], seeds[full], runs.data, span)
            jax.block_until_ready(state.curve)
            yield None
        held = program.judge(state, rates[full], seeds[full])
        found.append(runs.losses(state, held, len(batch)))
    yield Losses(*map(np.concatenate, zip(*found, strict=True)))


class _Program(NamedTuple):
    """What is compiled for so many runs at once."""

    size: int
    start: Callable[..., State]
    advance: Callable[..., State]
    judge: Callable[..., jax.Array]


def _traced(runs: Runs, count: int, drawn: Any) -> _Program:
    """The program of all runs; of half of them where there is no memory for it."""
    kinds = count, str(jax.tree.map(jax.typeof, drawn))
    if kinds not in runs.programs:
        runs.programs[kinds] = _compiled(runs, count, drawn)
    return runs.programs[kinds]


def _compiled(runs: Runs, count: int, drawn: Any) -> _Program:
    def start(rate: Any, seed: Any, place: Any, drawn: Any) -> State:
        subject, optimizer = runs.made(rate, seed)
        return runs.start(_weights(subject, drawn, place), optimizer, seed)

    def advance(state: State, rate: Any, seed: Any, data: Any, span: Any) -> State:
        subject, optimizer = runs.made(rate, seed)  # weights are not read, nor drawn
        return runs.advance(state, subject, optimizer, data, span)

    def judge(state: State, rate: Any, seed: Any) -> jax.Array:
        return runs.judged(state, runs.made(rate, seed)[0])

    def step(state: State, rate: Any, seed: Any, data: Any, t: Any) -> State:
        subject, optimizer = runs.made(rate, seed)
        return runs.step(state, subject, optimizer, data, t)

    every_start = jax.jit(jax.vmap(start, (0, 0, 0, None)))
    judged = jax.jit(jax.vmap(judge))
    every = jax.jit(jax.vmap(advance, (0, 0, 0, None, None)))
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        return _Program(count, every_start, every, jax.vmap(judge))
    span = jax.ShapeDtypeStruct((2,), "int32")
    size = count
    while True:
        pair = [jax.ShapeDtypeStruct((size,), kind) for kind in ("float32", "int32")]
        states = jax.eval_shape(every_start, *pair, pair[1], drawn)
        lowered = every.lower(states, *pair, runs.data, span)
        if _is_slow_in_loops(lowered):
            one = jax.jit(jax.vmap(step, (0, 0, 0, None, None)))
            return _Program(1, every_start, _by_steps(one), judged)
        compiled = lowered.compile()
        if size == 1 or _fits(compiled):
            return _Program(size, every_start, compiled, judged)
        size = -(-size // 2)


def _is_slow_in_loops(lowered: Any) -> bool:
    """Whether XLA has a slow form of it in loops: convolutions on a CPU do.

    Measured with 3 x 3 kernels of 8 to 16 channels, 3 to 18 times as slow.
    """
    on_cpu = jax.default_backend() == "cpu"
    return on_cpu and "stablehlo.convolution" in lowered.as_text()


def _by_steps(step: Callable[..., State]) -> Callable[..., State]:
    """Goes from one step to another by a call for each."""

    def advance(state: State, rate: Any, seed: Any, data: Any, span: Any) -> State:
        for t in range(*span):
            state = step(state, rate, seed, data, np.int32(t))
        return state

    return advance


def _weights(subject: Subject, drawn: Any, place: Any) -> Any:
    """The weights of a run: of what is drawn, or those that `make` gave."""
    if drawn is None:
        return subject.weights
    return jax.tree.map(lambda every: every[place], drawn)


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
    runs: Runs, rates: np.ndarray, seeds: np.ndarray, places: np.ndarray, drawn: Any
) -> Iterator[Losses | None]:
    """The same with a program per learning rate, and the seeds of it side by side."""
    found: list[tuple[np.ndarray, Losses]] = []
    for rate in np.unique(rates):
        own = np.flatnonzero(rates == rate)
        made = [runs.made(float(rate), int(seed)) for seed in seeds[own]]
        subject, optimizer = made[0]
        pairs = zip(made, places[own], strict=True)
        weights = [_weights(each, drawn, place) for (each, _), place in pairs]
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
            jax.block_until_ready(state.curve)
            yield None
        judge = functools.partial(runs.judged, subject=subject)
        held = jax.jit(jax.vmap(judge))(state)
        found.append((own, runs.losses(state, held, len(own))))
    order = np.argsort(np.concatenate([own for own, _ in found]))
    every = zip(*(losses for _, losses in found), strict=True)
    yield Losses(*(np.concatenate(each)[order] for each in every))


def _or_infinite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.inf)
