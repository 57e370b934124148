"""The picture of a sweep: loss over the learning rate, and the best over the size."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._core import blank, digits
from ..._training import BAD, End, FAINT, GOOD, INK, label_ends, quiet, sized
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
    _sweeps(left, sizes, rates, losses, first, over, colors)
    _best(right, sizes, rates, best, over, colors)
    color = {True: GOOD, False: BAD, None: INK}[good]
    heading = "\n".join(textwrap.wrap(title, 105))
    figure.suptitle(heading, x=0.01, ha="left", size=9.5, color=color)
    return figure


def _sweeps(
    ax: Any,
    sizes: Sequence[int],
    rates: np.ndarray,
    losses: np.ndarray,
    first: np.ndarray,
    over: Over,
    colors: Sequence[str],
) -> None:
    """A curve per size through the means over seeds, whose ends are a band."""
    top = float(max(first[np.isfinite(first)], default=1.0))
    low = float(np.min(losses[np.isfinite(losses)], initial=top))
    ax.set_xscale("log")
    ax.set_ylim(low - 0.05 * (top - low), top + 0.02 * (top - low))
    ends = []
    for size, seeds, color in zip(sizes, losses, colors, strict=True):
        means = np.minimum(seeds.mean(axis=1), top)
        alive = np.isfinite(seeds).all(axis=1)
        spread = [np.minimum(f(seeds, axis=1), top) for f in (np.min, np.max)]
        ax.fill_between(rates, *spread, color=color, alpha=0.15, lw=0)
        ax.plot(rates, means, color=color, lw=1.4)
        ax.plot(rates[alive], means[alive], "o", color=color, ms=2.5)
        ax.plot(rates[~alive], means[~alive], "x", color=color, ms=4)
        at = int(np.argmin(means))
        ax.plot(rates[at], means[at], "o", color=color, ms=6, mec="white", mew=0.8)
        ends.append(End(float(means[-1]), f"{over} {size}", color))
    label_ends(ax, rates[-1], ends)
    ax.set_xlabel("learning rate", size=8, color=INK)
    ax.set_ylabel("loss at the end; × has diverged", size=8, color=INK)
    quiet(ax)


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
