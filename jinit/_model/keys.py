"""One key for each parameter, from its path alone."""

import functools
import hashlib
from collections.abc import Sequence

import jax
import numpy as np

from .._core.draw import check_key


def path_keys(key: jax.Array, paths: Sequence[str]) -> jax.Array:
    """The keys of the parameters at `paths`: adding a layer changes no other's.

    A path's 8-byte BLAKE2b digest is folded in, its first four bytes and then its last,
    each as a big-endian number. A leading `params/` does not count: the weights of a
    linen module are the same with its other collections and without. It does where
    the rest is a path of its own.
    """
    key = check_key("jinit.materialize", key)
    taken = {path for path in paths if not path.startswith("params/")}
    bare = [path.removeprefix("params/") for path in paths]
    names = [
        path if name in taken else name for path, name in zip(paths, bare, strict=True)
    ]
    return _fold(key, np.array([_words(name) for name in names]).reshape(-1, 2))


def _words(name: str) -> np.ndarray:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.frombuffer(digest, ">u4").astype(np.uint32)


@jax.jit
@functools.partial(jax.vmap, in_axes=(None, 0))
def _fold(key: jax.Array, words: jax.Array) -> jax.Array:
    return jax.random.fold_in(jax.random.fold_in(key, words[0]), words[1])
