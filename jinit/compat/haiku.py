"""Initializers for Haiku: without a key, which `hk.next_rng_key` gives."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from .._core import as_initializer, Initializer, require


hk = require("jinit.compat.haiku", "haiku")


@dataclasses.dataclass(frozen=True)
class Wrapped:
    """An initializer of jinit as one of Haiku: `jinit.compat.haiku.wrap` makes it.

    Attributes:
        initializer: The initializer of jinit.
    """

    initializer: Initializer

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Weights of that shape, from the next key of the transformed function."""
        key = hk.next_rng_key() if self.initializer.law.is_random else None
        return self.initializer(key, tuple(shape), dtype)

    def __repr__(self) -> str:
        return f"wrap({self.initializer!r})"


def wrap(initializer: Any) -> Wrapped:
    """The initializer as Haiku calls it: `(shape, dtype)`, inside of `hk.transform`.

    Kernels are `(*spatial, in, out)` in Haiku as in jinit. What is not random takes no
    key from the sequence.

    Args:
        initializer: The initializer, or what `jinit.get` takes for one.

    Returns:
        A function `(shape, dtype)`, equal to another of an equal initializer.

    Raises:
        TypeError: For what is no initializer.

    Example:
        >>> import haiku as hk, jax, jax.numpy as jnp, jinit
        >>> init = jinit.compat.haiku.wrap(jinit.orthogonal(gain="tanh"))
        >>> network = hk.transform(lambda x: hk.Linear(8, w_init=init)(x))
        >>> network.init(jax.random.key(0), jnp.ones((2, 4)))["linear"]["w"].shape
        (4, 8)
    """
    where = "jinit.compat.haiku.wrap"
    return Wrapped(as_initializer(where, initializer).configure())
