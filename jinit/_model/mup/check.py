"""What a coordinate check found: a slope per layer, a verdict, a picture."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..._core import aligned, blank, digits, rich_table, signed


TOLERANCE = 0.1  # of a slope that counts as flat
HEAD_FALL = 0.5  # what a random head adds to the outputs falls as 1/√width


@dataclasses.dataclass(frozen=True)
class CoordinateCheck:
    """How far each layer moves in a few steps, at each width; prints and plots itself.

    Attributes:
        layers: The layers in order, then "outputs".
        widths: The widths.
        changes: By layer, width and step, the root mean square of z_t − z_0, with z_t
            the layer's output after t steps.
        tolerance: The slope up to which a layer counts as flat.
        random_heads: The last layers, and "outputs", whose first outputs are no zeros.
            What a random or tied head of muP adds to them falls as 1/√width, so a slope
            from −1/2 to 0 is as theory expects.
    """

    layers: tuple[str, ...]
    widths: tuple[int, ...]
    changes: tuple[tuple[tuple[float, ...], ...], ...]
    tolerance: float = TOLERANCE
    random_heads: tuple[str, ...] = ()

    @functools.cached_property
    def slopes(self) -> Mapping[str, float]:
        """By layer, the slope of log change over log width, after the last step."""
        last = np.asarray(self.changes)[..., -1]
        return {
            name: _slope(self.widths, row)
            for name, row in zip(self.layers, last, strict=True)
        }

    @property
    def is_flat(self) -> bool:
        """Whether every slope is within the tolerance."""
        return all(map(self._is_expected, self.slopes))

    def _is_expected(self, name: str) -> bool:
        low = -self.tolerance - (HEAD_FALL if name in self.random_heads else 0.0)
        return low <= self.slopes[name] <= self.tolerance

    @property
    def verdict(self) -> str:
        """In one sentence, whether the layers move alike at all widths."""
        if self.is_flat:
            flat = f"Flat: every slope is within ±{digits(self.tolerance)}"
            falls = [n for n in self.random_heads if self.slopes[n] < -self.tolerance]
            if not falls:
                return f"{flat}."
            return (
                f"{flat}, but for {self._listed(falls)}, where a random head of muP "
                "adds what falls as 1/√width; one that starts at 0 is flat."
            )
        off = [name for name in self.slopes if not self._is_expected(name)]
        return (
            f"Not flat: slopes beyond ±{digits(self.tolerance)} at {self._listed(off)}."
        )

    def _listed(self, names: Sequence[str]) -> str:
        return ", ".join(f"{name} {signed(self.slopes[name])}" for name in names)

    def plot(self, path: str | None = None) -> Any:
        """Draws the change of each layer over the width, one panel per step.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return _draw(self, path)

    def __str__(self) -> str:
        return "\n".join([aligned([self._head, *self._cells()]), self.verdict])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        columns = range(1, len(self._head))
        color = "green" if self.is_flat else "red"
        table = rich_table(self._head, self._cells(), right=columns)
        return Group(table, Text(self.verdict, style=color))

    @property
    def _head(self) -> tuple[str, ...]:
        return ("change at width", *map(str, self.widths), "slope")

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for name, row in zip(self.layers, self.changes, strict=True):
            last = (digits(steps[-1]) for steps in row)
            yield name, *last, signed(self.slopes[name])


def _slope(widths: Sequence[int], changes: np.ndarray) -> float:
    """Least squares; 0 for a layer that never moves, NaN for one that may not be."""
    if not changes.any():
        return 0.0
    if not (np.isfinite(changes) & (changes > 0)).all():
        return float("nan")
    return float(np.polyfit(np.log(widths), np.log(changes), 1)[0])


def _draw(result: CoordinateCheck, path: str | None) -> Any:
    import matplotlib

    changes = np.asarray(result.changes)
    steps = changes.shape[-1]
    figure = blank(1.2 + 2.6 * steps, 3.2, dpi=150, layout="constrained")
    panels = figure.subplots(1, steps, sharey=True, squeeze=False)[0]
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(result.layers)))
    for t, ax in enumerate(panels):
        for name, row, color in zip(result.layers, changes, shades, strict=True):
            label = f"{name} {signed(result.slopes[name])}"
            ax.loglog(result.widths, row[:, t], "o-", ms=3, color=color, label=label)
        ax.set_title(f"after step {t + 1}", size=8, loc="left")
        ax.set_xlabel("width", size=8)
        ax.set_xticks(result.widths, list(map(str, result.widths)), size=7)
        ax.minorticks_off()
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("root mean square of z_t − z_0", size=8)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=7,
        frameon=False, title="layer, slope", title_fontsize=7,
    )  # fmt: skip
    if path is not None:
        figure.savefig(path)
    return figure
