"""One key for each parameter, from its path alone."""

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .._core import bare_paths, check_key, is_key
from .._frameworks import as_key


def key_for(where: str, key: Any, tree: Any) -> jax.Array | None:
    """The key that the public function `where` was given beside a model or a tree."""
    if is_key(tree):
        first = "model" if where == "jinit.initialize" else "tree"
        raise TypeError(
            f"`{where}` needs the {first} first and the key second. Got a key first. "
            f"Write `{where}({first}, key, ...)`."
        )
    return None if key is None else as_key(where, key)


def path_keys(key: jax.Array, paths: Sequence[str]) -> jax.Array:
    """The keys of the parameters at `paths`: adding a layer changes no other's.

    A path's 8-byte BLAKE2b digest is folded in, its first four bytes and then its last,
    each as a big-endian number. A leading `params/` does not count: the weights of a
    linen module are the same with its other collections and without.
    """
    key = check_key("jinit.materialize", key)
    words = [_words(path) for path in bare_paths(paths)]
    return _fold(key, jax.device_put(np.array(words).reshape(-1, 2)))


def _words(name: str) -> np.ndarray:
    letters = name.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(letters, digest_size=8).digest()
    return np.frombuffer(digest, ">u4").astype(np.uint32)


@jax.jit
@functools.partial(jax.vmap, in_axes=(None, 0))
def _fold(key: jax.Array, words: jax.Array) -> jax.Array:
    return jax.random.fold_in(jax.random.fold_in(key, words[0]), words[1])
