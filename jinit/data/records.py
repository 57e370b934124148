"""What a data-driven scheme did to each layer."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ..core.text import aligned


@dataclasses.dataclass(frozen=True)
class LayerScale:
    """What was done to one layer.

    Attributes:
        name: The layer; in a loop with the iteration, `blocks/up[3]`.
        path: The path of the parameter that was scaled.
        before: The standard deviation of its output when its turn came.
        scale: The factor that its kernel got.
        after: The standard deviation in the end.
    """

    name: str
    path: str
    before: float
    scale: float
    after: float


@dataclasses.dataclass(frozen=True)
class LayerScales:
    """The record of `jinit.lsuv`: one entry per layer; prints as a table, or plots."""

    layers: tuple[LayerScale, ...]

    def __iter__(self) -> Iterator[LayerScale]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        rows = [
            (each.name, f"{each.before:.3g}", f"{each.scale:.3g}", f"{each.after:.3g}")
            for each in self.layers
        ]
        return aligned([("layer", "std before", "scale", "std after"), *rows])

    def plot(self, path: str | None = None) -> Any:
        """Draws the standard deviations before and after, layer by layer.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.add_subplot()
        places = range(1, len(self) + 1)
        axes.semilogy(places, [each.before for each in self], "o-", label="before")
        axes.semilogy(places, [each.after for each in self], "o-", label="after")
        axes.set(xlabel="layer", ylabel="std of the output")
        axes.legend(frameon=False)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure
