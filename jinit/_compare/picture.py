"""The picture of a comparison: loss over the steps, and over the learning rate."""

import textwrap
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from .._core import blank, digits
from .._training import draw_losses, End, FAINT, INK, label_ends, quiet, Sweep


# Told apart with any kind of sight, and in print: Okabe and Ito, 2008.
COLORS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000",
    "#999933",
)  # fmt: skip
SMOOTH = 0.05  # of the steps: the mean of so many is drawn


class Line(NamedTuple):
    """What one start did.

    Attributes:
        name: Its name.
        rate: Its best learning rate.
        curves: By seed and point, the losses of training at that rate.
        losses: By rate and seed, the loss in the end; ∞ where a run has diverged.
    """

    name: str
    rate: float
    curves: np.ndarray
    losses: np.ndarray


def draw_comparison(
    lines: Sequence[Line],
    rates: np.ndarray,
    chance: float,
    steps: int,
    loss: str,
    title: str,
) -> Any:
    """Draws a comparison.

    Args:
        lines: What each start did.
        rates: The learning rates.
        chance: The loss of a model that has learned nothing.
        steps: How many steps there were.
        loss: What the losses in the end are.
        title: What stands above.
    """
    figure = blank(9.0, 3.8, dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    colors = [COLORS[i % len(COLORS)] for i in range(len(lines))]
    _curves(left, lines, colors, chance, steps)
    finite = [each.losses[np.isfinite(each.losses)] for each in lines]
    low, high = np.min(np.concatenate(finite), initial=chance), chance
    top = high + 0.15 * (high - low)
    sweeps = [
        Sweep(each.name, color, each.losses)
        for each, color in zip(lines, colors, strict=True)
    ]
    draw_losses(right, rates, sweeps, float(top), f"{loss} after {steps} steps")
    _chance(right, chance, "left")
    heading = "\n".join(textwrap.wrap(title, 118))
    figure.suptitle(heading, x=0.01, ha="left", size=9.5, color=INK)
    return figure


def _curves(
    ax: Any, lines: Sequence[Line], colors: Sequence[str], chance: float, steps: int
) -> None:
    """Each start at its best rate: the mean over seeds, whose ends are a band."""
    smooth = [_smooth(each.curves) for each in lines]
    known = np.concatenate([each[np.isfinite(each)] for each in smooth])
    low = float(np.min(known, initial=chance))
    top = chance + 0.15 * (chance - low)
    top = max(top, low + 1e-6)
    ax.set_ylim(low - 0.05 * (top - low), top)
    ends = []
    for line, color, curves in zip(lines, colors, smooth, strict=True):
        curves = np.minimum(np.where(np.isfinite(curves), curves, top), top)
        x = np.linspace(0, steps, curves.shape[1] + 1)[1:]
        ax.fill_between(x, curves.min(0), curves.max(0), color=color, alpha=0.15, lw=0)
        ax.plot(x, curves.mean(0), color=color, lw=1.4)
        text = f"{line.name}, {digits(line.rate, 2)}"
        ends.append(End(float(curves.mean(0)[-1]), text, color))
    label_ends(ax, steps, ends)
    _chance(ax, chance, "right")
    ax.set_xlim(0, steps)
    ax.set_xlabel("step, each at its best learning rate", size=8, color=INK)
    ax.set_ylabel("training loss", size=8, color=INK)
    quiet(ax)


def _chance(ax: Any, chance: float, side: Literal["left", "right"]) -> None:
    """The loss of what has learned nothing, named where the fewest lines are."""
    ax.axhline(chance, color=FAINT, lw=0.8, ls=":")
    at, where = (0.01 if side == "left" else 0.99, chance), ("axes fraction", "data")
    ax.annotate("chance", at, xycoords=where, size=7, color=FAINT, ha=side, va="bottom")


def _smooth(curves: np.ndarray) -> np.ndarray:
    """By seed, the mean of each point and those just before it."""
    width = max(1, round(SMOOTH * curves.shape[1]))
    ends = np.arange(1, curves.shape[1] + 1)
    before = np.pad(np.cumsum(curves, axis=1), ((0, 0), (1, 0)))
    begins = np.maximum(ends - width, 0)
    return (before[:, ends] - before[:, begins]) / (ends - begins)
