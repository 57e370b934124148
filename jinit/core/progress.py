"""A progress bar on long work, where there is a terminal to show it."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar


T = TypeVar("T")
PATIENCE = 1.0  # seconds without a bar


def track(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """The items, with a bar on a terminal once they have taken a second.

    It needs the package rich, and shows nothing without it.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    start, bar, task = time.monotonic(), None, None
    try:
        for done, item in enumerate(items):
            if bar is None and time.monotonic() - start > PATIENCE:
                bar = _bar()
                task = bar and bar.add_task(label, total=total)
            if bar and task is not None:
                bar.update(task, completed=done)
            yield item
    finally:
        if bar:
            bar.stop()


def _bar():
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        return None
    bar = Progress(console=Console(stderr=True), transient=True)
    bar.start()
    return bar
