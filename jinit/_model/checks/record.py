"""What a coordinate check found: a slope per layer, a verdict, a table, a picture."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..._core import aligned, digits, rich_table, signed
from .picture import draw_check, Line
from .sizes import Over
from .watched import Kind


TOLERANCE = 0.1  # of a slope that counts as flat


@dataclasses.dataclass(frozen=True)
class Curve:
    """How far something moves at each size: a layer, or several alike.

    Attributes:
        name: The layer's name, or what it is.
        kind: Its kind: "input", "hidden", "query/key", "attention logits", "norm",
            "closing", "stream", "head" or "outputs".
        times: By size, how many it is the mean of.
        changes: By size and step, the root mean square of z_t − z_0, with z_t its
            values after t steps.
        low: The lowest slope that theory expects; the highest is 0.
        why: Why, where that is below 0: "a random head".
    """

    name: str
    kind: Kind
    times: tuple[int, ...]
    changes: tuple[tuple[float, ...], ...]
    low: float = 0.0
    why: str = ""


@dataclasses.dataclass(frozen=True)
class CoordinateCheck:
    """How far each layer moves in a few steps, at each size; prints and plots itself.

    Attributes:
        curves: What moves, layer by layer, in the order of computation.
        sizes: The widths, depths or batch sizes.
        over: Which of these: "width", "depth" or "batch".
        tolerance: How far a slope may be from what theory expects, which is 0 but for
            two: what a random head or a tied table of muP adds to the outputs falls as
            1/√width, and what closes a residual branch may fall as 1/depth.
    """

    curves: tuple[Curve, ...]
    sizes: tuple[int, ...]
    over: Over = "width"
    tolerance: float = TOLERANCE

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of what moves, "outputs" last."""
        return tuple(curve.name for curve in self.curves)

    @functools.cached_property
    def slopes(self) -> Mapping[str, float]:
        """By name, the slope of log change over log size, after the last step."""
        return {curve.name: self.slope(curve) for curve in self.curves}

    @functools.cached_property
    def kinds(self) -> tuple[Curve, ...]:
        """One curve per kind, the mean of all of it, in the order of computation."""
        groups: dict[str, list[Curve]] = {}
        for curve in self.curves:
            groups.setdefault(curve.kind, []).append(curve)
        return tuple(map(_mean, groups.values()))

    def slope(self, curve: Curve) -> float:
        """The slope of log change over log size, after the last step."""
        return _slope(self.sizes, np.asarray(curve.changes)[:, -1])

    @property
    def is_flat(self) -> bool:
        """Whether every slope is as theory expects, within the tolerance."""
        return not self._off

    @functools.cached_property
    def _off(self) -> list[Curve]:
        return [each for each in self.curves if not self._is_expected(each)]

    def _is_expected(self, curve: Curve) -> bool:
        low = curve.low - self.tolerance
        return low <= self.slope(curve) <= self.tolerance

    @property
    def verdict(self) -> str:
        """In one sentence, whether the layers move alike at all sizes."""
        if self._off:
            off = ", ".join(map(self._steepest, _by_kind(self._off)))
            within = digits(self.tolerance)
            return f"Not flat over {self.over}: slopes beyond ±{within} at {off}."
        falls = [c for c in self.curves if self.slope(c) < -self.tolerance]
        if not falls:
            return self.headline
        listed = ", ".join(map(self._steepest, _by_kind(falls)))
        reasons = ", ".join(dict.fromkeys(curve.why for curve in falls))
        return f"{self.headline[:-1]}, but for {listed}, as theory has it: {reasons}."

    @property
    def headline(self) -> str:
        """The verdict in a few words: which kinds move more, or less, in large ones."""
        if not self._off:
            within = f"every slope is within ±{digits(self.tolerance)}"
            return f"Flat over {self.over}: {within}."
        kinds = {"up": [], "down": [], "broken off": []}
        for curves in _by_kind(self._off):
            slope = self.slope(self._worst(curves))
            way = "up" if slope > 0 else "down" if slope < 0 else "broken off"
            kinds[way].append(curves[0].kind)
        said = (f"{way} in {', '.join(each)}" for way, each in kinds.items() if each)
        return f"Not flat over {self.over}: {'; '.join(said)}."

    def _worst(self, curves: Sequence[Curve]) -> Curve:
        steep = lambda c: np.nan_to_num(abs(self.slope(c)), nan=np.inf)
        return max(curves, key=steep)

    def _steepest(self, curves: Sequence[Curve]) -> str:
        """The steepest of those of one kind."""
        worst = self._worst(curves)
        slope = signed(self.slope(worst))
        if len(curves) == 1:
            return f"{worst.name} {slope}"
        return f"{len(curves)} {worst.kind} ({worst.name} {slope})"

    def plot(self, path: str | None = None) -> Any:
        """Draws the change of each kind over the size, a panel for a step.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        layers = [Line(each.kind, each.changes) for each in self.curves]
        means = [Line(e.kind, e.changes, self._label(e)) for e in self.kinds]
        figure = draw_check(
            [*layers, *means], self.sizes, self.over, self.headline, self.is_flat
        )
        if path is not None:
            figure.savefig(path)
        return figure

    def _label(self, curve: Curve) -> str:
        return f"{curve.kind} {signed(self.slope(curve))}"

    def __str__(self) -> str:
        return "\n".join([aligned([self._head, *self._cells()]), self.verdict])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        columns = range(1, len(self._head) - 1)
        color = "green" if self.is_flat else "red"
        table = rich_table(self._head, self._cells(), right=columns)
        return Group(table, Text(self.verdict, style=color))

    @property
    def _head(self) -> tuple[str, ...]:
        sizes = map(str, self.sizes)
        return f"change at {self.over}", *sizes, "slope", "theory", "layers"

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for mean, curves in zip(self.kinds, _by_kind(self.curves), strict=True):
            last = (digits(steps[-1]) for steps in mean.changes)
            theory = f"{signed(mean.low)} to 0" if mean.low else "0"
            yield mean.kind, *last, signed(self.slope(mean)), theory, self._span(curves)

    def _span(self, curves: Sequence[Curve]) -> str:
        """How many layers, and how far their slopes are apart."""
        slopes = sorted(map(self.slope, curves))
        if len(slopes) == 1:
            name = curves[0].name
            return name if name not in {curves[0].kind, f"{curves[0].kind}s"} else ""
        return f"{len(slopes)}: {signed(slopes[0])} to {signed(slopes[-1])}"


def _by_kind(curves: Sequence[Curve]) -> list[list[Curve]]:
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(curve.kind, []).append(curve)
    return list(groups.values())


def _mean(curves: Sequence[Curve]) -> Curve:
    """All curves of a kind as one."""
    times = np.array([curve.times for curve in curves], float)
    squares = np.array([curve.changes for curve in curves]) ** 2
    means = np.sqrt((times[..., None] * squares).sum(0) / times.sum(0)[:, None])
    rows = tuple(map(tuple, means.tolist()))
    total = tuple(int(each) for each in times.sum(0))
    lowest = min(curves, key=lambda curve: curve.low)
    name = lowest.kind
    return Curve(name, name, total, rows, lowest.low, lowest.why)


def _slope(sizes: Sequence[int], changes: np.ndarray) -> float:
    """Least squares; 0 for a layer that never moves, NaN for one that may not be."""
    if not changes.any():
        return 0.0
    if not (np.isfinite(changes) & (changes > 0)).all():
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(changes), 1)[0])
