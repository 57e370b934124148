"""What `probe` and `report` return: records that print as tables, and plot."""

import csv
import dataclasses
import functools
import io
from collections.abc import Mapping
from typing import Any

from .foretold import compared, first_parting, off
from .plot import draw
from .records import Histogram, LayerProbe
from .stability import stability
from .table import as_rich, as_text, colored, LEGEND
from .verdict import judge, Verdict


class UnhealthyError(ValueError):
    """Weights that a probe condemns, with what is wrong, where and what to do."""

    def __init__(self, verdict: Verdict):
        """Says the verdict, with the layer where it begins."""
        self._verdict = verdict
        super().__init__(
            "`Probe.require_healthy` needs weights that keep signal and gradient. Got "
            f"{verdict.sentence}, first at {verdict.layer}. Fix: {verdict.fix}."
        )

    @property
    def condition(self) -> str:
        """What is wrong, in a word or two, such as "shrinks"."""
        return self._verdict.condition

    @property
    def layer(self) -> str:
        """The first offending layer."""
        return self._verdict.layer

    @property
    def fix(self) -> str:
        """What to do."""
        return self._verdict.fix

    def __reduce__(self) -> Any:
        return UnhealthyError, (self._verdict,)


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
        return self._judgment.condition

    @property
    def verdict(self) -> str:
        """What is wrong with these weights, if anything, and what to use instead."""
        forward = [each.name for each in self.layers if each.gradient_std is None]
        said = {
            "not seen, inside a `while`, `cond` or `shard_map`": self.unseen,
            "seen forward alone, as JAX takes no gradient of what follows": forward,
        }
        notes = (f"{note}: {', '.join(names)}" for note, names in said.items() if names)
        return "; ".join([str(self._judgment), *notes])

    @functools.cached_property
    def _judgment(self) -> Verdict:
        return judge(self.layers, self.input_std)

    @property
    def keeps(self) -> bool:
        """Whether nothing is wrong with the weights."""
        return self.condition == "keeps"

    @property
    def fits(self) -> bool:
        """Whether they keep the scale of signal and gradient both."""
        return self.keeps and not self._judgment.lost

    @property
    def offender(self) -> str:
        """The name of the first layer where something is wrong; "" where nothing is."""
        return self._judgment.layer

    @property
    def parting(self) -> str:
        """The first layer that a plan was sure of, and wrong; "" where none is."""
        found = first_parting(self.layers)
        return "" if found is None else found.name

    @property
    def advice(self) -> str:
        """The initializer to use instead, as text; "" where none is named."""
        return self._judgment.scheme

    @property
    def stability(self) -> str:
        """What a scale that is a little off becomes with depth, by activation."""
        return stability(self.layers)

    def require_healthy(self) -> "Probe":
        """This probe, if nothing is wrong with the weights; else it raises.

        For a continuous-integration job or the first line of a training script:

            jinit.probe(model, params, batch).require_healthy()

        Raises:
            UnhealthyError: With the verdict, the first offending layer and the fix.
        """
        if not self.keeps:
            raise UnhealthyError(self._judgment)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The record as plain numbers, texts, lists and dictionaries."""
        layers = [dataclasses.asdict(x) | {"off": off(x)} for x in self.layers]
        return {
            "condition": self.condition,
            "verdict": self.verdict,
            "offender": self.offender,
            "stability": self.stability,
            "plan": compared(self.layers),
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
        ends = filter(None, (self.verdict, self.stability, compared(self.layers)))
        return "\n".join([as_text(self.layers), *ends])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        ends = filter(None, (self.stability, compared(self.layers)))
        return Group(_titled(self, ""), *(Text(end, "dim") for end in ends))


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
        found = {name: self._verdict(probe) for name, probe in self.probes.items()}
        return found | {
            name: f"overflows: inf or nan first at {place}; use a smaller scale"
            for name, place in self.overflows.items()
        }

    def _verdict(self, probe: Probe) -> str:
        # What was tried and does not fit is no advice.
        tried = self.probes.get(probe.advice)
        fails = probe.advice in self.overflows if tried is None else not tried.fits
        if not fails:
            return probe.verdict
        other = "no scheme tried here does: add normalization or residual connections"
        return probe.verdict.replace(f"use {probe.advice}", other)

    @property
    def fitting(self) -> tuple[str, ...]:
        """The schemes that keep the scale of signal and gradient."""
        return tuple(name for name, probe in self.probes.items() if probe.fits)

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
