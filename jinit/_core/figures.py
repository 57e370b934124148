"""Figures that need no pyplot: a script saves them, a notebook shows them."""

import functools
import io
from collections.abc import Callable, Sequence
from typing import Any


Panel = Callable[[Any], None]


def blank(width: float, height: float, **settings: Any) -> Any:
    """An empty matplotlib figure of this size in inches."""
    return _picture()(figsize=(width, height), **settings)


def drawn(
    panels: Sequence[Panel], path: str | None = None, size: tuple[float, float] = (5, 3)
) -> Any:
    """The panels side by side, `size` in inches each; saved where a path is given."""
    width, height = size
    figure = blank(width * len(panels), height, layout="constrained")
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, axes in zip(panels, every, strict=True):
        panel(axes)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


@functools.cache
def _picture() -> Any:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows, whether or not pyplot has drawn in it."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    return Picture
