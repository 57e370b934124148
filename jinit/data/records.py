"""What a data-driven scheme did to each layer."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from .._core import aligned, digits, drawn


@dataclasses.dataclass(frozen=True)
class LayerScale:
    """What was done to one layer.

    Attributes:
        name: The layer; in a loop with the iteration, `blocks/up[3]`.
        path: The path of the parameter that was scaled.
        before: The standard deviation of its output when its turn came.
        scale: The factor that its kernel got.
        after: The standard deviation in the end; nan where a Ctrl-C came before it was
            measured.
    """

    name: str
    path: str
    before: float
    scale: float
    after: float


class Spread(NamedTuple):
    """The smallest, the median and the largest of some numbers."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Spread":
        """That of `values`."""
        return cls(*(float(q) for q in np.quantile(values, [0, 0.5, 1])))

    def __str__(self) -> str:
        return f"{digits(self.low)} to {digits(self.high)}"


@dataclasses.dataclass(frozen=True)
class UnitScale:
    """What was done to the units of one layer.

    Attributes:
        name: The layer; in a loop with the iteration, `blocks/up[3]`.
        path: The path of the parameter that was scaled.
        before: The standard deviations of its units when its turn came.
        scale: The factors that they got.
        after: The standard deviations in the end; nan where a Ctrl-C came before they
            were measured.
        mean: The mean farthest from 0, in the end.
    """

    name: str
    path: str
    before: Spread
    scale: Spread
    after: Spread
    mean: float


def scales_of(
    name: str,
    path: str,
    before: np.ndarray,
    scale: np.ndarray,
    after: np.ndarray,
    means: np.ndarray | None = None,
) -> Iterator[LayerScale | UnitScale]:
    """The entries of one parameter, one for each of its iterations.

    All arrays are `(*loops, units)`; without means, units are alike.
    """
    loops = before.shape[:-1]
    for number, index in enumerate(np.ndindex(loops)):
        own = f"{name}[{number}]" if loops else name
        every = [np.asarray(each, float)[index] for each in (before, scale, after)]
        if means is None:
            yield LayerScale(own, path, *(float(each[0]) for each in every))
        else:
            mean = float(abs(means[index]).max())
            yield UnitScale(own, path, *(Spread.of(each) for each in every), mean=mean)


Scale = TypeVar("Scale", bound=LayerScale | UnitScale)


@dataclasses.dataclass(frozen=True)
class LayerScales(Generic[Scale]):
    """What was done to every layer, in order; prints as a table, or plots.

    Attributes:
        layers: One entry each.
        quantity: What `before` and `after` are.
    """

    layers: tuple[Scale, ...]
    quantity: str = "std"

    def __iter__(self) -> Iterator[Scale]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        head = ("layer", f"{self.quantity} before", "scale", f"{self.quantity} after")
        by_unit = any(isinstance(each, UnitScale) for each in self.layers)
        return aligned(
            [(*head, "mean") if by_unit else head, *map(_cells, self.layers)]
        )

    def plot(self, path: str | None = None) -> Any:
        """Draws what was before and after, layer by layer.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return drawn([self.draw], path, (7, 3.2))

    def draw(self, axes: Any) -> None:
        """Draws the same on matplotlib axes."""
        places = range(1, len(self) + 1)
        for label in ("before", "after"):
            spreads = [_spread(getattr(each, label)) for each in self.layers]
            low, middle, high = np.reshape(spreads, (-1, 3)).T
            axes.fill_between(places, low, high, alpha=0.2, lw=0)
            axes.semilogy(places, middle, "o-", label=label)
        axes.set(xlabel="layer", ylabel=self.quantity)
        axes.legend(frameon=False)


@dataclasses.dataclass(frozen=True)
class Learned:
    """What gradients taught: the scales, and the objective step by step.

    Attributes:
        scales: Of every parameter, its norm before and after.
        objective: What was made small, as text.
        history: Its value in every step.
    """

    scales: LayerScales[LayerScale]
    objective: str
    history: tuple[float, ...]

    def __str__(self) -> str:
        first, last = (digits(self.history[i], 4) for i in (0, -1))
        steps = len(self.history)
        return f"{self.objective}: {first}, after {steps} steps {last}\n{self.scales}"

    def plot(self, path: str | None = None) -> Any:
        """Draws the objective by step, and the norms before and after.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return drawn([self._history, self.scales.draw], path)

    def _history(self, axes: Any) -> None:
        axes.semilogy(self.history)
        axes.set(xlabel="step", ylabel=self.objective)


def _cells(each: LayerScale | UnitScale) -> tuple[str, ...]:
    text = lambda x: str(x) if isinstance(x, Spread) else digits(x)
    cells = (each.name, *map(text, (each.before, each.scale, each.after)))
    return (*cells, text(each.mean)) if isinstance(each, UnitScale) else cells


def _spread(x: float | Spread) -> Spread:
    return x if isinstance(x, Spread) else Spread(x, x, x)
