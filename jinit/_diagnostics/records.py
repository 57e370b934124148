"""The record of a probe: plain numbers that print as a table and plot themselves."""

import dataclasses
import functools
from typing import Any

from .verdict import judge


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Counts in equal bins from `low` to `high`; the end bins hold what lies beyond."""

    counts: tuple[int, ...]
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class LayerProbe:
    """What the batch shows at one layer.

    Attributes:
        name: The layer, by the path of its kernel.
        path: The kernel's path in the parameters.
        shape: The shape of the pre-activation z.
        fan_in: Terms summed into one entry of z.
        fan_out: Entries of z that one input entry takes part in.
        weight_variance: fan_in · E w².
        hidden: Whether another layer reads this one.
        mean: E z.
        std: The standard deviation of z.
        second_moment: E z².
        activation: The name of the activation φ that follows, up to a positive factor;
            "other" for an element-wise function without a name, None where there is no
            single one.
        normalized: Whether φ acts on something made of z, such as a batch norm, rather
            than on z itself.
        activation_std: The standard deviation of φ, or of z where φ is None.
        saturated: The share of entries where |φ′| is below 5 % of the largest |φ′|.
        dead: The share of units whose φ′ is 0 on the whole batch.
        gradient_std: The standard deviation of the gradient at z.
        ratio: rms z over that of the layer before, or of the input.
        predicted_ratio: The same by the variance map, where φ is known.
        gradient_ratio: Gradient std over that of the layer after.
        predicted_gradient_ratio: The same by mean-field theory, where φ is known.
        equal_units: Whether all units have equal weights and equal gradients.
        activation_histogram: The entries of φ, or of z where φ is None.
        gradient_histogram: The entries of the gradient at z.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    fan_in: float
    fan_out: float
    weight_variance: float
    hidden: bool
    mean: float
    std: float
    second_moment: float
    activation: str | None
    normalized: bool
    activation_std: float
    saturated: float | None
    dead: float | None
    gradient_std: float
    ratio: float | None
    predicted_ratio: float | None
    gradient_ratio: float | None
    predicted_gradient_ratio: float | None
    equal_units: bool
    activation_histogram: Histogram
    gradient_histogram: Histogram


@dataclasses.dataclass(frozen=True)
class Probe:
    """Signals and gradients at every layer of a model; prints as a table.

    Attributes:
        layers: One record per layer, in the order of computation.
        input_std: The standard deviation of what the first layer reads.
        unseen: The names of the layers inside `while`, `cond` or `shard_map`, of which
            there is no record.
    """

    layers: tuple[LayerProbe, ...]
    input_std: float
    unseen: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The verdict in one word or two, such as "keeps" or "shrinks"."""
        return self._judgment[0]

    @property
    def verdict(self) -> str:
        """What is wrong with these weights, if anything, and what to use instead."""
        verdict = self._judgment[1]
        if not self.unseen:
            return verdict
        names = ", ".join(self.unseen)
        return f"{verdict}; not seen, inside a `while`, `cond` or `shard_map`: {names}"

    @functools.cached_property
    def _judgment(self) -> tuple[str, str]:
        return judge(self.layers, self.input_std)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain numbers, texts, lists and dictionaries."""
        layers = [dataclasses.asdict(layer) for layer in self.layers]
        return {
            "condition": self.condition,
            "verdict": self.verdict,
            "input_std": self.input_std,
            "unseen": list(self.unseen),
            "layers": layers,
        }

    def plot(self, path: str | None = None) -> Any:
        """Draws the histograms of activations and gradients, layer by layer.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        from .plot import draw

        return draw({"": self}, path)

    def __str__(self) -> str:
        from .table import plain

        return f"{plain(self)}\n{self.verdict}"

    def __rich__(self) -> Any:
        from .table import rich_probe

        return rich_probe(self)
