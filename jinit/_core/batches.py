"""Batches: an array, or a tuple or dict of arrays, is one; a list holds many.

The one rule for all that reads data. A list, and whatever else can be iterated, such as
a generator or a loader, is a stream of batches, one after another.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax

from .text import shown
from .trees import require_arrays, require_entries, require_tree


def batches_of(data: Any) -> Iterable[Any]:
    """All batches in the data; an iterator can be read only once."""
    one = hasattr(data, "shape") or isinstance(data, tuple | Mapping)
    return data if isinstance(data, Iterable) and not one else [data]


def one_array(where: str, batch: Any) -> Any:
    """A batch, where it has to be a single array."""
    if isinstance(batch, tuple | Mapping):
        raise TypeError(
            f"`{where}` needs every batch to be one array. Got a "
            f"{type(batch).__name__} of {len(batch)}. Give the inputs alone; arrays "
            "that are a batch each go into a list."
        )
    return batch


def first_of(where: str, data: Any) -> Any:
    """The first batch in the data."""
    return stream(where, data)[0]


def stream(where: str, data: Any) -> tuple[Any, Iterator[Any]]:
    """The first batch, and all of them from the first on.

    A single batch is given out without end. A stream is read anew when it has run out,
    unless it is an iterator, which ends.
    """
    every = _read(batches_of(data))
    first = next(every, None)
    if first is None:
        raise ValueError(f"`{where}` needs a batch or more. Got none in {shown(data)}.")
    require_tree(where, "batch", first)
    require_arrays(((), first), where)
    require_entries(where, "batch", first)
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


def _read(batches: Iterable[Any]) -> Iterator[Any]:
    ends = iter(batches) is batches
    found = True
    while found:
        found = False
        for batch in batches:
            found = not ends
            yield batch
