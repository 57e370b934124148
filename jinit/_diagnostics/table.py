"""The layers of a probe as a table: plain text, or rich where a terminal shows it."""

from collections.abc import Iterable, Iterator
from typing import Any

from .._core.text import aligned, digits, NONE, percent, rich_table
from .records import LayerProbe


TITLES = (
    *("layer", "φ", "std(z)", "std(φ)", "flat", "dead", "std(g)"),
    *("z×", "theory", "g×", "theory"),
)
LEGEND = (
    "z: pre-activation. φ: activation. g: gradient at z. flat: entries where |φ′| is "
    "below 5 % of its largest. dead: units that pass no gradient. z×: rms z over that "
    "of the layer before. g×: std(g) over that of the layer after. theory: the same by "
    "mean field."
)


def rows(layers: Iterable[LayerProbe]) -> Iterator[tuple[str, ...]]:
    """The cells of a table under `TITLES`, one row per layer."""
    for layer in layers:
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


def as_text(layers: Iterable[LayerProbe]) -> str:
    """The table as aligned text."""
    return aligned([TITLES, *rows(layers)])


def as_rich(layers: Iterable[LayerProbe], heading: Any) -> Any:
    """The table for a rich console, under a heading."""
    from rich.console import Group

    return Group(heading, rich_table(TITLES, rows(layers), right=range(1, len(TITLES))))


def colored(name: str, verdict: str, good: bool) -> Any:
    """A verdict for a rich console, in green or red, behind a name if there is one."""
    from rich.text import Text

    beside = [(name, "bold"), "  "] if name else []
    return Text.assemble(*beside, (verdict, "green" if good else "red"))
