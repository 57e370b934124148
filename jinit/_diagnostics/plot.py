"""The picture of an initialization: histograms, schemes by layers, there and back.

Each row is a scheme, each column a layer; activations on the left, gradients on the
right. All panels of a row and side share one horizontal scale, so a signal that shrinks
is seen to shrink and one that saturates piles up at the ends.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .._core import blank, digits
from .foretold import parts
from .records import Histogram, LayerProbe


COLUMNS = 6  # layers drawn at most, evenly spaced
HEADS = {
    "activation": ("activations φ(z), forward", "#2a6f97"),
    "gradient": ("gradients at z, backward", "#c8642f"),
}
GOOD, BAD, INK, FAINT = "#2d7d46", "#a83246", "#333333", "#8a8a8a"


class Judged(Protocol):
    """The layers of a model under one scheme, with a verdict: a `Probe`."""

    @property
    def layers(self) -> Sequence[LayerProbe]:
        """The layers, in order."""
        ...

    @property
    def verdict(self) -> str:
        """What is wrong, if anything."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether nothing is."""
        ...


def draw(probes: Mapping[str, Judged], path: str | None = None, title: str = "") -> Any:
    """Draws one row per probe, under its scheme's name.

    Args:
        probes: Probes of one model, by the name of their scheme.
        path: Where to save the figure, if anywhere.
        title: What the probes are of.

    Returns:
        The matplotlib figure.
    """
    layers = {name: _chosen(probe.layers) for name, probe in probes.items()}
    columns = max(map(len, layers.values()))
    height = 1.0 + 0.95 * len(probes)
    figure = blank(3.4 + 2.3 * columns, height, dpi=150)
    figure.set_layout_engine("none")
    labels, *sides = figure.add_gridspec(
        1, 3, width_ratios=[2.7, columns, columns], wspace=0.06,
        left=0.01, right=0.99, top=1 - 0.7 / height, bottom=0.25 / height,
    )  # fmt: skip
    grid = {"hspace": 0.6, "wspace": 0.12}
    names = labels.subgridspec(len(probes), 1, **grid)
    panels = [side.subgridspec(len(probes), columns, **grid) for side in sides]
    for row, (name, probe) in enumerate(probes.items()):
        _label(figure.add_subplot(names[row, 0]), name, probe)
        for side, cells in zip(HEADS, panels, strict=True):
            axes = [figure.add_subplot(cells[row, i]) for i in range(len(layers[name]))]
            _row(axes, layers[name], side)
            if row == 0:
                _head(axes, layers[name], *HEADS[side])
    heading = "\n".join(textwrap.wrap(title, 40))
    figure.text(0.01, 1 - 0.1 / height, heading, va="top", size=9, color=INK)
    if path is not None:
        figure.savefig(path)
    return figure


def _chosen(layers: Sequence[LayerProbe]) -> list[LayerProbe]:
    hidden = [layer for layer in layers if layer.hidden] or list(layers)
    picks = np.linspace(0, len(hidden) - 1, min(COLUMNS, len(hidden)))
    return [hidden[i] for i in picks.round().astype(int)]


def _label(ax: Any, name: str, probe: Judged) -> None:
    ax.axis("off")
    color = GOOD if probe.keeps else BAD
    verdict = "\n".join(textwrap.wrap(probe.verdict, 42))
    ax.text(0, 1, name, va="top", family="monospace", weight="bold", color=INK)
    ax.text(0, 0.7, verdict, va="top", size=7.5, color=color, linespacing=1.3)


def _head(
    axes: Sequence[Any], layers: Sequence[LayerProbe], title: str, color: str
) -> None:
    for ax, layer in zip(axes, layers, strict=True):
        name = layer.name if len(layer.name) < 11 else f"…{layer.name[-9:]}"
        ax.set_title(name, size=8, color=INK, pad=3, loc="left")
    axes[0].annotate(
        f"{title}; number: standard deviation", (0, 1), (0, 22),
        xycoords="axes fraction", textcoords="offset points",
        size=9, weight="bold", color=color,
    )  # fmt: skip


def _row(axes: Sequence[Any], layers: Sequence[LayerProbe], side: str) -> None:
    histograms = [getattr(layer, f"{side}_histogram") for layer in layers]
    low, high = _span(histograms)
    for ax, layer, histogram in zip(axes, layers, histograms, strict=True):
        _panel(ax, histogram, HEADS[side][1])
        ax.set_xlim(low, high)
        ax.set_xticks([0], [])
        std = digits(getattr(layer, f"{side}_std"))
        ax.set_title(std, size=7, color=FAINT, pad=3, loc="right")
        if side == "activation" and layer.predicted_second_moment is not None:
            _foretold(ax, layer)
    tick = _round_down(high)
    axes[0].set_xticks([0, tick], ["0", f"{tick:g}"])


def _foretold(ax: Any, layer: LayerProbe) -> None:
    """E z² as measured over as planned, red where they part though the plan is sure."""
    seen, told = digits(layer.second_moment), digits(layer.predicted_second_moment)
    color = BAD if parts(layer) and not layer.doubt else FAINT
    text = f"E z² {seen}\nplan {told}{' ?' if layer.doubt else ''}"
    ax.text(
        0.99, 0.97, text, size=5.5, color=color, ha="right", va="top",
        transform=ax.transAxes,
    )  # fmt: skip


def _panel(ax: Any, histogram: Histogram, color: str) -> None:
    counts = np.asarray(histogram.counts, float)
    # The outline keeps in sight what is narrower than a pixel.
    ax.stairs(
        counts, _edges(histogram), fill=True, color=color, edgecolor=color, lw=0.8
    )
    # A spike, such as the zeros of relu, must not flatten all the rest.
    third = np.sort(counts)[-3]
    ax.set_ylim(0, min(counts.max(), 2.2 * third or counts.max()))
    ax.set_yticks([])
    ax.tick_params(labelsize=6.5, length=2.5, pad=1.5, color=FAINT, labelcolor=FAINT)
    ax.spines[["top", "left", "right"]].set_visible(False)
    ax.spines["bottom"].set_color("#bbbbbb")


def _span(histograms: Sequence[Histogram]) -> tuple[float, float]:
    # Where all but the outermost entries of every panel lie.
    ends = []
    for histogram in histograms:
        counts = np.asarray(histogram.counts, float)
        share = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
        ends.append(np.interp([0.005, 0.995], share, _edges(histogram)))
    low, high = np.min(ends), np.max(ends)
    margin = 0.06 * (high - low) or abs(high) or 1.0
    return low - margin, high + margin


def _edges(histogram: Histogram) -> np.ndarray:
    return np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1)


def _round_down(x: float) -> float:
    power = 10.0 ** np.floor(np.log10(x))
    return power * max(step for step in (1, 2, 5) if step * power <= x)
