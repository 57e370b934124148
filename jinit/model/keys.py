"""One key for each parameter, from its path alone."""

import hashlib

import jax


def path_key(key: jax.Array, path: str) -> jax.Array:
    """The key of the parameter at `path`: adding a layer changes no other's.

    The path's 8-byte BLAKE2b digest is folded in, its first four bytes and then its
    last, each as a big-endian number.
    """
    digest = hashlib.blake2b(path.encode(), digest_size=8).digest()
    for part in (digest[:4], digest[4:]):
        key = jax.random.fold_in(key, int.from_bytes(part, "big"))
    return key
