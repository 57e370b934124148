"""What pre-training reached, epoch by epoch."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

from .._core import aligned, digits, drawn


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What a layer had reached after an epoch.

    The error and the pseudo-likelihood are of the first rows of the data, a thousand
    at most.

    Attributes:
        layer: Which layer, from 1.
        epoch: How many epochs it was trained.
        error: Of the reconstruction: the mean square per feature for an RBM, the loss
            for an autoencoder.
        pseudo_likelihood: Its logarithm, per row, for an RBM with Bernoulli units.
        gap: How much worse held-out rows are: in free energy for an RBM, in loss for an
            autoencoder. It grows when the layer overfits.
    """

    layer: int
    epoch: int
    error: float
    pseudo_likelihood: float | None = None
    gap: float | None = None


_MEASURES = {
    "error": "error",
    "pseudo_likelihood": "pseudo-likelihood",
    "gap": "held-out gap",
}


@dataclasses.dataclass(frozen=True)
class History:
    """All epochs of all layers, in order; prints as a table, or plots."""

    epochs: tuple[Epoch, ...]

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    def __str__(self) -> str:
        measures = self._measures()
        rows = [
            (
                f"{each.layer}",
                f"{each.epoch}",
                *(digits(getattr(each, name), 4, "") for name in measures),
            )
            for each in self.epochs
        ]
        head = ("layer", "epoch", *(_MEASURES[name] for name in measures))
        return aligned([head, *rows], left=0)

    def plot(self, path: str | None = None) -> Any:
        """Draws every measure over the epochs, a line for each layer.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        panels = [functools.partial(self._panel, name) for name in self._measures()]
        return drawn(panels, path, (3.6, 2.8))

    def _panel(self, name: str, axes: Any) -> None:
        layers = dict.fromkeys(each.layer for each in self.epochs)
        for layer in layers:
            own = [each for each in self.epochs if each.layer == layer]
            own = [each for each in own if getattr(each, name) is not None]
            values = [getattr(each, name) for each in own]
            axes.plot([each.epoch for each in own], values, label=f"layer {layer}")
        axes.set(xlabel="epoch", ylabel=_MEASURES[name])
        axes.spines[["top", "right"]].set_visible(False)
        if len(layers) > 1:
            axes.legend(frameon=False)

    def _measures(self) -> list[str]:
        has = lambda name: any(getattr(each, name) is not None for each in self.epochs)
        return [name for name in _MEASURES if has(name)] or ["error"]
