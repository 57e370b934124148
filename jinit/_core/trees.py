"""Trees by path: `params/Dense_0/kernel`, for every framework."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from .._reading.model import path_parts


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by path, in its order; a box or variable is its content."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {_name(path): leaf for path, leaf in leaves}


def _name(path: Any) -> str:
    return "/".join(path_parts(path))


def named_arrays(tree: Any, where: str) -> dict[str, Any]:
    """The same, of a tree that has to hold arrays or shapes, each at its own path."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = {}
    for path, leaf in ((_name(path), leaf) for path, leaf in leaves):
        if not hasattr(leaf, "dtype"):
            raise TypeError(
                f"`{where}` needs a tree of arrays or shapes. Got {leaf!r} at {path}. "
                "Split the model first, with `nnx.split` or `eqx.partition`."
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


def replaced(tree: Any, new: Mapping[str, Any]) -> Any:
    """The tree with other leaves at these paths."""
    leaves, structure = jax.tree.flatten(tree)
    paths = named_leaves(tree)
    return jax.tree.unflatten(
        structure, [new.get(p, leaf) for p, leaf in zip(paths, leaves, strict=True)]
    )


def glob(pattern: str) -> re.Pattern[str]:
    """A pattern of `/` paths: `*` and `?` stay within a name, `**` spans any number.

    `[ab]` is one of these characters and `{a,b}` one of these words. The pattern may
    match the end of a path alone; with a leading `/` it matches from its start.
    """
    start = "" if pattern.startswith("/") else "(?:.*/)?"
    return re.compile(start + "".join(_regex(pattern.removeprefix("/"))) + "$")


_TOKEN = re.compile(r"\*\*/|\*\*|[*?]|\[[^]]+\]|\{[^}]*\}|.")
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _regex(pattern: str) -> Iterator[str]:
    for token in _TOKEN.findall(pattern):
        if token in _WILD:
            yield _WILD[token]
        elif token[0] == "[" and len(token) > 1:
            yield token.replace("[!", "[^")
        elif token[0] == "{" and len(token) > 1:
            words = ("".join(_regex(word)) for word in token[1:-1].split(","))
            yield f"(?:{'|'.join(words)})"
        else:
            yield re.escape(token)
