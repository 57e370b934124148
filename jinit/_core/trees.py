"""Paths of trees: `params/Dense_0/kernel`, for every framework."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .settings import is_known
from .text import printable, reason, shown


DEEPEST = 200  # levels of a tree: more is no model


def path_parts(path: Sequence[Any]) -> tuple[str, ...]:
    """A tree path as plain words: `['params']['Dense_0']` gives params, Dense_0."""
    if len(path) > 1 and path[-1] == jax.tree_util.GetAttrKey("value"):
        path = path[:-1]  # the content of an NNX variable or a linen box
    return tuple(
        str(next(getattr(key, a) for a in ("key", "name", "idx") if hasattr(key, a)))
        for key in path
    )


def leaf_paths(tree: Any) -> tuple[str, ...]:
    """The paths of all leaves of a tree, in its order."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return tuple("/".join(path_parts(path)) for path, _ in leaves)


def bare(path: str) -> str:
    """A path without the collection that linen puts parameters in.

    A parameter has one name with the module's other collections and without them, and
    in every framework.
    """
    return path.removeprefix("params/")


def bare_paths(paths: Sequence[str]) -> list[str]:
    """The same of all paths of a tree, but where what is left is a path of its own."""
    taken = {path for path in paths if path == bare(path)}
    return [path if bare(path) in taken else bare(path) for path in paths]


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by path, in its order; a box or variable is its content."""
    return dict(zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True))


def named_arrays(tree: Any, where: str) -> dict[str, Any]:
    """The same, of a tree that has to hold arrays or shapes, each at its own path."""
    named = {}
    for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True):
        if not hasattr(leaf, "dtype"):
            raise TypeError(
                f"`{where}` needs a tree of arrays or shapes. Got {shown(leaf)} "
                f"at {printable(path)}. Split the model first, with `nnx.split` "
                "or `eqx.partition`."
            )
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            raise TypeError(
                f"`{where}` needs a tree of weights. Got a PRNG key at {path}. Leave "
                "random streams out, as with `nnx.split(model, nnx.Param, ...)`."
            )
        if path in named:
            raise ValueError(
                f"`{where}` needs a path of its own for every leaf. Got two at {path}. "
                "Rename one: a `/` in a name reads as a level."
            )
        named[path] = leaf
    return named


def require_tree(where: str, what: str, tree: Any) -> Any:
    """Refuses what JAX can not take apart, and arrays that it does not take or has not.

    Levels are counted first: a tree that is deeper than the stack ends the process.
    """
    _require_shallow(where, what, tree)
    try:
        leaves = jax.tree_util.tree_leaves_with_path(tree)
    except ValueError as error:  # keys without an order
        raise TypeError(
            f"`{where}` needs `{what}` to be a tree whose keys are of one kind. "
            f"Got {shown(tree)}: {reason(error)}"
        ) from None
    for path, leaf in leaves:
        odd = _odd(leaf)
        if odd:
            place = printable(jax.tree_util.keystr(path))
            at = f" at {place}" if place else ""
            raise TypeError(
                f"`{where}` needs `{what}` to hold {odd}. Got {shown(leaf)}{at}."
            )
    return tree


def traced_part(tree: Any) -> Tracer | None:
    """The first leaf of a tree that stands for numbers which are not known yet."""
    try:
        _require_shallow("", "", tree)
        leaves = jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, Iterator))
    except Exception:  # no tree: whoever takes it apart says so
        return None
    return next((leaf for leaf in leaves if isinstance(leaf, Tracer)), None)


def _odd(leaf: Any) -> str:
    """What an array should be, where it is not; nothing of all else."""
    if isinstance(leaf, types.ModuleType):
        return "arrays and no packages"
    if isinstance(leaf, np.ndarray):
        known = is_known(leaf.dtype) or leaf.dtype == jax.dtypes.float0
        return "" if known else "arrays of dtypes that JAX has"
    is_there = not isinstance(leaf, jax.Array) or isinstance(leaf, Tracer)
    if not is_there and leaf.is_deleted():
        return "arrays that were not donated to a jitted function"
    return ""


def _require_shallow(where: str, what: str, tree: Any) -> None:
    level, depth = [tree], 0
    while level:
        if depth > DEEPEST:
            raise ValueError(
                f"`{where}` needs `{what}` of at most {DEEPEST} levels. Got more."
            )
        parts = (
            each.values() if isinstance(each, dict) else each
            for each in level if isinstance(each, dict | list | tuple)
        )  # fmt: skip
        level, depth = [x for part in parts for x in part], depth + 1


def require_arrays(tree: Any, where: str) -> None:
    """Refuses a tree of parameters and inputs with anything but arrays in it."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            raise TypeError(
                f"`{where}` needs `params` and inputs to hold arrays only. Got "
                f"{shown(leaf)} at {printable(jax.tree_util.keystr(path[1:]))}. Split "
                "the model first, with `nnx.split` or `eqx.partition(model, "
                "eqx.is_array)`."
            )


def require_entries(where: str, what: str, tree: Any) -> None:
    """Refuses a tree with shapes in it, where entries are looked at."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if isinstance(leaf, jax.ShapeDtypeStruct):
            place = printable(jax.tree_util.keystr(path))
            at = f" at {place}" if place else ""
            raise TypeError(
                f"`{where}` needs `{what}` to hold arrays, whose entries it looks at. "
                f"Got {shown(leaf)}{at}."
            )


def replaced(tree: Any, new: Mapping[str, Any]) -> Any:
    """The tree with other leaves at these paths."""
    leaves, structure = jax.tree.flatten(tree)
    pairs = zip(leaf_paths(tree), leaves, strict=True)
    return structure.unflatten([new.get(path, leaf) for path, leaf in pairs])
