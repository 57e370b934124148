"""Figures of a row of panels, each drawn by a function of its axes."""

from collections.abc import Callable, Sequence
from typing import Any


Panel = Callable[[Any], None]


def drawn(
    panels: Sequence[Panel], path: str | None = None, size: tuple[float, float] = (5, 3)
) -> Any:
    """The panels side by side, `size` in inches each; saved where a path is given."""
    from matplotlib.figure import Figure

    width, height = size
    figure = Figure(figsize=(width * len(panels), height), layout="constrained")
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, axes in zip(panels, every, strict=True):
        panel(axes)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
