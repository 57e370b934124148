"""Real inputs as samples: unit normals, but for classes of which one is 1.

A batch tells these, as all of its numbers are 0 or 1. Of a shape, only the computation
tells: what it seeks the largest entry of holds classes. Numbers of any other size count
as standardized, which they should be.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._graph import Graph, Value
from .._graph.samples import Along, EQUAL, LARGE, Samples, Source


def real(
    kind: Any, array: np.ndarray | None, classes: Mapping[int, bool], source: Source
) -> Samples:
    """Samples of a real input, of which an array or classes along axes may be told.

    Else its entries are unit normals; in doubt, if it is not sure that there are no
    classes.
    """
    if array is not None:
        made = source.array(array)
        return made if array.shape == tuple(kind.shape) else _like(made)
    sure = [axis for axis, is_sure in classes.items() if is_sure]
    if sure:
        return _like(source.array(_one_hot(kind.shape, sure[0])))
    is_complex = jnp.issubdtype(kind.dtype, jnp.complexfloating)
    made = source.gaussian(0.0, 1.0, [0.0] * len(kind.shape), is_complex)
    return made.doubted(MAYBE if classes else "")


MAYBE = "an input of as many entries as another has classes may hold classes as well"


def is_blank(argument: Any) -> bool:
    """Whether an array stands for its shape alone: all of its numbers are the same."""
    array = np.asarray(argument)
    return array.size > 1 and bool((array == array.flat[0]).all())


def classes(graph: Graph, inputs: Iterable[Value]) -> dict[Value, dict[int, bool]]:
    """By real input, the axes that hold classes, one of which is 1; whether surely.

    Surely, where the computation seeks the largest entry along an axis of the input
    itself. Maybe, where the last axis is as long as one of these.
    """
    found = {i: dict.fromkeys(_sought(graph, i), True) for i in inputs}
    sizes = {graph.types[i].shape[k] for i, axes in found.items() for k in axes}
    for i in found:
        shape = graph.types[i].shape
        if shape and not found[i] and shape[-1] in sizes:
            found[i] = {len(shape) - 1: False}
    return found


def _sought(graph: Graph, value: Value) -> Iterable[int]:
    """The axes of an input along which the place of its largest entry is sought."""
    for op in graph.readers.get(value, ()):
        if op.traits.casts:
            yield from _sought(graph, op.outputs[0])
        elif op.name == "argmax":
            yield from op.params["axes"]


def is_real(graph: Graph, value: Value) -> bool:
    """Whether a value holds real numbers, or complex ones."""
    return jnp.issubdtype(graph.types[value].dtype, jnp.inexact)


def told(argument: Any) -> np.ndarray | None:
    """The first examples of an input of zeros and ones; None of any other.

    Its numbers have to be there for every process.
    """
    if isinstance(argument, jax.ShapeDtypeStruct | Tracer) or jax.process_count() > 1:
        return None
    if not getattr(argument, "is_fully_addressable", True):
        return None
    shape = np.shape(argument)
    rows = max(LARGE // max(math.prod(shape[1:]), 1), 1)
    array = np.asarray(argument[:rows] if shape and rows < shape[0] else argument)
    is_choice = bool(np.isin(array, (0, 1)).all()) and not is_blank(array)
    return np.real(array).astype(float) if array.size > 1 and is_choice else None


def _like(examples: Samples) -> Samples:
    """Entries like those of an array, which is not known itself."""
    apart = lambda k: abs(examples.likeness(k)) < ALIKE
    axes = tuple(
        axis._replace(along=Along.APART) if axis is not EQUAL and apart(k) else axis
        for k, axis in enumerate(examples.axes)
    )
    return dataclasses.replace(examples, array=None, axes=axes)


ALIKE = 0.01  # a correlation that samples do not tell from none


def _one_hot(shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Any classes, of an input of this shape, or of so many examples."""
    count, first = shape[axis], shape[0]
    rows = max(LARGE // max(math.prod(shape[1:]), 1), 1)
    sizes = [first if axis == 0 else min(first, rows), *shape[1:]]
    ids = np.random.default_rng(0).integers(0, count, np.delete(sizes, axis))
    return np.moveaxis(np.eye(count)[ids], -1, axis)
