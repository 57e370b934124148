"""The memory that weights and an optimizer's state will take, before it is taken."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec, Sharding

from .._core import (
    aligned,
    memory,
    named_arrays,
    named_leaves,
    Positive,
    public,
    reason,
    require_tree,
    rich_table,
    shown,
)
from .._frameworks import is_model, read
from .shardings import meshes, places


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The memory of a tree of weights; prints as a table.

    Attributes:
        parameters: The number of weights.
        total: The bytes of all together.
        per_device: The bytes on each device.
        state: Those of them that are an optimizer's state.
        largest: The bytes of the largest shard, and its path.
        by_dtype: Bytes per device by dtype.
    """

    parameters: int
    total: int
    per_device: int
    largest: tuple[int, str]
    by_dtype: dict[str, int]
    state: int = 0

    def __str__(self) -> str:
        return aligned(list(self._cells()))

    def __rich__(self) -> Any:
        return rich_table(("", ""), self._cells(), right=(1,))

    def _cells(self) -> Iterator[tuple[str, str]]:
        yield "parameters", f"{self.parameters:,}"
        yield "all together", memory(self.total)
        yield "on each device", memory(self.per_device)
        if self.state:
            yield "  weights", memory(self.per_device - self.state)
            yield "  optimizer's state", memory(self.state)
        if len(self.by_dtype) > 1:
            for dtype, count in self.by_dtype.items():
                yield f"  in {dtype}", memory(count)
        yield f"largest shard, {self.largest[1]}", memory(self.largest[0])


class _Part(NamedTuple):
    """A weight, or a part of an optimizer's state, and where it lies."""

    path: str
    shape: tuple[int, ...]
    dtype: Any
    place: Sharding | None

    @property
    def total(self) -> int:
        """Its bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def per_device(self) -> int:
        """Its bytes on each device."""
        if self.place is None:
            return self.total
        return math.prod(self.place.shard_shape(self.shape)) * self.dtype.itemsize


@public()
def estimate(
    model: Any,
    *inputs: Any,
    shardings: Any = None,
    mesh: Any = None,
    optimizer: Any = None,
    limit: Positive | None = None,
) -> Estimate:
    """The memory that weights will take on each device, before any is allocated.

    Args:
        model: A tree of arrays or `jax.ShapeDtypeStruct`s; or a model of any kind, as
            in `jinit.trace`.
        *inputs: Arrays or shapes, as the model takes them.
        shardings: As in `jinit.materialize`; by default those that the model's own
            annotations ask for. Meshes may be abstract.
        mesh: The mesh of `PartitionSpec`s.
        optimizer: One of optax, whose state is counted as well: its moments lie as
            their parameters do, along the axes that they have of theirs, as
            Adafactor's do; all else is on every device.
        limit: The bytes that a device has; by default what the devices of the
            shardings say, if they do.

    Returns:
        An `Estimate`; print it.

    Raises:
        TypeError: When the optimizer has no `init`.
        ValueError: When a device's share does not fit, with the largest shards.

    Example:
        >>> import jax, jinit, optax
        >>> from jax.sharding import AbstractMesh, PartitionSpec as P
        >>> tree = {"kernel": jax.ShapeDtypeStruct((8192, 8192), "float32")}
        >>> places = {"shardings": P("model"), "mesh": AbstractMesh((256,), ("model",))}
        >>> print(jinit.estimate(tree, **places))
        parameters             67,108,864
        all together              256 MiB
        on each device              1 MiB
        largest shard, kernel       1 MiB
        >>> jinit.estimate(tree, **places, optimizer=optax.adam(1e-3)).per_device
        3145732
    """
    where, tree = "jinit.estimate", model
    if is_model(model):
        subject = read(where, model, None, inputs)
        tree = subject.weights
        if mesh is not None and shardings is None:
            shardings = subject.specs()
    require_tree(where, "model", tree)
    leaves = named_arrays(tree, where)
    found = places(tree, shardings, mesh, where, planned=True)
    found = found or [None] * len(leaves)
    weights = [
        _Part(path, tuple(leaf.shape), np.dtype(leaf.dtype), place)
        for (path, leaf), place in zip(leaves.items(), found, strict=True)
    ]
    state = [] if optimizer is None else _state(where, optimizer, tree, weights)
    result = _summed(weights, state)
    limit = _limit(found) if limit is None else limit
    if limit is not None and result.per_device > limit:
        largest = sorted(weights + state, key=lambda x: x.per_device, reverse=True)
        listed = ", ".join(f"{x.path} ({memory(x.per_device)})" for x in largest[:3])
        what = "weights, with an optimizer's state," if state else "weights"
        raise ValueError(
            f"`{where}` needs {what} that fit on a device. Got "
            f"{memory(result.per_device)} for each, of {memory(limit)}. The largest "
            f"shards are {listed}. Shard over more devices, or use a smaller dtype."
        )
    return result


def _summed(weights: list[_Part], state: list[_Part]) -> Estimate:
    by_dtype: dict[str, int] = {}
    for part in (*weights, *state):
        count = by_dtype.get(part.dtype.name, 0) + part.per_device
        by_dtype[part.dtype.name] = count
    every = [(part.per_device, part.path) for part in (*weights, *state)]
    return Estimate(
        parameters=sum(math.prod(part.shape) for part in weights),
        total=sum(part.total for part in (*weights, *state)),
        per_device=sum(by_dtype.values()),
        state=sum(part.per_device for part in state),
        largest=max(every, default=(0, "")),
        by_dtype=by_dtype,
    )


def _state(where: str, optimizer: Any, tree: Any, weights: list[_Part]) -> list[_Part]:
    """What an optimizer keeps, each part placed like the weight that it is of."""
    if not callable(getattr(optimizer, "init", None)):
        raise TypeError(
            f"`{where}` needs `optimizer` to be one of optax, which has an `init`. Got "
            f"{shown(optimizer)}. Make one: `optax.adam(1e-3)`."
        )
    try:
        state = jax.eval_shape(optimizer.init, tree)
    except Exception as error:
        raise ValueError(
            f"`{where}` needs an `optimizer` of these weights. Got "
            f"{type(error).__name__}: {reason(error)}"
        ) from error
    known = {part.path: part for part in weights}
    return [
        _Part(path, leaf.shape, leaf.dtype, _place(leaf.shape, _weight_of(path, known)))
        for path, leaf in named_leaves(state).items()
    ]


def _weight_of(path: str, weights: Mapping[str, _Part]) -> _Part | None:
    """The weight that a part of a state is of: its path is the end of that one's."""
    parts = path.split("/")
    ends = ("/".join(parts[i:]) for i in range(len(parts) + 1))
    return next((weights[end] for end in ends if end in weights), None)


def _place(shape: tuple[int, ...], weight: _Part | None) -> Sharding | None:
    """Where a part of a state lies: by the axes that it has of its weight's."""
    if weight is None or shape == weight.shape:
        return weight and weight.place
    if not isinstance(weight.place, NamedSharding):
        return None
    more = len(shape) - len(weight.shape)
    if more > 0 and shape[more:] == weight.shape:  # a history of what it was
        kept = [*[None] * more, *weight.place.spec]
    else:
        left = iter(itertools.zip_longest(weight.shape, weight.place.spec))
        kept = [next((spec for n, spec in left if n == size), _NONE) for size in shape]
    lies = _NONE not in kept
    return NamedSharding(weight.place.mesh, PartitionSpec(*kept)) if lies else None


_NONE = object()  # no such axis


def _limit(found: Sequence[Sharding | None]) -> int | None:
    concrete = meshes(found, Mesh)
    if not concrete and meshes(found, AbstractMesh):
        return None
    devices = list(concrete[0].local_devices) if concrete else jax.local_devices()[:1]
    limits = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
    return min(filter(None, limits), default=None)
