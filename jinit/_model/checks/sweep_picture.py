"""The picture of a sweep: loss over the learning rate, and the best over the size."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core import blank, digits
from ..._training import BAD, draw_losses, FAINT, GOOD, INK, quiet, sized, Sweep
from .sizes import Over


def draw_sweep(
    sizes: Sequence[int],
    rates: np.ndarray,
    losses: np.ndarray,
    best: np.ndarray,
    first: np.ndarray,
    over: Over,
    title: str,
    good: bool | None,
) -> Any:
    """Draws a sweep.

    Args:
        sizes: The sizes.
        rates: The learning rates.
        losses: By size, rate and seed; ∞ where a run has diverged.
        best: By size the best rate, and the ends of its interval.
        first: By size the loss of the first step: what is above it has learned nothing.
        over: What the sizes are.
        title: What stands above.
        good: Whether that is what one hopes for; None where it is not told.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shades = np.linspace(0, 0.88, len(sizes))
    colors = [to_hex(shade) for shade in colormaps["viridis"](shades)]
    figure = blank(8.0, 3.7, dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
    known = first[np.isfinite(first)]
    names = [f"{over} {size}" for size in sizes]
    sweeps = [Sweep(*each) for each in zip(names, colors, losses, strict=True)]
    draw_losses(left, rates, sweeps, float(max(known, default=1.0)))
    _best(right, sizes, rates, best, over, colors)
    color = {True: GOOD, False: BAD, None: INK}[good]
    heading = "\n".join(textwrap.wrap(title, 105))
    figure.suptitle(heading, x=0.01, ha="left", size=9.5, color=color)
    return figure


def _best(
    ax: Any,
    sizes: Sequence[int],
    rates: np.ndarray,
    best: np.ndarray,
    over: Over,
    colors: Sequence[str],
) -> None:
    """The best rate of each size with its interval, beside that of the first size."""
    sized(ax, sizes, over)
    ax.set_yscale("log")
    ax.axhline(best[0, 0], color=FAINT, lw=0.8, ls=":")
    ax.plot(sizes, best[:, 0], color=FAINT, lw=1)
    for size, (rate, low, high), color in zip(sizes, best, colors, strict=True):
        if np.isfinite([low, high]).all():
            ax.plot([size, size], [low, high], color=color, lw=2.2, alpha=0.5)
        ax.plot(size, rate, "o", color=color, ms=5)
    known = best[np.isfinite(best)]
    low, high = min(rates[0], *known), max(rates[-1], *known)
    ax.set_ylim(low / 1.2, high * 1.2)
    ax.set_yticks(rates, [digits(rate, 2) for rate in rates])
    ax.minorticks_off()
    ax.set_title("best learning rate, 95 % over seeds", size=8, loc="left", color=INK)
    quiet(ax)
