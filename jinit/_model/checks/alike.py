"""Which layers of models of several sizes are the same."""

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np

from .sizes import Over
from .watched import Kind


@dataclasses.dataclass(frozen=True)
class Seen:
    """How far training moved one thing at one size.

    Attributes:
        name: Its name.
        kind: Its kind.
        times: How many of its kind it stands for.
        squares: E (z_t − z_0)² by step.
        low: The lowest slope that theory expects; the highest is 0.
        why: Why, where that is below 0.
    """

    name: str
    kind: Kind
    times: int
    squares: np.ndarray
    low: float = 0.0
    why: str = ""


def alike(
    where: str, over: Over, sizes: Sequence[int], found: Sequence[Sequence[Seen]]
) -> list[tuple[Seen, ...]]:
    """What was seen of each thing at every size.

    The same have the same name; over depth, where layers are told by numbers, the same
    but for these, and where that does not match, the same kind.
    """
    ways = (_name, _family, _kind) if over == "depth" else (_name,)
    every = [[_merged(each, way) for each in found] for way in ways]
    for rows in every:
        if all(set(row) == set(rows[0]) for row in rows):
            return [tuple(row[one] for row in rows) for one in rows[0]]
    rows, what = every[-1], "kinds of layers" if over == "depth" else "layers"
    other = next(i for i, row in enumerate(rows) if set(row) != set(rows[0]))
    told = lambda i: ", ".join(repr(name) for _, name in rows[i])
    raise ValueError(
        f"`{where}` needs the same {what} at all sizes. Got {told(0)} at {sizes[0]} "
        f"and {told(other)} at {sizes[other]}."
    )


def _merged(
    seen: Sequence[Seen], name: Callable[[Seen], str]
) -> dict[tuple[str, str], Seen]:
    """Those of a name as one: their squares are averaged."""
    groups: dict[tuple[str, str], list[Seen]] = {}
    for each in seen:
        groups.setdefault((each.kind, name(each)), []).append(each)
    return {key: _mean(key[1], group) for key, group in groups.items()}


def _mean(name: str, group: Sequence[Seen]) -> Seen:
    times = [each.times for each in group]
    squares = np.average([each.squares for each in group], axis=0, weights=times)
    lowest = min(group, key=lambda each: each.low)
    return Seen(name, lowest.kind, sum(times), squares, lowest.low, lowest.why)


def _name(seen: Seen) -> str:
    return seen.name


def _family(seen: Seen) -> str:
    return re.sub(r"\d+", "*", seen.name)


def _kind(seen: Seen) -> str:
    return seen.kind
