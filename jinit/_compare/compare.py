"""Which start trains a model better? It is trained, from each, and looked at."""

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import (
    Count,
    File,
    Listed,
    Positive,
    public,
    Reals,
    require,
    shown,
    stoppable,
    track,
    warn,
)
from .._frameworks import as_key, with_batch
from .._training import (
    Batch,
    Kept,
    kept,
    Loss,
    Losses,
    PARTS,
    Reached,
    reached,
    require_optimizer,
    require_pairs,
    require_rates,
    Run,
    Runs,
    side_by_side,
)
from .chance import chance
from .comparison import Comparison
from .starts import named, Start, Trained, with_weights


_WHERE = "jinit.compare"
RATES = tuple(2.0**i for i in range(-13, -3))  # for Adam
DEFAULTS = ("own", "initialize")


@public(concrete=True)
def compare(
    model: Any,
    loss: Loss,
    batches: Listed,
    key: Any,
    starts: Any = DEFAULTS,
    learning_rates: Reals = RATES,
    *,
    seeds: Count = 3,
    steps: Count = 200,
    optimizer: Callable[[Any], Any] | None = None,
    held_out: Listed = (),
    minutes: Positive | None = None,
    path: File | None = None,
) -> Comparison:
    """Trains a model from each of several starts, and says which trains better.

    Every start is trained at every learning rate from several seeds, and judged at its
    own best rate. A seed draws the weights and the order of the batches, which is the
    same for all starts, so that they are compared pair by pair. Beside the loss it
    shows which learning rates work: a good start forgives the choice of a rate. A run
    that diverges is a result.

    All rates and seeds of a start are trained in one program, as many side by side as
    there is memory for, and all starts share it. What a start itself takes, as that of
    a data-driven one, is measured in steps of training and counted.

    Args:
        model: A model of any framework, as in `jinit.initialize`. It is trained as in
            training mode; statistics beside its weights stay as they start.
        loss: A function of `(outputs, targets)` to a scalar.
        batches: Pairs `(inputs, targets)` of one shape, one for each step, begun anew
            when used up. A tuple of inputs is several.
        key: A PRNG key.
        starts: What is compared, the baseline first; a dict gives names. Each is

            - "own", the model's own start; "initialize", that of `jinit.initialize`;
            - a law, by name or as an initializer: kernels are drawn by it, and all else
              is the model's own;
            - a recipe, by name or from `jinit.recipes`, or rules;
            - "lsuv", "weight_norm_init", "within_layer" (from the first batch),
              "metainit", "gradinit" (from all), from the model's own start;
            - a function of `(model, key, *inputs)`, as `jinit.initialize` is one, whose
              cost is not known and not counted.
        learning_rates: Three or more; by default 2⁻¹³ to 2⁻⁴ by factors of 2.
        seeds: Runs per start and rate. One allows no claim.
        steps: Steps of each run.
        optimizer: A function of a learning rate that returns an optax optimizer; by
            default `optax.adam`.
        held_out: Pairs that are not trained on. The loss in the end is then theirs;
            else it is the mean of the last tenth of the steps.
        minutes: A budget of time. Seeds are then run one by one for all starts, and
            what is whole when it is over is compared.
        path: A file that keeps what is done; a call with the same model, data, starts
            and steps goes on from it, with more starts, rates or seeds as well.

    Returns:
        A `Comparison`: print it, `.plot()` it, or read its `.results` and `.verdict`. A
        Ctrl-C ends it with a warning, and it holds the starts and seeds that were done.

    Raises:
        ValueError: For fewer than three rates, no batch, batches of more than one
            shape, starts of one name, an unknown start, or a file of other runs.
        TypeError: For batches that are no pairs, or what is no optimizer.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp, jinit
        >>> class Deep(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         for _ in range(20):
        ...             x = nn.relu(nn.Dense(32)(x))
        ...         return nn.Dense(1)(x)
        >>> x = jax.random.normal(jax.random.key(0), (128, 8))
        >>> batches = [(x, jnp.tanh(x[:, :1] * x[:, 1:2]))]
        >>> mse = lambda outputs, targets: jnp.mean((outputs - targets) ** 2)
        >>> key, rates = jax.random.key(1), [0.001, 0.002, 0.004]
        >>> short = dict(learning_rates=rates, seeds=2, steps=100)
        >>> found = jinit.compare(Deep(), mse, batches, key, **short)
        >>> own, initialize = found.results
        >>> own.loss.value > 2 * initialize.loss.value
        True
    """
    rates = np.unique(learning_rates)
    _require(batches, held_out, rates)
    task = Trained(_WHERE, model, [tuple(each) for each in batches], loss)
    entries = named(_WHERE, starts)
    make = optimizer or require(_WHERE, "optax").adam
    field = _Field(task, as_key(_WHERE, key), rates, steps, make, list(held_out))
    store = kept(_WHERE, path)
    ends = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    rounds = [range(seeds)] if minutes is None else [[seed] for seed in range(seeds)]
    with stoppable(_WHERE):
        for i, (one, name) in enumerate(itertools.product(rounds, entries), 1):
            label = f"{name}, {i} of {len(rounds) * len(entries)}"
            if not field.train(store, name, entries[name], one, label, ends):
                warn(f"`{_WHERE}` has used its {minutes} minutes: {label} is not done.")
                break
    return field.comparison(store, tuple(entries), seeds)


def _require(batches: Any, held_out: Any, rates: np.ndarray) -> None:
    require_pairs(_WHERE, batches)
    require_pairs(_WHERE, held_out, "held_out")
    if not batches:
        raise ValueError(f"`{_WHERE}` needs `batches` to have one. Got none.")
    require_rates(_WHERE, rates)


@dataclasses.dataclass(frozen=True, eq=False)
class _Field:
    """Where all starts compete.

    Attributes:
        task: What is trained.
        key: The key of the weights of all seeds.
        rates: The learning rates, rising.
        steps: How many steps.
        optimizer: Makes an optimizer of a learning rate.
        held_out: What is looked at in the end.
        first: The model, its weights and their types, as the first start gave them.
    """

    task: Trained
    key: jax.Array
    rates: np.ndarray
    steps: int
    optimizer: Callable[[Any], Any]
    held_out: Sequence[Batch]
    first: list[Any] = dataclasses.field(default_factory=list)

    @functools.cached_property
    def runs(self) -> Runs:
        """How every start is trained; weights are given apart."""
        require_optimizer(_WHERE, "`optimizer` to return", self.optimizer(1e-3))
        make = lambda rate, key: (*self.first[:2], self.optimizer(rate))
        batches, loss = self.task.batches, self.task.loss
        return Runs(_WHERE, make, batches, loss, self.steps, self.held_out)

    def drawn(self, name: str, start: Start, seeds: Sequence[int]) -> tuple[Any, float]:
        """The weights of all seeds, stacked, and the seconds that those of one take."""
        every, seconds = [], []
        for seed in seeds:
            begin = time.perf_counter()
            made = start.draw(self.task, jax.random.fold_in(self.key, seed))
            model, params = with_weights(self.task, made)
            subject = with_batch(_WHERE, model, params, None, self.task.batch)
            every.append(jax.block_until_ready(subject.weights))
            seconds.append(time.perf_counter() - begin)
            if not self.first:
                self.first.extend((model, params, jax.tree.map(jax.typeof, every[0])))
            self._require_alike(every[-1])
        if len(every) > 1 and _are_equal(*every[:2]):
            warn(
                f"`{_WHERE}` got the same weights of {name} for every seed: seeds then "
                "differ in the order of the batches alone."
            )
        stacked = jax.tree.map(lambda *each: jnp.stack(each), *every)
        return stacked, min(seconds) if start.has_cost else 0.0

    def _require_alike(self, weights: Any) -> None:
        found, first = jax.tree.map(jax.typeof, weights), self.first[-1]
        if str(found) != str(first):
            raise ValueError(
                f"`{_WHERE}` needs starts that give weights of one structure and of "
                f"the same shapes. Got {shown(found)} beside {shown(first)}."
            )

    def train(
        self,
        store: Kept,
        name: str,
        start: Start,
        seeds: Sequence[int],
        label: str,
        ends: float,
    ) -> bool:
        """Trains what is not done yet, and keeps it; False when the time is over."""
        if store.path is not None:
            one = self.drawn(name, start, [0])[0]
            store.require_same(name, self.runs, one)
        pairs = itertools.product(map(float, self.rates), seeds)
        left = [run for run in (Run(name, *each) for each in pairs)
                if run not in store.done]  # fmt: skip
        if not left:
            return True
        if time.monotonic() > ends:
            return False
        rates = np.array([run.rate for run in left], np.float32)
        own = np.array([run.seed for run in left], np.int32)
        drawn, seconds = self.drawn(name, start, np.unique(own).tolist())
        parts = side_by_side(self.runs, rates, own, drawn)
        return self._run(store, left, track(parts, PARTS + 1, label), seconds, ends)

    def _run(
        self,
        store: Kept,
        left: Sequence[Run],
        parts: Iterable[Losses | None],
        seconds: float,
        ends: float,
    ) -> bool:
        """Runs part by part, and keeps what is whole; False when the time is over."""
        clock = [time.perf_counter()]
        for losses in parts:
            clock.append(time.perf_counter())
            if losses is not None:
                # A median, as the first part has waited for the compiler.
                spans = np.diff(clock[:-1])
                step = np.median(spans) * len(spans) / (self.steps * len(left))
                done = reached(losses, curves=True, cost=float(seconds / step))
                store.add(dict(zip(left, done, strict=True)))
            elif time.monotonic() > ends:
                return False
        return True

    def comparison(
        self, store: Kept, starts: tuple[str, ...], seeds: int
    ) -> Comparison:
        """What is done, as numbers."""
        rates = tuple(map(float, self.rates))
        unknown = Reached(np.nan, np.nan, np.nan)
        find = lambda *run: store.done.get(Run(*run), unknown)
        every = [[[find(start, rate, seed) for seed in range(seeds)] for rate in rates]
                 for start in starts]  # fmt: skip
        end = (lambda run: run.held) if self.held_out else lambda run: run.last
        return Comparison(
            starts,
            rates,
            _by_run(every, end),
            _by_run(every, lambda run: run.curve),
            tuple(tuple(run.cost for run in by_rate[0]) for by_rate in every),
            self._chance(every),
            self.steps,
            bool(self.held_out),
        )

    def _chance(self, every: Sequence[Any]) -> float:
        """The loss of constant outputs; without such, the mean of the first step's."""
        if not self.first:
            return float("nan")
        model, params, _ = self.first
        subject = with_batch(_WHERE, model, params, None, self.task.batch)
        batches = self.task.batches
        judged = self.held_out or batches
        found = chance(subject, self.task.loss, batches, judged)
        if np.isfinite(found):
            return found
        first = [run.first for run in _flat(every[0]) if np.isfinite(run.first)]
        return float(np.mean(first)) if first else float("nan")


def _are_equal(one: Any, other: Any) -> bool:
    return all(map(np.array_equal, *map(jax.tree.leaves, (one, other))))


def _flat(by_rate: Sequence[Sequence[Reached]]) -> Iterator[Reached]:
    return itertools.chain.from_iterable(by_rate)


def _by_run(every: Any, get: Callable[[Reached], Any]) -> Any:
    """By start, rate and seed, a number of each run."""
    row = lambda runs: tuple(get(run) for run in runs)
    return tuple(tuple(map(row, by_rate)) for by_rate in every)
