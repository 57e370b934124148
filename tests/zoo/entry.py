"""The record of a test model: how it is made, what it reads, what is right for it.

    @entry(inputs=(image(2, 8, 8, 3),), own={"gate": "zeros: blocks start as skips"})
    def gated_net():
        "Kernels by fan. The gates stay 0: its author starts each block as a skip."
        return GatedNet()

The decorated function stays a function. Its entry is `ZOO["gated_net"]`.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model of any framework, the shapes of its inputs, and what is right for it.

    Attributes:
        name: What test ids call it.
        make: Makes the model: a module, a constructor, a transform, or
            `(apply, params)`. Called once, by `model`.
        inputs: A `jax.ShapeDtypeStruct` for each input, or trees of them; an array
            where the values are part of the model, such as positions.
        right: Which starts are right, and why: the docstring of `make`.
        own: The starts of its author that stay, as `path glob: what and why`.
        unsure: Globs of the parameters whose row may say that it is not understood.
        ids: Integers of a batch lie in `[0, ids)`.
        loss: `loss(outputs, key) -> scalar`, for tests that train. None: the mean
            square of the outputs' distance from fixed normals.
    """

    name: str
    make: Callable[[], Any]
    inputs: tuple[Any, ...]
    right: str
    own: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unsure: tuple[str, ...] = ()
    ids: int = 96
    loss: Callable[..., jax.Array] | None = None

    @functools.cached_property
    def model(self) -> Any:
        """The model, made once per process."""
        return self.make()

    def batch(self, key: jax.Array) -> tuple[Any, ...]:
        """Inputs with values: unit normals, ids, masks, or keys, by dtype."""
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
        return jax.tree.map(lambda leaf: self._values(rng, leaf), self.inputs)

    def _values(self, rng: np.random.Generator, leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.split(jax.random.key(rng.integers(2**31)), leaf.shape)
        if leaf.dtype == bool:
            n = leaf.shape[-1]
            lengths = rng.integers(n // 2, n + 1, (*leaf.shape[:-1], 1))
            return jnp.asarray(np.arange(n) < lengths)
        if jnp.issubdtype(leaf.dtype, jnp.integer):
            return jnp.asarray(rng.integers(0, self.ids, leaf.shape), leaf.dtype)
        return jnp.asarray(rng.standard_normal(leaf.shape), leaf.dtype)


ZOO: dict[str, Entry] = {}


def entry(
    inputs: tuple[Any, ...], name: str | None = None, **fields: Any
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Enters the decorated maker of a model, whose docstring says what is right."""

    def enter(make: Callable[[], Any]) -> Callable[[], Any]:
        title = name or make.__name__
        assert make.__doc__, f"{title} needs a docstring that says what is right for it"
        known = ZOO.get(title)
        assert known is None or known.make.__module__ == make.__module__, title
        ZOO[title] = Entry(title, make, inputs, make.__doc__, **fields)
        return make

    return enter


def image(*shape: int) -> jax.ShapeDtypeStruct:
    """The shape of an input of reals."""
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def text(*shape: int) -> jax.ShapeDtypeStruct:
    """The shape of an input of ids."""
    return jax.ShapeDtypeStruct(shape, jnp.int32)


def normals(*shape: int, seed: int = 0) -> jax.Array:
    """Unit normals, by NumPy: XLA would compile a program for every shape."""
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, "f4"))


def ids(below: int, *shape: int, seed: int = 0) -> jax.Array:
    """Integers in `[0, below)`, by NumPy."""
    return jnp.asarray(np.random.default_rng(seed).integers(0, below, shape, "i4"))
