"""The best learning rate of each size, and what seeds allow to say of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


LEVEL = 0.95  # of the intervals


class Interval(NamedTuple):
    """A number with where it may be; the ends are NaN where nothing is known of that.

    Attributes:
        value: The number.
        low: The lower end.
        high: The upper end.
    """

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there are ends."""
        return not math.isnan(self.low + self.high)


def best_rates(rates: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The best learning rate of each seed, as a logarithm to base 2.

    It is the lowest point of the parabola through the lowest loss and its neighbors; at
    the edge of the rates, or beside a run that has diverged, the lowest loss itself.
    NaN where all runs have diverged.

    Args:
        rates: The learning rates, rising.
        losses: By rate and seed.
    """
    x = np.log2(rates)
    return np.array([_lowest(x, column) for column in np.asarray(losses).T])


def _lowest(x: np.ndarray, y: np.ndarray) -> float:
    if not np.isfinite(y).any():
        return math.nan
    i = int(np.nanargmin(y))
    around = slice(i - 1, i + 2)
    if i in {0, len(x) - 1} or not np.isfinite(y[around]).all():
        return float(x[i])
    bend, tilt, _ = np.polyfit(x[around] - x[i], y[around] - y[i], 2)
    if bend <= 0:  # flat
        return float(x[i])
    return float(np.clip(x[i] - tilt / (2 * bend), x[i - 1], x[i + 1]))


def edges(losses: np.ndarray) -> tuple[bool, bool]:
    """Whether a seed is best at the lowest rate, and at the highest."""
    finite = np.isfinite(losses).any(axis=0)
    best = np.where(np.isfinite(losses), losses, np.inf).argmin(axis=0)[finite]
    return bool((best == 0).any()), bool((best == len(losses) - 1).any())


def mean_of_seeds(
    values: Sequence[float] | np.ndarray, floor: float = 0.0, level: float = LEVEL
) -> Interval:
    """The mean over seeds with its interval by Student's t.

    Args:
        values: One per seed.
        floor: Half the width of the interval, at least.
        level: How often the interval holds what it is of.
    """
    values = np.asarray(values, float)
    count, mean = len(values), float(np.mean(values))
    if count < 2 or math.isnan(mean):
        return Interval(mean, math.nan, math.nan)
    from scipy.special import stdtrit

    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    half = max(floor, float(stdtrit(count - 1, (1 + level) / 2)) * error)
    return Interval(mean, mean - half, mean + half)


def trend(sizes: Sequence[int], best: np.ndarray, floor: float = 0.0) -> Interval:
    """How much the best rate changes from the smallest size to the largest, in octaves.

    By seed, the slope of the best rate over the size, both as logarithms, times their
    span; then the mean over seeds.

    Args:
        sizes: The sizes.
        best: By size and seed, the logarithm of the best rate.
        floor: Half the width of the interval, at least.
    """
    x = np.log2(sizes)
    slopes = np.polyfit(x, np.asarray(best), 1)[0]
    return mean_of_seeds(slopes * (x.max() - x.min()), floor)
