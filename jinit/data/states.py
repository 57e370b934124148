"""Work in steps, each of which leaves something of use."""

from collections.abc import Iterator
from typing import TypeVar

from .._core.progress import stoppable


State = TypeVar("State")


def last(where: str, states: Iterator[State]) -> State:
    """The last state: at a Ctrl-C, with a warning, the one that was reached.

    Before the first there is nothing to keep, and it is raised.
    """
    state = next(states)
    with stoppable(where):
        for each in states:
            state = each
    return state
