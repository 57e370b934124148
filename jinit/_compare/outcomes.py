"""What each start of a comparison reached, and which are told apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._training import Interval, LEVEL, mean_of_seeds, TAIL


LEARNED = 0.05  # of the way from chance to the best: less is no start
WORKS = 0.9  # of it: a learning rate that brings a start so far works


class Outcome(NamedTuple):
    """What one start reached.

    Attributes:
        start: Its name.
        rate: Its best learning rate: that of the lowest mean loss over seeds.
        loss: The loss there, the mean over seeds, with its 95 % interval by Student's t
            (NaN for one seed). A run that has diverged counts as one that learned
            nothing.
        works: The lowest and the highest rate that works: at which it goes 90 % of the
            way from chance to the best of all starts. NaN where none does.
        working: How many rates do.
        steps: To the baseline's loss at its own best rate, the mean over seeds, with
            what the start has cost; ∞ where a seed does not reach it.
        failed: How many seeds do not start at the best rate: they go less than 5 % of
            that way.
        diverged: How many runs have diverged, at any rate.
        edge: "lowest" or "highest" where the best rate is that of those tried, so that
            a better one may lie beyond; else "".
        cost: What the start itself takes, in steps.
    """

    start: str
    rate: float
    loss: Interval
    works: tuple[float, float]
    working: int
    steps: float
    failed: int
    diverged: int
    edge: str
    cost: float


class Numbers(NamedTuple):
    """The runs of a comparison as numbers.

    Attributes:
        rates: The learning rates, rising.
        losses: By start, rate and seed; ∞ where a run has diverged.
        chance: The loss of a model that has learned nothing.
    """

    rates: np.ndarray
    losses: np.ndarray
    chance: float

    @property
    def counted(self) -> np.ndarray:
        """The losses, where what has diverged has learned nothing."""
        finite = self.losses[np.isfinite(self.losses)]
        worst = max(self.chance, float(finite.max(initial=self.chance)))
        return np.where(np.isfinite(self.losses), self.losses, worst)

    @property
    def means(self) -> np.ndarray:
        """By start and rate, the mean over seeds."""
        return self.counted.mean(axis=-1)

    @property
    def places(self) -> np.ndarray:
        """By start, the place of its best rate."""
        return self.means.argmin(axis=-1)

    @property
    def at_best(self) -> np.ndarray:
        """By start and seed, the losses at its best rate."""
        return self.counted[np.arange(len(self.losses)), self.places]

    def way(self, losses: np.ndarray) -> np.ndarray:
        """How far losses are on the way from chance, 0, to the best start, 1."""
        whole = self.chance - float(self.means.min())
        return (self.chance - losses) / whole if whole > 0 else np.zeros_like(losses)


def outcome(runs: Numbers, i: int, name: str, steps: float, cost: float) -> Outcome:
    """What the start at a place reached."""
    at = int(runs.places[i])
    works = np.flatnonzero(runs.way(runs.means[i]) >= WORKS)
    failed = int((runs.way(runs.at_best[i]) < LEARNED).sum())
    edge = {0: "lowest", len(runs.rates) - 1: "highest"}.get(at, "")
    starts = failed < runs.losses.shape[-1]
    lowest, highest = (
        runs.rates[works[[0, -1]]].tolist() if len(works) else [np.nan] * 2
    )
    return Outcome(
        name,
        float(runs.rates[at]),
        mean_of_seeds(runs.at_best[i]),
        (lowest, highest),
        len(works),
        steps,
        failed,
        int(np.isinf(runs.losses[i]).sum()),
        edge if starts else "",
        cost,
    )


def steps_to(
    goals: np.ndarray, curves: np.ndarray, steps: int, cost: np.ndarray
) -> float:
    """The mean number of steps in which curves reach a loss, with what they have cost.

    Args:
        goals: The loss, by seed.
        curves: By seed and point, the mean loss of the steps.
        steps: How many steps a curve has.
        cost: By seed, what was spent before, in steps.
    """
    means = running(curves)
    reached = means <= goals[:, None]
    if not reached.any(axis=1).all():
        return float("inf")
    points = reached.argmax(axis=1) + curves.shape[1] - means.shape[1] + 1
    return float((points * steps / curves.shape[1] + cost).mean())


def running(curves: np.ndarray) -> np.ndarray:
    """By seed, the means over as many points as count in the end, up to each."""
    curves = np.where(np.isfinite(curves), curves, np.inf)
    window = max(1, round(TAIL * curves.shape[1]))
    return np.lib.stride_tricks.sliding_window_view(curves, window, axis=1).mean(-1)


def beaten(runs: Numbers, best: int, others: Sequence[int]) -> dict[int, Interval]:
    """By how much the best start is below each other, over the same seeds.

    Losses above 0 are compared by their ratios, as logarithms. The level is such that
    all intervals hold together for any choice of the best.
    """
    count, losses = len(runs.losses), runs.at_best
    level = 1 - (1 - LEVEL) / max(1, count * (count - 1) // 2)
    losses = np.log(losses) if (losses > 0).all() else losses
    return {i: mean_of_seeds(losses[i] - losses[best], level=level) for i in others}
