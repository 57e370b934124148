"""The same model under several initializations, side by side."""

import csv
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.initializer import Initializer
from .._core.registry import get
from .._core.settings import check, choose, Count
from .._frameworks.load import load_model, Subject
from .._graph.recognition import NAMES
from .._reading.model import read_model
from ..datasets import DATASETS, load, standardize
from .models import mlp, redraw
from .probe import examine, NotFiniteError, warn_of_scale
from .records import Histogram, LayerProbe, Probe


def schemes(activation: str) -> tuple[str, ...]:
    """The classical schemes that a report compares."""
    return (
        "normal(0.01)",
        "fan_in_uniform",
        "lecun_normal",
        "glorot_uniform",
        "he_normal",
        f"orthogonal(gain={activation!r})",
        "normal(1.0)",
    )


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
        return tuple(
            name for name, probe in self.probes.items() if probe.condition == "keeps"
        )

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
        from .plot import draw

        return draw(self.probes, path, self.subject)

    def __str__(self) -> str:
        parts = [f"{name}\n{probe}" for name, probe in self.probes.items()]
        parts += [f"{name}\n{self.verdicts[name]}" for name in self.overflows]
        return "\n\n".join([self.subject, *parts, self.conclusion])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        from .table import LEGEND, rich_probe

        tables = [rich_probe(probe, name) for name, probe in self.probes.items()]
        failed = [
            Text.assemble((name, "bold"), "  ", (self.verdicts[name], "red"))
            for name in self.overflows
        ]
        heading, ending = Text(self.subject, "bold"), Text(self.conclusion, "bold")
        return Group(heading, "", *tables, *failed, Text(LEGEND, "dim"), "", ending)


def report(
    inits: Sequence[str | Initializer] = (),
    *,
    activation: str = "relu",
    depth: int = 5,
    width: int = 256,
    batch_norm: bool = False,
    data: str | np.ndarray = "mnist",
    raw: bool = False,
    model: str | tuple[Callable[[Any, Any], Any], Any] | None = None,
    input_shape: Sequence[int] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Compares initializations of one model on real data: which of them fits?

    The model is an MLP of `depth` hidden layers of `width` units and a linear readout,
    or any other. Its kernels are drawn anew under every scheme; all else stays.

    Args:
        inits: The schemes, as text or as initializers; seven classical ones if empty.
        activation: The MLP's activation, by name.
        depth: Its hidden layers.
        width: Their units.
        batch_norm: Whether each is followed by batch normalization.
        data: "mnist", "digits", "gaussian", or an array of inputs.
        raw: Whether to leave a named data set as it is stored, not of mean 0 and
            variance 1.
        model: In place of the MLP, a model's `(apply, params)`, or where a factory of
            it stands, as `package.module:factory`.
        input_shape: In place of `data`, standard normal input of this shape.
        seed: Fixes the weights.
        progress: Called with a line of text at every step.

    Returns:
        A `Report`: print it, `.plot()` it, or read its `.probes` and `.verdicts`.

    Raises:
        ValueError: For an unknown scheme, activation or data set, or an input that
            does not fit the model.

    Example:
        >>> from jinit._diagnostics.report import report
        >>> result = report(["he_normal", "normal(1.0)"], data="digits", width=64)
        >>> result.fitting
        ('he_normal',)
    """
    choose("jinit.report", "activation", activation, (*NAMES, "linear"))
    for name, value in {"depth": depth, "width": width}.items():
        check("jinit.report", name, Count, value)
    chosen = {str(init): get(init) for init in inits or schemes(activation)}
    key = jax.random.key(seed)
    batch, source = _batch(data, raw, input_shape, key, progress)
    if model is None:
        words = f"{depth}-layer {activation} MLP of width {width}"
        words += " with batch normalization" if batch_norm else ""
        subject = mlp(activation, depth, width, batch_norm, batch, key)
    elif isinstance(model, str):
        words, subject = model, load_model(model, batch, key)
    else:
        words, subject = "The model", Subject(*model)
    return _compare(f"{words} on {source}", subject, chosen, batch, key, progress)


def _compare(
    title: str,
    subject: Subject,
    chosen: Mapping[str, Initializer],
    batch: jax.Array,
    key: jax.Array,
    progress: Callable[[str], None],
) -> Report:
    graph = read_model(subject.apply, subject.params, batch)
    probes, overflows = {}, {}
    for i, (name, initializer) in enumerate(chosen.items(), 1):
        progress(f"{i}/{len(chosen)} {name}")
        params = redraw(graph, subject.params, initializer, key)
        try:
            probes[name] = examine(subject.apply, params, batch)
        except NotFiniteError as error:
            overflows[name] = error.place
    return Report(title, probes, overflows)


def _batch(
    data: str | np.ndarray,
    raw: bool,
    input_shape: Sequence[int] | None,
    key: jax.Array,
    progress: Callable[[str], None],
) -> tuple[jax.Array, str]:
    if input_shape is not None:
        shape, noise = tuple(input_shape), jax.random.fold_in(key, 1)
        return jax.random.normal(noise, shape), f"standard normal input {shape}"
    if not isinstance(data, str):
        warn_of_scale(data, stacklevel=4)
        return jnp.asarray(data), f"input of shape {np.shape(data)}"
    choose("jinit.report", "data", data, DATASETS)
    progress(f"reading {data}")
    images, _ = load(data)
    batch = images if raw else standardize(images)
    warn_of_scale(batch, stacklevel=4)
    kind = "" if raw else "standardized "
    return jnp.asarray(batch), f"{kind}{data}, {len(images)} examples"
