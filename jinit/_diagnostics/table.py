"""The layers of a probe as a table: plain text, or rich where a terminal shows it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .._core import aligned, digits, NONE, percent, rich_table
from .foretold import off
from .records import LayerProbe


TITLES = (
    *("layer", "φ", "std(z)", "std(φ)", "flat", "dead", "std(g)"),
    *("z×", "theory", "g×", "theory"),
)
PLANNED = ("E z²", "plan", "z²/plan")
LEGEND = (
    "z: pre-activation. φ: activation. g: gradient at z. flat: entries where |φ′| is "
    "below 5 % of its largest. dead: units that pass no gradient. z×: rms z over that "
    "of the layer before. g×: std(g) over that of the layer after. theory: the same by "
    "mean field."
)


def cells(layers: Sequence[LayerProbe]) -> list[tuple[str, ...]]:
    """A table with its titles, one row per layer, and what a plan predicts, if any."""
    table = [TITLES, *rows(layers)]
    if all(layer.predicted_second_moment is None for layer in layers):
        return table
    planned = [PLANNED, *map(_planned, layers)]
    return [(*row, *more) for row, more in zip(table, planned, strict=True)]


def _planned(layer: LayerProbe) -> tuple[str, ...]:
    told = layer.predicted_second_moment
    doubt = " unsure" if layer.doubt else ""
    return digits(layer.second_moment), digits(told), digits(off(layer)) + doubt


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


def as_text(layers: Sequence[LayerProbe]) -> str:
    """The table as aligned text."""
    return aligned(cells(layers))


def as_rich(layers: Sequence[LayerProbe], heading: Any) -> Any:
    """The table for a rich console, under a heading."""
    from rich.console import Group

    head, *body = cells(layers)
    return Group(heading, rich_table(head, body, right=range(1, len(head))))


def colored(name: str, verdict: str, good: bool) -> Any:
    """A verdict for a rich console, in green or red, behind a name if there is one."""
    from rich.text import Text

    beside = [(name, "bold"), "  "] if name else []
    return Text.assemble(*beside, (verdict, "green" if good else "red"))
