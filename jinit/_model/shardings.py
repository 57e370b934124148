"""Where each parameter lies: shardings."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import jax
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec, Sharding

from .._core import (
    check_sharding,
    glob,
    is_traced,
    named_leaves,
    reason,
    require_tree,
    shown,
)


T = TypeVar("T")


def places(
    tree: Any, shardings: Any, mesh: Any, where: str, planned: bool = False
) -> list[Sharding | None] | None:
    """The sharding of every leaf of a tree, or None where nothing is asked for.

    Args:
        tree: Arrays or shapes. Without the rest, a shape's own sharding holds.
        shardings: One for all leaves; a tree of them, which may stop early; or rules
            `(glob, sharding)`, where the first that matches decides and what none
            matches is replicated. Each is a `Sharding` or a `PartitionSpec`.
        mesh: The mesh of a `PartitionSpec`.
        where: The public function that asks, for its errors.
        planned: Whether a shape's own sharding may be on a mesh without devices.

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
        found = [_own(leaf, planned) for leaf in leaves.values()]
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
    abstract = next(iter(meshes(found or (), AbstractMesh)), None)
    # Within `jax.set_mesh`, the mesh in context has the devices; a trace needs none.
    has_none = jax.sharding.get_abstract_mesh().empty and not is_traced()
    if abstract is not None and has_none:
        raise ValueError(
            f"`{where}` needs a mesh of devices to draw on. Got {abstract}. Make one "
            "with `jax.make_mesh`, or only plan, with `jinit.explain` or in "
            "`jax.eval_shape`."
        )


def _own(leaf: Any, planned: bool) -> Sharding | None:
    # The mesh of an abstract evaluation has no devices to draw on.
    found = getattr(leaf, "sharding", None)
    is_shape = isinstance(leaf, jax.ShapeDtypeStruct)
    on_devices = not isinstance(getattr(found, "mesh", None), AbstractMesh)
    return found if is_shape and (on_devices or planned) else None


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


def meshes(found: Iterable[Sharding | None], kind: type[T]) -> list[T]:
    """The meshes of a kind that places are on."""
    meshes = (getattr(place, "mesh", None) for place in found)
    return [mesh for mesh in meshes if isinstance(mesh, kind)]
