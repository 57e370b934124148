"""Data as batches: one that is used again and again, or many, one after another."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import jax

from .._reading.trace import require_arrays


def stream(where: str, batches: Any) -> tuple[Any, Iterator[Any]]:
    """The first batch, and all of them from the first on.

    An array, or a tuple or dict of arrays, is one batch, given out without end. A list
    or any other iterable holds batches; it is read anew when it has run out, unless it
    is an iterator, which ends.
    """
    many = _holds_batches(batches)
    every = _read(batches) if many else itertools.repeat(batches)
    first = next(every, None)
    if first is None:
        raise ValueError(f"`{where}` needs a batch or more. Got none in {batches!r}.")
    require_arrays(((), first), where)
    if not any(leaf.size for leaf in jax.tree.leaves(first)):
        shapes = [leaf.shape for leaf in jax.tree.leaves(first)]
        raise ValueError(f"`{where}` needs a batch with rows. Got shapes {shapes}.")
    return first, itertools.chain([first], every)


def lasting(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches, and then the last one without end."""
    last = None
    for batch in batches:
        yield (last := batch)
    yield from itertools.repeat(last)


def _holds_batches(batches: Any) -> bool:
    is_batch = hasattr(batches, "shape") or isinstance(batches, (tuple, dict))
    return not is_batch and isinstance(batches, Iterable)


def _read(batches: Iterable[Any]) -> Iterator[Any]:
    ends = iter(batches) is batches
    found = True
    while found:
        found = False
        for batch in batches:
            found = not ends
            yield batch
