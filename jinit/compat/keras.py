"""Initializers for Keras: without a key, saved and loaded with the model."""

import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import as_initializer, require, shown


keras = require("jinit.compat.keras", "keras")


@keras.saving.register_keras_serializable(package="jinit")
class Wrapped(keras.initializers.Initializer):
    """An initializer of jinit as one of Keras: `jinit.compat.keras.wrap` makes it.

    Attributes:
        initializer: The initializer of jinit.
        seed: A number or a `keras.random.SeedGenerator`.
    """

    def __init__(self, initializer: Any, seed: Any = None):
        where = "jinit.compat.keras.wrap"
        # `configure` refuses an initializer that lacks a setting.
        self.initializer = as_initializer(where, initializer).configure()
        self._given = _seed(where, seed)
        self.seed = self._given
        if seed is None:  # as Keras does, which `keras.utils.set_random_seed` decides
            self.seed = random.randint(1, 10**9)

    def __call__(self, shape: Any, dtype: Any = None, layout: Any = None) -> jax.Array:
        """Weights of that shape, made where the layout says."""
        dtype = keras.backend.standardize_dtype(dtype)
        sharding = getattr(layout, "backend_layout", layout)
        key = self._key() if self.initializer.law.is_random else None
        return self.initializer(key, tuple(shape), dtype, sharding)

    def _key(self) -> jax.Array:
        """The key that Keras makes of the seed."""
        if isinstance(self.seed, int):
            data = jnp.array([self.seed & 0xFFFFFFFF, 0], jnp.uint32)
        else:
            data = jnp.asarray(self.seed.next(), jnp.uint32)
        return jax.random.wrap_key_data(data, impl="threefry2x32")

    def get_config(self) -> dict[str, Any]:
        """What `from_config` rebuilds it from, as plain values."""
        seed = keras.saving.serialize_keras_object(self._given)
        return {"initializer": self.initializer.to_config(), "seed": seed}

    def __repr__(self) -> str:
        return f"wrap({self.initializer!r}, seed={self._given!r})"


def _seed(where: str, seed: Any) -> Any:
    """A seed of Keras: a number, a generator, or what a config has of one."""
    if isinstance(seed, dict):
        seed = keras.saving.deserialize_keras_object(seed)
    if isinstance(seed, np.integer):
        seed = int(seed)
    is_number = isinstance(seed, int) and not isinstance(seed, bool)
    if seed is None or is_number or isinstance(seed, keras.random.SeedGenerator):
        return seed
    raise TypeError(
        f"`{where}` needs `seed` to be a whole number or a "
        f"`keras.random.SeedGenerator`. Got {shown(seed)}."
    )


def wrap(initializer: Any, seed: Any = None) -> Wrapped:
    """The initializer as one of Keras, which layers, saved models and `clone` take.

    Seeds mean what they mean to the initializers of Keras, down to the random words:
    with a number, or none, the object draws the same weights whenever it is called;
    with a `keras.random.SeedGenerator`, new ones each time. So give layers of equal
    shape an object each, or a generator.

    Layers of Keras have their kernels as `(*spatial, in, out)`, as jinit has them. Say
    so where it is otherwise: `in_axis=-1, out_axis=-2` in a transposed convolution,
    `out_axis=(-2, -1)` where a projection makes several heads.

    Args:
        initializer: The initializer, or what `jinit.get` takes for one.
        seed: A whole number, a `keras.random.SeedGenerator`, or None for a number that
            `keras.utils.set_random_seed` decides.

    Returns:
        A `keras.initializers.Initializer`. It is saved with a model; in the program
        that loads it, import `jinit.compat.keras` first.

    Raises:
        TypeError: For what is no initializer, or no seed.

    Example:
        >>> import jinit, keras
        >>> init = jinit.compat.keras.wrap(jinit.he_normal(gain="gelu"), seed=0)
        >>> dense = keras.layers.Dense(8, kernel_initializer=init)
        >>> keras.initializers.deserialize(keras.initializers.serialize(init))
        wrap(he_normal(gain='gelu'), seed=0)
    """
    return Wrapped(initializer, seed)
