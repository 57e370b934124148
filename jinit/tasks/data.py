"""Data of the tasks: images that packages ship, standardized and in batches."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..datasets import load
from .task import Batch


Data: TypeAlias = tuple[list[Batch], list[Batch]]  # to train on, held out


def images(name: str, rows: int, count: int, held_out: int) -> Data:
    """Batches of images `(rows, side, side, 1)` and labels; the last are held out.

    All pixels together have mean 0 and variance 1 over the images trained on.
    """
    pixels, labels = _loaded(name)
    trained = pixels[: rows * count]
    pixels = (pixels - trained.mean()) / trained.std()
    side = round(pixels.shape[1] ** 0.5)
    return cut(pixels.reshape(-1, side, side, 1), labels, rows, count, held_out)


_loaded = functools.lru_cache(maxsize=1)(load)


def cut(inputs: np.ndarray, targets: Any, rows: int, count: int, held_out: int) -> Data:
    """Batches of so many rows: `count` to train on and, of the rows behind, others."""
    parts = [slice(i * rows, (i + 1) * rows) for i in range(count + held_out)]
    batches = [(inputs[part], _part(targets, part)) for part in parts]
    return batches[:count], batches[count:]


def changed(data: Data, change: Callable[[Any, Any], Batch]) -> Data:
    """The same with another batch for each."""
    trained, held_out = ([change(*batch) for batch in part] for part in data)
    return trained, held_out


def _part(targets: Any, part: slice) -> Any:
    if isinstance(targets, tuple):
        return tuple(each[part] for each in targets)
    return targets[part]


def standardized(x: np.ndarray) -> np.ndarray:
    """Of mean 0 and variance 1 over all entries, in float32."""
    return ((x - x.mean()) / x.std()).astype(np.float32)
