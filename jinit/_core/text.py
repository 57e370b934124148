"""Tables as text: aligned columns, or rich ones for a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows of cells as text, the first `left` columns to the left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def rich_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> Any:
    """The same for a rich console, folded where it is narrow; `right` are numbers."""
    from rich import box
    from rich.table import Table

    table, numbers = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)), set(right)
    table.header_style = "dim"
    for i, name in enumerate(head):
        if i in numbers:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
