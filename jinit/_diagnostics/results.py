"""What `probe` and `report` return: records that print as tables, and plot."""

import csv
import dataclasses
import functools
import io
from collections.abc import Mapping
from typing import Any

from .plot import draw
from .records import Histogram, LayerProbe
from .table import as_rich, as_text, colored, LEGEND
from .verdict import judge


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

    @property
    def keeps(self) -> bool:
        """Whether the weights keep the scale of signal and gradient."""
        return self.condition == "keeps"

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
        return draw({"": self}, path)

    def __str__(self) -> str:
        return f"{as_text(self.layers)}\n{self.verdict}"

    def __rich__(self) -> Any:
        return _titled(self, "")


@dataclasses.dataclass(frozen=True)
class Report:
    """What each scheme does to one model; prints as tables and plots itself.

    Attributes:
        subject: The model and the data, in words.
        probes: The probe of each scheme that gave finite numbers.
        overflows: For every other scheme, where infinity or NaN came first.
    """

    subject: str
    probes: Mapping[str, Probe]
    overflows: Mapping[str, str]

    @property
    def verdicts(self) -> dict[str, str]:
        """One plain sentence per scheme."""
        found = {name: probe.verdict for name, probe in self.probes.items()}
        return found | {
            name: f"overflows: inf or nan first at {place}; use a smaller scale"
            for name, place in self.overflows.items()
        }

    @property
    def fitting(self) -> tuple[str, ...]:
        """The schemes that keep the scale of signal and gradient."""
        return tuple(name for name, probe in self.probes.items() if probe.keeps)

    @property
    def conclusion(self) -> str:
        """Which schemes fit, in one sentence."""
        if not self.fitting:
            return "None of these schemes keeps the scale of signal and gradient."
        return f"Schemes that fit: {', '.join(self.fitting)}."

    def to_dict(self) -> dict[str, Any]:
        """The report as plain numbers, texts, lists and dictionaries."""
        return {
            "subject": self.subject,
            "conclusion": self.conclusion,
            "verdicts": self.verdicts,
            "schemes": {name: probe.to_dict() for name, probe in self.probes.items()},
        }

    def to_csv(self) -> str:
        """One line per scheme and layer, with every number but the histograms."""
        fields = [
            field.name
            for field in dataclasses.fields(LayerProbe)
            if field.type is not Histogram
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["scheme", "condition", *fields])
        for name, probe in self.probes.items():
            for layer in probe.layers:
                values = [getattr(layer, field) for field in fields]
                writer.writerow([name, probe.condition, *values])
        return text.getvalue()

    def plot(self, path: str | None = None) -> Any:
        """Draws the histograms of activations and gradients, schemes by layers.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return draw(self.probes, path, self.subject)

    def __str__(self) -> str:
        parts = [f"{name}\n{probe}" for name, probe in self.probes.items()]
        parts += [f"{name}\n{self.verdicts[name]}" for name in self.overflows]
        return "\n\n".join([self.subject, *parts, self.conclusion])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        tables = [_titled(probe, name) for name, probe in self.probes.items()]
        failed = [colored(name, self.verdicts[name], False) for name in self.overflows]
        heading, ending = Text(self.subject, "bold"), Text(self.conclusion, "bold")
        return Group(heading, "", *tables, *failed, Text(LEGEND, "dim"), "", ending)


def _titled(probe: Probe, title: str) -> Any:
    return as_rich(probe.layers, colored(title, probe.verdict, probe.keeps))
