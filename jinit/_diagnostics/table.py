"""A probe as a table: plain text, or rich where a terminal shows it."""

from collections.abc import Iterator
from typing import Any

from .._core.text import aligned, digits, NONE, percent, rich_table


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
            layer.activation or NONE,
            digits(layer.std),
            digits(layer.activation_std),
            percent(layer.saturated),
            percent(layer.dead),
            digits(layer.gradient_std),
            digits(layer.ratio),
            digits(layer.predicted_ratio),
            digits(layer.gradient_ratio),
            digits(layer.predicted_gradient_ratio),
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
