"""Long work: its progress on a terminal, and a Ctrl-C that keeps what it reached."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from .warn import warn


T = TypeVar("T")
PATIENCE = 1.0  # seconds without a bar


def track(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """The items, with a bar once they have taken a second."""
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


@contextlib.contextmanager
def working(label: str) -> Iterator[None]:
    """A spinner while the work inside goes on, once it has taken a second."""
    spinner = _spinner(label) if sys.stderr.isatty() else None
    if spinner is None:
        yield
        return
    timer = threading.Timer(PATIENCE, spinner.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it may be starting the spinner now
        spinner.stop()


def _bar():
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        return None
    bar = Progress(console=Console(stderr=True), transient=True)
    bar.start()
    return bar


def _spinner(label: str):
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(stderr=True).status(label)


@contextlib.contextmanager
def stoppable(where: str) -> Iterator[None]:
    """Ends the work inside at a Ctrl-C, with a warning, and keeps what it has done."""
    try:
        yield
    except KeyboardInterrupt:
        warn(
            f"`{where}` was stopped. What it returns is what it had reached.",
        )


def last(where: str, states: Iterator[T]) -> T:
    """The last state: at a Ctrl-C, with a warning, the one that was reached.

    Before the first there is nothing to keep, and it is raised.
    """
    state = next(states)
    with stoppable(where):
        for each in states:
            state = each
    return state
