"""What a sweep of learning rates found: the best of each size, a verdict, a picture."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._core import aligned, digits, NONE, rich_table
from ..._training import best_rates, edges, Interval, mean_of_seeds, trend
from .sizes import Over
from .sweep_picture import draw_sweep


@dataclasses.dataclass(frozen=True)
class Best:
    """The best learning rate of one size.

    Attributes:
        size: The size.
        rate: The geometric mean over seeds of the best rate of each.
        low: The lower end of its 95 % interval, by Student's t over seeds and no
            narrower than a step of the rates tried; NaN for one seed.
        high: The upper end.
        loss: The mean loss over seeds at the rate tried that is best on average.
        edge: "lowest" or "highest" where that is the best rate of a seed, so that a
            better one may lie beyond; else "".
        diverged: How many of the runs have diverged.
    """

    size: int
    rate: float
    low: float
    high: float
    loss: float
    edge: str
    diverged: int


@dataclasses.dataclass(frozen=True)
class Transfer:
    """A sweep of learning rates at several sizes; prints and plots itself.

    Attributes:
        sizes: The widths, depths or batch sizes, rising.
        learning_rates: The learning rates, rising.
        losses: By size, rate and seed the mean loss of the last tenth of the steps; ∞
            where a run has diverged, NaN where it was not made.
        first: By size the loss of the first step.
        over: What the sizes are: "width", "depth" or "batch".
        steps: How many steps each run took; over "batch", batches.
        tolerance: The factor within which the best rate counts as the same.
    """

    sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    losses: tuple[tuple[tuple[float, ...], ...], ...]
    first: tuple[float, ...]
    over: Over = "width"
    steps: int = 100
    tolerance: float = 2.0

    @property
    def seeds(self) -> int:
        """How many seeds each size and rate has."""
        return len(self.losses[0][0])

    @property
    def is_complete(self) -> bool:
        """Whether all runs were made."""
        return not np.isnan(self._losses).any()

    @functools.cached_property
    def _losses(self) -> np.ndarray:
        return np.array(self.losses, float)

    @functools.cached_property
    def _done(self) -> list[int]:
        """The places of the sizes that are done."""
        known = ~np.isnan(self._losses).any(axis=(1, 2))
        return np.flatnonzero(known).tolist()

    @functools.cached_property
    def _by_seed(self) -> np.ndarray:
        """By size and seed, the best rate, as a logarithm to base 2."""
        rates = np.array(self.learning_rates)
        return np.array([best_rates(rates, self._losses[i]) for i in self._done])

    @functools.cached_property
    def _half_step(self) -> float:
        """Half of the largest step of the rates, in octaves: what they can not tell."""
        return float(np.diff(np.log2(self.learning_rates)).max()) / 2

    @functools.cached_property
    def best(self) -> tuple[Best, ...]:
        """The best learning rate of every size that is done."""
        pairs = zip(self._done, self._by_seed, strict=True)
        return tuple(self._best(i, octaves) for i, octaves in pairs)

    def _best(self, i: int, octaves: np.ndarray) -> Best:
        rate, low, high = np.exp2(mean_of_seeds(octaves, self._half_step)).tolist()
        means = self._losses[i].mean(axis=1)
        lowest, highest = edges(self._losses[i])
        edge = "lowest" if lowest else "highest" if highest else ""
        diverged = int(np.isinf(self._losses[i]).sum())
        size, loss = self.sizes[i], float(means.min())
        return Best(size, rate, low, high, loss, edge, diverged)

    @functools.cached_property
    def change(self) -> Interval:
        """The factor by which the best rate changes from the smallest size to the last.

        By the slope over all sizes, with its 95 % interval over seeds.
        """
        sizes = [self.sizes[i] for i in self._done]
        if len(sizes) < 2 or np.isnan(self._by_seed).any():
            return Interval(*[float("nan")] * 3)
        octaves = trend(sizes, self._by_seed, self._half_step)
        return Interval(*np.exp2(octaves).tolist())

    @property
    def transfers(self) -> bool | None:
        """Whether the best rate is the same at all sizes; None where that is not told.

        It is where all of the interval of `change` lies within the tolerance, and it is
        not where all of it lies beyond.
        """
        found = self.change
        if not found.is_known or any(each.edge for each in self.best):
            return None
        if 1 / self.tolerance <= found.low and found.high <= self.tolerance:
            return True
        if found.low > self.tolerance or found.high < 1 / self.tolerance:
            return False
        return None

    @property
    def verdict(self) -> str:
        """In a sentence, whether the best learning rate transfers, and no more."""
        if len(self.best) < 2:
            return "Not told: fewer than two sizes are done."
        span = f"over {self.over} {self.best[0].size} to {self.best[-1].size}"
        if any(np.isnan(each.rate) for each in self.best):
            sizes = [str(each.size) for each in self.best if np.isnan(each.rate)]
            return (
                f"Not told {span}: at {', '.join(sizes)} a seed has diverged at all "
                "learning rates. Try lower ones."
            )
        if beyond := [each for each in self.best if each.edge]:
            edge, end = beyond[-1].edge, 0 if beyond[-1].edge == "lowest" else -1
            return (
                f"Not told {span}: at {beyond[-1].size} the {edge} rate tried, "
                f"{digits(self.learning_rates[end])}, is the best of a seed. Try "
                f"{'lower' if edge == 'lowest' else 'higher'} ones."
            )
        moves = f"the best learning rate {self._moves()} from end to end"
        if self.seeds < 2:
            return f"Not told {span}: {moves}, but one seed says nothing of chance."
        within = f"a factor of {digits(self.tolerance)}"
        if self.transfers is None:
            return (
                f"Not told {span}: {moves}; {self.seeds} seeds neither show that it "
                f"stays within {within} nor that it does not."
            )
        if self.transfers:
            return f"Transfers {span}: {moves}, within {within}."
        return f"Does not transfer {span}: {moves}, beyond {within}."

    def _moves(self) -> str:
        """How the best rate changes, with its interval."""
        value, low, high = self.change
        word = "rises"
        if value < 1:
            value, low, high, word = 1 / value, 1 / high, 1 / low, "falls"
        said = f"{word} by a factor of {digits(value, 2)}"
        if np.isnan(low):
            return said
        return f"{said} (95 % over {self.seeds} seeds: {_span(low, high)})"

    def plot(self, path: str | None = None) -> Any:
        """Draws the loss over the learning rate at each size, and the best rates.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        figure = draw_sweep(
            [self.sizes[i] for i in self._done],
            np.array(self.learning_rates),
            self._losses[self._done],
            np.array([(each.rate, each.low, each.high) for each in self.best]),
            np.array([self.first[i] for i in self._done]),
            self.over,
            self.verdict,
            self.transfers,
        )
        if path is not None:
            figure.savefig(path)
        return figure

    def __str__(self) -> str:
        return "\n".join([aligned([self._head, *self._cells()]), self.verdict])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        table = rich_table(self._head, self._cells(), right=range(len(self._head)))
        color = {True: "green", False: "red", None: "yellow"}[self.transfers]
        return Group(table, Text(self.verdict, style=color))

    @property
    def _head(self) -> tuple[str, ...]:
        first = "loss" if not self._done else f"at {digits(self._first_best)}"
        return (self.over, "best rate", "95 %", "loss", first, "remarks")

    def _cells(self) -> Iterator[tuple[str, ...]]:
        place = self.learning_rates.index(self._first_best) if self._done else 0
        for i, each in zip(self._done, self.best, strict=True):
            yield (
                str(each.size),
                digits(each.rate),
                NONE if np.isnan(each.low) else _span(each.low, each.high),
                digits(each.loss),
                digits(float(self._losses[i, place].mean())),
                "; ".join(filter(None, self._remarks(each))),
            )

    def _remarks(self, best: Best) -> Iterator[str]:
        count = len(self.learning_rates) * self.seeds
        yield f"{best.diverged} of {count} diverged" if best.diverged else ""
        yield f"best at the {best.edge}" if best.edge else ""

    @property
    def _first_best(self) -> float:
        """The rate tried that is nearest to the best of the first size."""
        distance = np.abs(np.log2(self.learning_rates) - np.mean(self._by_seed[0]))
        return self.learning_rates[int(np.argmin(distance))]


def _span(low: float, high: float) -> str:
    return f"{digits(low, 2)} to {digits(high, 2)}"
