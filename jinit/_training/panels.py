"""Panels of what training reached, a line for each of several things."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .lines import End, INK, label_ends, quiet


class Sweep(NamedTuple):
    """The losses of one thing over learning rates.

    Attributes:
        label: What it is.
        color: Its color.
        losses: By rate and seed; ∞ where a run has diverged.
    """

    label: str
    color: str
    losses: np.ndarray


def draw_losses(
    ax: Any,
    rates: np.ndarray,
    sweeps: Sequence[Sweep],
    top: float,
    name: str = "loss at the end",
) -> None:
    """A line for each through the means over seeds, whose ends are a band.

    Args:
        ax: The panel.
        rates: The learning rates, rising.
        sweeps: What is drawn.
        top: What is above has learned nothing, and is cut.
        name: What the losses are.
    """
    every = np.concatenate([each.losses.ravel() for each in sweeps])
    low = float(np.min(every[np.isfinite(every)], initial=top))
    top = max(top, low + 1e-6)
    ax.set_xscale("log")
    ax.set_ylim(low - 0.05 * (top - low), top + 0.02 * (top - low))
    ends = []
    for label, color, losses in sweeps:
        means = np.minimum(losses.mean(axis=1), top)
        alive = np.isfinite(losses).all(axis=1)
        spread = [np.minimum(f(losses, axis=1), top) for f in (np.min, np.max)]
        ax.fill_between(rates, *spread, color=color, alpha=0.15, lw=0)
        ax.plot(rates, means, color=color, lw=1.4)
        ax.plot(rates[alive], means[alive], "o", color=color, ms=2.5)
        ax.plot(rates[~alive], means[~alive], "x", color=color, ms=4)
        at = int(np.argmin(means))
        ax.plot(rates[at], means[at], "o", color=color, ms=6, mec="white", mew=0.8)
        ends.append(End(float(means[-1]), label, color))
    label_ends(ax, rates[-1], ends)
    ax.set_xlabel("learning rate", size=8, color=INK)
    ax.set_ylabel(f"{name}; × has diverged", size=8, color=INK)
    quiet(ax)
