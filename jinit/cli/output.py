"""What a command prints, and where its picture goes."""

import importlib
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .._core import printable
from .options import RefusalError


def check_figure(path: str) -> None:
    """Refuses a path that no figure can be saved at: before the work, not after it."""
    folder, kind = pathlib.Path(path).parent, pathlib.Path(path).suffix
    if kind not in {".png", ".pdf", ".svg"} or not folder.is_dir():
        raise RefusalError(
            f"--out needs a .png, .pdf or .svg file in a folder that exists. Got {path}"
        )


def require(*modules: str) -> None:
    """Fails now if a package is missing, and not when its turn comes."""
    for module in modules:
        importlib.import_module(module)


def show(result: Any) -> None:
    """Prints, folded to the width of a terminal; whole lines in a pipe."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(result)
    else:
        print(result)


def say(text: str) -> None:
    """Tells how the work goes, beside what it prints."""
    lines = "\n".join(map(printable, text.split("\n")))
    print(f"jinit: {lines}", file=sys.stderr, flush=True)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as a table of a page."""
    escaped = lambda cell: cell.replace("|", "\\|")
    line = lambda cells: f"| {' | '.join(map(escaped, cells))} |"
    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
