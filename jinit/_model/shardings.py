"""Where each parameter lies: shardings, and the memory that they take."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec, Sharding

from .._core import (
    aligned,
    check_sharding,
    glob,
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


def places(
    tree: Any, shardings: Any, mesh: Any, where: str
) -> list[Sharding | None] | None:
    """The sharding of every leaf of a tree, or None where nothing is asked for.

    Args:
        tree: Arrays or shapes. Without the rest, a shape's own sharding holds.
        shardings: One for all leaves; a tree of them, which may stop early; or rules
            `(glob, sharding)`, where the first that matches decides and what none
            matches is replicated. Each is a `Sharding` or a `PartitionSpec`.
        mesh: The mesh of a `PartitionSpec`.
        where: The public function that asks, for its errors.

    Raises:
        ValueError: When a rule matches nothing, a sharding does not divide a shape, or
            the shardings are those of another tree.
        TypeError: When a leaf is no sharding, or the mesh none.
    """
    if not (mesh is None or isinstance(mesh, Mesh | AbstractMesh)):
        raise TypeError(
            f"`{where}` needs `mesh` to be a mesh. Got {shown(mesh)}. Make one: "
            "`jax.make_mesh((8,), ('x',))`."
        )
    require_tree(where, "shardings", shardings)
    leaves = named_leaves(tree)
    if shardings is None and mesh is None:
        found = [_own(leaf) for leaf in leaves.values()]
        if not any(found):
            return None
    elif shardings is None:
        found = [PartitionSpec()] * len(leaves)
    elif _is_rules(shardings):
        found = _by_rules(list(leaves), shardings, where)
    else:
        found = _by_tree(tree, shardings, where)
    return [
        _on_mesh(place, mesh, path, leaf.shape, where)
        for (path, leaf), place in zip(leaves.items(), found, strict=True)
    ]


def check_devices(found: Sequence[Sharding | None] | None, where: str) -> None:
    """Refuses to draw on a mesh that names no devices."""
    meshes = [getattr(place, "mesh", None) for place in found or ()]
    abstract = next((mesh for mesh in meshes if isinstance(mesh, AbstractMesh)), None)
    # Within `jax.set_mesh`, the mesh in context has the devices.
    if abstract is not None and jax.sharding.get_abstract_mesh().empty:
        raise ValueError(
            f"`{where}` needs a mesh of devices to draw on. Got {abstract}. Make one "
            "with `jax.make_mesh`, or only plan, with `jinit.explain`."
        )


def _own(leaf: Any) -> Sharding | None:
    # The mesh of an abstract evaluation has no devices, and says nothing of places.
    found = getattr(leaf, "sharding", None)
    is_shape = isinstance(leaf, jax.ShapeDtypeStruct)
    on_devices = not isinstance(getattr(found, "mesh", None), AbstractMesh)
    return found if is_shape and on_devices else None


def _by_tree(tree: Any, shardings: Any, where: str) -> list[Any]:
    below = lambda place, part: itertools.repeat(place, len(jax.tree.leaves(part)))
    try:
        every = jax.tree.map(below, shardings, tree, is_leaf=_is_place)
    except ValueError as error:
        raise ValueError(
            f"`{where}` needs `shardings` of the structure of the weights, or to stop "
            f"early. Got another: {reason(error)}"
        ) from None
    return [*itertools.chain.from_iterable(jax.tree.leaves(every))]


def _is_place(x: Any) -> bool:
    return x is None or isinstance(x, Sharding | PartitionSpec)


def _is_rules(shardings: Any) -> bool:
    return isinstance(shardings, Sequence) and all(
        isinstance(rule, tuple) and len(rule) == 2 and isinstance(rule[0], str)
        for rule in shardings
    )  # fmt: skip


def _by_rules(paths: Sequence[str], rules: Sequence[Any], where: str) -> list[Any]:
    patterns = [glob(pattern) for pattern, _ in rules]
    hits = [
        next((i for i, each in enumerate(patterns) if each.matches(path)), None)
        for path in paths
    ]
    idle = [rules[i][0] for i in range(len(rules)) if i not in hits]
    if idle:
        raise ValueError(
            f"`{where}` needs every sharding rule to match a parameter. Got "
            f"{', '.join(map(shown, idle))} without one, or after rules that took it. "
            f"The paths are: {', '.join(paths)}."
        )
    return [PartitionSpec() if i is None else rules[i][1] for i in hits]


def _on_mesh(
    place: Any, mesh: Any, path: str, shape: tuple[int, ...], where: str
) -> Sharding | None:
    if isinstance(place, PartitionSpec) and mesh is not None:
        try:
            place = NamedSharding(mesh, place)
        except ValueError:
            raise ValueError(
                f"`{where}` needs specs of the axes {mesh.axis_names} of the mesh. Got "
                f"{place} for {path}."
            ) from None
    return check_sharding(f"{where}` for `{path}", place, shape)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The memory of a tree of weights; prints as a table.

    Attributes:
        parameters: The number of weights.
        total: The bytes of all of them together.
        per_device: The bytes on each device.
        largest: The bytes of the largest shard, and its path.
        by_dtype: Bytes per device by dtype.
    """

    parameters: int
    total: int
    per_device: int
    largest: tuple[int, str]
    by_dtype: dict[str, int]

    def __str__(self) -> str:
        return aligned(list(self._cells()))

    def __rich__(self) -> Any:
        return rich_table(("", ""), self._cells(), right=(1,))

    def _cells(self):
        yield "parameters", f"{self.parameters:,}"
        yield "all together", memory(self.total)
        yield "on each device", memory(self.per_device)
        if len(self.by_dtype) > 1:
            for dtype, count in self.by_dtype.items():
                yield f"  in {dtype}", memory(count)
        yield f"largest shard, {self.largest[1]}", memory(self.largest[0])


@public()
def estimate(
    model: Any,
    *inputs: Any,
    shardings: Any = None,
    mesh: Any = None,
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
        limit: The bytes that a device has; by default what the devices of the
            shardings say, if they do.

    Returns:
        An `Estimate`; print it.

    Raises:
        ValueError: When a device's share does not fit, with the largest shards.

    Example:
        >>> import jax, jinit
        >>> from jax.sharding import AbstractMesh, PartitionSpec as P
        >>> tree = {"kernel": jax.ShapeDtypeStruct((8192, 8192), "bfloat16")}
        >>> mesh = AbstractMesh((256,), ("model",))
        >>> print(jinit.estimate(tree, shardings=P("model"), mesh=mesh))
        parameters             67,108,864
        all together              128 MiB
        on each device            512 KiB
        largest shard, kernel     512 KiB
    """
    where, tree = "jinit.estimate", model
    if is_model(model):
        subject = read(where, model, None, inputs)
        tree = subject.weights
        if mesh is not None and shardings is None:
            shardings = subject.specs()
    require_tree(where, "model", tree)
    leaves = named_arrays(tree, where)
    found = places(tree, shardings, mesh, where) or [None] * len(leaves)
    sizes: dict[str, int] = {}
    by_dtype: dict[str, int] = {}
    for (path, leaf), place in zip(leaves.items(), found, strict=True):
        shape = leaf.shape if place is None else place.shard_shape(tuple(leaf.shape))
        dtype = np.dtype(leaf.dtype)
        sizes[path] = math.prod(shape) * dtype.itemsize
        by_dtype[dtype.name] = by_dtype.get(dtype.name, 0) + sizes[path]
    largest = sorted(((n, path) for path, n in sizes.items()), reverse=True)
    result = Estimate(
        parameters=sum(math.prod(leaf.shape) for leaf in leaves.values()),
        total=sum(_bytes(leaf) for leaf in leaves.values()),
        per_device=sum(sizes.values()),
        largest=largest[0] if largest else (0, ""),
        by_dtype=by_dtype,
    )
    limit = _limit(found) if limit is None else limit
    if limit is not None and result.per_device > limit:
        listed = ", ".join(f"{path} ({memory(n)})" for n, path in largest[:3])
        raise ValueError(
            f"`jinit.estimate` needs weights that fit on a device. Got "
            f"{memory(result.per_device)} for each, of {memory(limit)}. The largest "
            f"shards are {listed}. Shard over more devices, or use a smaller dtype."
        )
    return result


def _bytes(leaf: Any) -> int:
    return math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize


def _limit(found: Sequence[Sharding | None]) -> int | None:
    meshes = [getattr(place, "mesh", None) for place in found]
    concrete = [mesh for mesh in meshes if isinstance(mesh, Mesh)]
    devices = list(concrete[0].local_devices) if concrete else jax.local_devices()[:1]
    limits = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
    return min(filter(None, limits), default=None)
