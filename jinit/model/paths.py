"""Trees by path: `params/Dense_0/kernel`, for every framework."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from ..graph.taps import path_parts


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by path, in its order; a box or variable is its content."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(path_parts(path)): leaf for path, leaf in leaves}


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
