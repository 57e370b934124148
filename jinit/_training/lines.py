"""Lines over a logarithmic axis, each labelled at its end in its own color."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


GOOD, BAD, INK, FAINT = "#2d7d46", "#a83246", "#333333", "#8a8a8a"
LINE = 11.0  # points from label to label, at least


class End(NamedTuple):
    """Where a line ends, and what it is.

    Attributes:
        y: Its last value.
        text: Its label.
        color: Its color.
    """

    y: float
    text: str
    color: str


def label_ends(ax: Any, x: float, ends: Sequence[End], size: float = 7.5) -> None:
    """Writes the labels to the right of a panel, as near to their lines as they go.

    The limits of the panel have to be set: labels are placed along its height.
    """
    low, high = ax.get_ylim()
    height = 72 * ax.get_window_extent().height / ax.figure.dpi
    to_share = ax.transScale.transform
    bottom, top = (to_share((x, each))[1] for each in (low, high))
    share = lambda y: (to_share((x, y))[1] - bottom) / (top - bottom)
    known = [end for end in ends if np.isfinite(end.y)]
    aims = [float(np.clip(share(end.y), 0, 1)) if end.y > 0 else 0.0 for end in known]
    for end, aim, place in zip(known, aims, apart(aims, LINE / height), strict=True):
        ax.annotate(
            end.text, (1.0, aim), (1.06, place), xycoords="axes fraction",
            textcoords="axes fraction", size=size, color=end.color, va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": end.color,
                        "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)},
        )  # fmt: skip


def apart(aims: Sequence[float], gap: float) -> list[float]:
    """The places nearest to `aims`, in their order, that are a gap or more apart."""
    if not len(aims):
        return []
    order = np.argsort(aims, kind="stable")
    # With the gaps taken out, places only have to stay in order: isotonic regression.
    level = np.asarray(aims)[order] - gap * np.arange(len(aims))
    blocks: list[list[float]] = []
    for each in level:
        blocks.append([each])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    flat = np.concatenate([[np.mean(block)] * len(block) for block in blocks])
    places = np.empty(len(aims))
    places[order] = flat + gap * np.arange(len(aims))
    return places.tolist()


def sized(ax: Any, sizes: Sequence[int], over: str) -> None:
    """A logarithmic axis of sizes, each with its tick."""
    ax.set_xscale("log")
    ax.set_xticks(sizes, list(map(str, sizes)), size=7)
    ax.minorticks_off()
    ax.set_xlabel(over if over != "batch" else "batch size", size=8, color=INK)


def quiet(ax: Any) -> None:
    """A panel without what is not read."""
    ax.tick_params(labelsize=7, color=FAINT, labelcolor=INK)
    ax.tick_params(which="minor", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
