"""A probe as a table: plain text, or rich where a terminal shows it."""

from collections.abc import Iterator
from typing import Any

from .._core.text import aligned, rich_table


HEAD = (
    *("layer", "φ", "std(z)", "std(φ)", "flat", "dead", "std(g)"),
    *("z×", "theory", "g×", "theory"),
)
LEGEND = (
    "z: pre-activation. φ: activation. g: gradient at z. flat: entries where |φ′| is "
    "below 5 % of its largest. dead: units that pass no gradient. z×: rms z over that "
    "of the layer before. g×: std(g) over that of the layer after. theory: the same by "
    "mean field."
)


def rows(probe: Any) -> Iterator[tuple[str, ...]]:
    """The cells of a probe's table under `HEAD`, one row per layer."""
    for layer in probe.layers:
        yield (
            layer.name,
            layer.activation or "–",
            number(layer.std),
            number(layer.activation_std),
            percent(layer.saturated),
            percent(layer.dead),
            number(layer.gradient_std),
            number(layer.ratio),
            number(layer.predicted_ratio),
            number(layer.gradient_ratio),
            number(layer.predicted_gradient_ratio),
        )


def plain(probe: Any) -> str:
    """The table as aligned text."""
    return aligned([HEAD, *rows(probe)])


def rich_probe(probe: Any, title: str = "") -> Any:
    """The table and the verdict for a rich console."""
    from rich.console import Group
    from rich.text import Text

    table = rich_table(HEAD, rows(probe), right=range(1, len(HEAD)))
    color = "green" if probe.condition == "keeps" else "red"
    heading = Text.assemble((title, "bold"), "  " if title else "")
    return Group(heading + Text(probe.verdict, style=color), table)


def number(value: float | None) -> str:
    """Three digits: plain where that is short, else with an exponent."""
    if value is None:
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}"
    return f"{value:.1e}"


def percent(value: float | None) -> str:
    """A share as a whole percentage."""
    return "–" if value is None else f"{value:.0%}"
