"""Draws a phase diagram: how deep signals reach on either side of the edge of chaos."""

from typing import Any

import numpy as np

from .._core import blank


INK, FAINT = "#333333", "#8a8a8a"
ORDER, EDGE, CHAOS = "#2a6f97", "#fbf7ef", "#c8642f"
DEPTHS = np.geomspace(1, 100, 41)  # in layers: what lies beyond is drawn like these
TICKS = (1, 3, 10, 30)


def draw(
    *,
    title: str,
    weights: np.ndarray,
    biases: np.ndarray,
    rate: np.ndarray,
    edge: np.ndarray,
    regions: dict[str, np.ndarray],
    path: str | None,
) -> Any:
    """Draws one phase diagram.

    Args:
        title: What stands above it.
        weights: The σw² of the columns.
        biases: The σb² of the rows.
        rate: 1 / ξ of each pair, below 0 in order and above 0 in chaos.
        edge: σw², σb² and V′(q*) along the edge of chaos.
        regions: Where a word holds, by the word.
        path: Where to save the figure, if anywhere.

    Returns:
        The matplotlib figure.
    """
    figure = blank(7.2, 4.4, dpi=150, layout="constrained")
    ax = figure.add_subplot()
    _phases(figure, ax, weights, biases, rate)
    _edge(ax, edge)
    for word, inside in regions.items():
        _name(ax, weights, biases, word, inside)
    ax.set_xlim(weights[0], weights[-1])
    ax.set_ylim(round(biases[0], 2), biases[-1])
    ax.set_xlabel("variance of weights, σw² = fan_in · Var w", color=INK)
    ax.set_ylabel("variance of biases, σb²", color=INK)
    ax.set_title(title, loc="left", size=11, weight="bold", color=INK)
    _quiet(ax)
    if path is not None:
        figure.savefig(path)
    return figure


def _phases(
    figure: Any, ax: Any, weights: np.ndarray, biases: np.ndarray, rate: np.ndarray
) -> None:
    """Blue order and orange chaos, the paler, the deeper."""
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    ax.set_facecolor("#ececec")
    rate = np.clip(rate, -1 / DEPTHS[0], 1 / DEPTHS[0])
    levels = np.array([*-1 / DEPTHS, *1 / DEPTHS[::-1]])
    colors = LinearSegmentedColormap.from_list("phases", [ORDER, EDGE, CHAOS])
    shades = {"cmap": colors, "norm": BoundaryNorm(levels, colors.N)}
    filled = ax.contourf(weights, biases, rate, levels, **shades)
    filled.set_edgecolor("face")
    lines = {s / ticks: f"{ticks}" for ticks in TICKS for s in (-1, 1)}
    drawn = ax.contour(
        weights, biases, rate, sorted(lines), colors="white", linewidths=0.7
    )
    drawn.set_linestyle("-")
    ax.clabel(drawn, fmt=lines, fontsize=7)
    bar = figure.colorbar(filled, ax=ax, pad=0.02, aspect=30, spacing="uniform")
    bar.set_ticks([*sorted(lines), 0], labels=[*map(lines.get, sorted(lines)), "∞"])
    bar.set_label("depth scale ξc, layers", color=INK)
    _quiet(bar.ax)
    bar.outline.set_visible(False)


def _edge(ax: Any, edge: np.ndarray) -> None:
    """The edge of chaos: dashes where it repels, a line where it attracts."""
    weights, biases, slopes = edge.T
    attracts = np.where(slopes < 1, biases, np.nan)
    ax.plot(weights, biases, color=INK, lw=1.4, linestyle=(0, (3, 2)))
    ax.plot(weights, attracts, color=INK, lw=1.6)


def _name(
    ax: Any, weights: np.ndarray, biases: np.ndarray, word: str, inside: np.ndarray
) -> None:
    """The word for a region in its middle, upright where that is narrow."""
    from matplotlib.patheffects import withStroke

    if inside.mean() < 0.05:
        return
    x, y = np.meshgrid(weights, biases)
    narrow = inside.any(0).mean() < 0.25
    text = ax.text(
        np.median(x[inside]), np.median(y[inside]), word, rotation=90 * narrow,
        size=11, weight="bold", color=INK, ha="center", va="center",
    )  # fmt: skip
    text.set_path_effects([withStroke(linewidth=3, foreground="#ffffffa0")])


def _quiet(ax: Any) -> None:
    ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8, which="both")
    ax.minorticks_off()
    ax.spines[:].set_visible(False)
