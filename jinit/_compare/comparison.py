"""What a comparison of starts found: a table, a verdict, a picture."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core import aligned, digits, NONE, rich_table
from .outcomes import beaten, Numbers, Outcome, outcome, running, steps_to
from .picture import draw_comparison, Line
from .verdict import verdict


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How well a model trains from each of several starts; prints and plots itself.

    Attributes:
        starts: Their names; the first is the baseline.
        learning_rates: The learning rates, rising.
        losses: By start, rate and seed the loss in the end; ∞ where a run has diverged,
            NaN where it was not made.
        curves: By start, rate and seed the mean losses of training along the way, at as
            many points as steps, 200 at most; empty where it was not made.
        costs: By start and seed what the weights have cost, in steps of training.
        chance: The loss of a model that has learned nothing.
        steps: How many steps each run took.
        held_out: Whether the losses in the end are those of examples held out; else
            they are the means of the last tenth of the steps.
    """

    starts: tuple[str, ...]
    learning_rates: tuple[float, ...]
    losses: tuple[tuple[tuple[float, ...], ...], ...]
    curves: tuple[tuple[tuple[tuple[float, ...], ...], ...], ...] = dataclasses.field(
        repr=False
    )
    costs: tuple[tuple[float, ...], ...] = dataclasses.field(repr=False)
    chance: float
    steps: int
    held_out: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all runs were made."""
        return not np.isnan(np.array(self.losses)).any()

    @property
    def seeds(self) -> int:
        """How many seeds are compared: those that every start that is done has."""
        return len(self._done[1])

    @functools.cached_property
    def _done(self) -> tuple[list[int], list[int]]:
        """The starts with a seed that was run at every rate, and the seeds of all."""
        whole = ~np.any(np.isnan(self.losses), axis=1)  # by start and seed
        starts = whole.any(axis=1)
        seeds = whole[starts].all(axis=0) & starts.any()
        return np.flatnonzero(starts).tolist(), np.flatnonzero(seeds).tolist()

    @functools.cached_property
    def _runs(self) -> Numbers:
        starts, seeds = self._done
        losses = np.array(self.losses)[starts][..., seeds]
        return Numbers(np.array(self.learning_rates), losses, self.chance)

    @functools.cached_property
    def _curves(self) -> np.ndarray:
        """By start, seed and point, the curves at each start's best rate."""
        starts, seeds = self._done
        best = zip((self.curves[i] for i in starts), self._runs.places, strict=True)
        return np.array([[by_rate[at][s] for s in seeds] for by_rate, at in best])

    @property
    def _names(self) -> list[str]:
        return [self.starts[i] for i in self._done[0]]

    @functools.cached_property
    def results(self) -> tuple[Outcome, ...]:
        """What each start that is done reached; the first of them is the baseline."""
        if not self.seeds:
            return ()
        starts, seeds = self._done
        goals = running(self._curves[0])[:, -1]
        costs = np.array(self.costs)[starts][:, seeds]
        found = []
        for i, (name, curves) in enumerate(zip(self._names, self._curves, strict=True)):
            steps = steps_to(goals, curves, self.steps, costs[i])
            found.append(outcome(self._runs, i, name, steps, float(costs[i].mean())))
        return tuple(found)

    @property
    def best(self) -> Outcome | None:
        """The start with the lowest mean loss at its best rate; see `verdict`."""
        return min(self.results, key=lambda each: each.loss.value, default=None)

    @functools.cached_property
    def verdict(self) -> str:
        """In a sentence, which start trains best, as far as the seeds tell."""
        if self.best is None:
            return "Not told: no start is done."
        i = self.results.index(self.best)
        others = [j for j in range(len(self.results)) if j != i]
        return verdict(self.results, i, beaten(self._runs, i, others), self.seeds)

    def plot(self, path: str | None = None) -> Any:
        """Draws the loss over the steps, and in the end over the learning rate.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.

        Raises:
            ValueError: When no start is done.
        """
        if not self.results:
            raise ValueError(
                "`Comparison.plot` needs a start that is done. Got none. Give "
                "`jinit.compare` more time."
            )
        lines = [
            Line(*each)
            for each in zip(
                self._names, [each.rate for each in self.results], self._curves,
                self._runs.losses, strict=True,
            )
        ]  # fmt: skip
        figure = draw_comparison(
            lines, self._runs.rates, self.chance, self.steps, self._name, self.verdict
        )
        if path is not None:
            figure.savefig(path)
        return figure

    @property
    def _name(self) -> str:
        return "held-out loss" if self.held_out else "loss"

    def __str__(self) -> str:
        if not self.results:
            return self.verdict
        parts = [aligned([self._head, *self._cells()]), self._legend, self.verdict]
        return "\n".join(parts)

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        if not self.results:
            return Text(self.verdict)
        table = rich_table(self._head, self._cells(), right=range(1, 6))
        table.columns[0].no_wrap = True
        legend = Text(self._legend, style="dim")
        return Group(table, legend, Text(self.verdict, style="bold"))

    @property
    def _head(self) -> tuple[str, ...]:
        return ("start", self._name, "±", "best rate", "rates that work", "steps", "")

    @property
    def _legend(self) -> str:
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return (
            f"{self._name} at the best rate, ± 95 % over {seeds}; chance is "
            f"{digits(self.chance)}. A rate works that goes 90 % of the way from there "
            f"to the best. Steps to the loss that {self._names[0]} ends at."
        )

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for i, each in enumerate(self.results):
            half = each.loss.high - each.loss.value
            yield (
                each.start,
                "diverged" if self._is_lost(i) else digits(each.loss.value),
                digits(half, 2) if each.loss.is_known else NONE,
                digits(each.rate),
                self._working(each),
                "not reached" if np.isinf(each.steps) else f"{each.steps:.0f}",
                "; ".join(filter(None, self._remarks(each))),
            )

    def _is_lost(self, i: int) -> bool:
        """Whether a start has diverged in all runs at its best rate."""
        return bool(np.isinf(self._runs.losses[i, self._runs.places[i]]).all())

    def _working(self, each: Outcome) -> str:
        if not each.working:
            return "none"
        low, high = (digits(rate, 2) for rate in each.works)
        count = f"{each.working} of {len(self.learning_rates)}"
        return f"{count}: {low} to {high}" if low != high else f"{count}: {low}"

    def _remarks(self, each: Outcome) -> Iterator[str]:
        count = len(self.learning_rates) * self.seeds
        yield f"{each.failed} of {self.seeds} fail to start" if each.failed else ""
        yield f"{each.diverged} of {count} diverged" if each.diverged else ""
        yield f"best at the {each.edge} rate" if each.edge else ""
        yield f"costs {max(1, round(each.cost))} steps" if each.cost else ""
