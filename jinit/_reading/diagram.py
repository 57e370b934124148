"""The stream of a model as text: its layers from input to output."""

from collections.abc import Iterable, Iterator

from .._core import printable
from .row import count, Row


def draw(rows: Iterable[Row]) -> str:
    """One line per parameter that shapes the stream, of rows in their order."""
    rows = [row for row in rows if row.order is not None]
    return "\n".join(
        ["input", *(line for row in rows for line in _lines(row)), "output"]
    )


def _lines(row: Row) -> Iterator[str]:
    if row.role in {"bias", "norm offset", "norm statistic"}:
        return
    if row.role == "norm scale":
        yield f" │ normalized, × {printable(row.path)}"
        return
    if row.activation_name not in {None, "identity"}:
        yield f" │ {row.activation_name}"
    mark = "⊕" if row.closes_residual else "●"
    yield f" {mark} {printable(row.path)}  {_what(row)}"


def _what(row: Row) -> str:
    if row.fan_in is None:
        return row.role
    copies = "".join(f" × {n}" for n in row.stack)
    fans = f"{count(row.fan_in)} → {count(row.fan_out)}{copies}"
    role = "" if row.role == "kernel" else f"{row.role}, "
    closing = (
        f", added to the stream (1 of {row.branches})" if row.closes_residual else ""
    )
    return role + fans + closing
