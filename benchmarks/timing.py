"""Side-by-side timing: every case in turn, round after round, medians of all rounds."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
from rich.console import Console
from rich.progress import track
from rich.table import Table


def side_by_side(
    cases: Mapping[str, Callable[[], Any]], rounds: int = 9
) -> dict[str, float]:
    """The median seconds of each case; taking turns, drift hits all of them alike.

    A case runs for a while before it is timed: the idle threads of another library's
    pool go on spinning, on the cores of whatever comes next.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        jax.block_until_ready(case())
    console = Console(stderr=True)
    for _ in track(range(rounds), "timing", console=console, transient=True):
        for name, case in cases.items():
            _run(case, 0.1)
            start = time.perf_counter()
            jax.block_until_ready(case())
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _run(case: Callable[[], Any], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        jax.block_until_ready(case())


def show(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table, first column to the left and the others to the right."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=100).print(table)
