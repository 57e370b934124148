"""What a row of the table is: a number as it was printed, and what recomputes it."""

import dataclasses
import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np


SIGMAS = 4.89  # of a sampled number: once in a million
ROUNDING = 1e-15  # relative, of a number printed with all the digits of a double
EXACT = 1e-6  # relative, of a number that is whole: laws draw in float32


class Number(NamedTuple):
    """A number as it was printed, with half a unit of its last digit."""

    text: str
    value: float
    half: float


class Sampled(NamedTuple):
    """A number that chance has a part in, and the standard error of what it is off."""

    value: float
    error: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        source: Authors, year, arXiv id, and the equation, table or section.
        what: What the numbers are, in their order.
        printed: The numbers, with the digits that they were printed with. A number with
            a point is right to half a unit of its last digit, a whole one exactly.
        found: Recomputes them, in that order.
        right: What `printed` should be, where it is in error; `reason` says why.
        reason: Why a number is not recomputed, or is in error.
        test: The test that recomputes a number where it belongs, `file::name`.
    """

    source: str
    what: str
    printed: str
    found: Callable[[], Any] | None = None
    right: str = ""
    reason: str = ""
    test: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.what}"


def number(text: str) -> Number:
    """1/3 and 17022 are exact; .0150 and 1.7e4 are rounded."""
    if "/" in text:
        return Number(text, float(Fraction(text)), EXACT)
    value = float(text)
    digits, _, power = text.partition("e")
    _, point, decimals = digits.partition(".")
    if not (point or power):
        return Number(text, value, EXACT * max(1, abs(value)))
    half = 0.5 * 10.0 ** (int(power or 0) - len(decimals))
    return Number(text, value, half + ROUNDING * abs(value))


def numbers(text: str) -> list[Number]:
    return [number(word) for word in text.split()]


@functools.cache
def recomputed(row: Row) -> list[Sampled]:
    """What the row's function gives, each number with its error."""
    assert row.found is not None
    found = row.found()
    if isinstance(found, Sampled) or not isinstance(found, list | tuple | np.ndarray):
        found = [found]
    return [each if isinstance(each, Sampled) else Sampled(float(each), 0.0)
            for each in found]  # fmt: skip


def distance(printed: Number, found: Sampled) -> float:
    """How far they lie apart, 1 being as far as digits and chance allow."""
    if math.isnan(found.value):
        return math.inf
    # Halves are rounded either way.
    allowed = printed.half * (1 + 1e-9) + SIGMAS * found.error
    return abs(found.value - printed.value) / allowed


def distances(row: Row, text: str | None = None) -> list[float]:
    """The distance of each number of a row, printed as it is or as in `text`."""
    pairs = zip(numbers(text or row.printed), recomputed(row), strict=True)
    return [distance(printed, found) for printed, found in pairs]


def sample(values: Any, *, of: Callable[[np.ndarray], float] = np.mean) -> Sampled:
    """The mean of independent values, beside another such mean that was printed."""
    values = np.asarray(values, float)
    return Sampled(of(values), float(values.std() * math.sqrt(2 / len(values))))


def one_draw(values: Any) -> Sampled:
    """The mean of some draws, beside a single draw that was printed."""
    values = np.asarray(values, float)
    spread = values.std(ddof=1) * math.sqrt(1 + 1 / len(values))
    return Sampled(float(values.mean()), float(spread))
