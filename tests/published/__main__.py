"""Prints the table: python -m tests.published [WORD ...]

Of words, the rows whose source or description has one of them.
"""

import sys
import warnings

from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from . import distances, recomputed, Row, TABLE
from .row import Number, numbers, Sampled


def shown(printed: Number, found: Sampled) -> str:
    """With two digits more than were printed, or with its error."""
    if found.error:
        return f"{found.value:.4g}±{found.error:.1g}"
    digits = len(printed.text.partition("e")[0].strip("-0.").replace(".", ""))
    return f"{found.value:.{min(digits + 2, 17)}g}"


def verdict(row: Row) -> str:
    if row.found is None:
        held = f" Held by tests/{row.test}." if row.test else ""
        return row.reason + held
    if row.right:
        return f"In error: {row.right}. {row.reason}"
    return f"agrees, to {max(distances(row)):.2f} of what is allowed"


def cells(row: Row) -> tuple[str, ...]:
    found = ""
    if row.found is not None:
        pairs = zip(numbers(row.printed), recomputed(row), strict=True)
        found = " ".join(shown(*pair) for pair in pairs)
    return row.source, row.what, row.printed, found, verdict(row)


def main(words: list[str]) -> None:
    table = Table("source", "number", "printed", "recomputed", "", show_lines=True)
    rows = [row for row in TABLE if not words or any(w in str(row) for w in words)]
    for row in rows:
        table.add_row(*cells(row))
    Console(width=None if sys.stdout.isatty() else 170).print(table)
    count = lambda test: sum(len(r.printed.split()) for r in rows if test(r))
    print(
        f"{count(lambda r: True)} numbers in {len(rows)} rows: "
        f"{count(lambda r: r.found is not None)} recomputed here, "
        f"{count(lambda r: r.found is None and r.test)} in other tests, "
        f"{count(lambda r: r.found is None and not r.test)} not, with the reason; "
        f"{sum(bool(r.right) for r in rows)} rows in error"
    )


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
        main(sys.argv[1:])
