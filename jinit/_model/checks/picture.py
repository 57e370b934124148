"""The picture of a coordinate check: a color per kind, a panel for a step."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..._core import blank
from ..._training import BAD, End, GOOD, INK, label_ends, quiet, sized
from .sizes import Over


COLORS: Mapping[str, str] = {
    "input": "#2a6f97",
    "hidden": "#c8642f",
    "query/key": "#7a5195",
    "attention logits": "#d45087",
    "norm": "#8a8a8a",
    "closing": "#8c564b",
    "stream": "#b8860b",
    "head": "#2d7d46",
    "outputs": "#111111",
}
PANELS = 3  # steps drawn at most: the first, the last, and one between


class Line(NamedTuple):
    """A line of the picture.

    Attributes:
        kind: The kind, which has its color.
        changes: By size and step.
        label: What stands at its end; "" for one layer of many, drawn thinly.
    """

    kind: str
    changes: Sequence[Sequence[float]]
    label: str = ""


def draw_check(
    lines: Sequence[Line], sizes: Sequence[int], over: Over, title: str, good: bool
) -> Any:
    """Draws a coordinate check: its lines, those in front last, under its verdict."""
    total = len(lines[0].changes[0])
    steps = sorted({*np.linspace(0, total - 1, min(total, PANELS)).round().astype(int)})
    figure = blank(2.4 * len(steps) + 1.7, 3.4, dpi=150, layout="constrained")
    panels = figure.subplots(1, len(steps), sharey=True, squeeze=False)[0]
    for ax, step in zip(panels, steps, strict=True):
        for line in lines:
            changes = [each[step] for each in line.changes]
            ax.plot(sizes, changes, color=COLORS[line.kind], **_style(line))
        sized(ax, sizes, over)
        ax.set_yscale("log")
        quiet(ax)
        ax.set_title(f"after step {step + 1}", size=8, loc="left", color=INK)
    panels[0].set_ylabel("root mean square of z_t − z_0", size=8, color=INK)
    ends = [
        End(line.changes[-1][-1], line.label, COLORS[line.kind])
        for line in lines
        if line.label
    ]
    label_ends(panels[-1], sizes[-1], ends)
    heading = "\n".join(textwrap.wrap(title, 28 * len(steps) + 20))
    color = GOOD if good else BAD
    figure.suptitle(heading, x=0.01, ha="left", size=9.5, color=color)
    return figure


def _style(line: Line) -> dict[str, Any]:
    if not line.label:
        return {"lw": 0.6, "alpha": 0.35}
    # A single head and the outputs are one line.
    width = {"lw": 1, "ls": "--"} if line.kind == "outputs" else {"lw": 1.8}
    return {"marker": "o", "ms": 3, **width}
