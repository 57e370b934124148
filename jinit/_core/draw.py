"""What a draw takes (key, shape, dtype, sharding) and the one place that makes it."""

import contextlib
import math
import operator
from collections.abc import Callable, Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .settings import is_known
from .text import reason, shown


LARGEST = 2**63  # entries: an index has 64 bits


def is_key(value: Any) -> bool:
    """Whether `value` is a PRNG key, or several; typed or raw `uint32`."""
    if not isinstance(value, jax.Array | np.ndarray):
        return False
    raw = value.dtype == np.uint32 and value.ndim > 0 and value.shape[-1] in (2, 4)
    return raw or is_typed_key(value)


def is_typed_key(value: Any) -> bool:
    """Whether `value` is one or several of `jax.random.key`, and no plain array."""
    typed = jax.dtypes.prng_key
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, typed)


def is_shape(value: Any) -> bool:
    """Whether `value` reads as a shape: a whole number or a sequence of them."""
    try:
        return bool(_sizes(value) or True)
    except Exception:
        return False


def _sizes(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, str | bytes | Mapping | Set):
        raise TypeError
    sizes = tuple(shape) if np.iterable(shape) else (shape,)
    if any(isinstance(size, bool | np.bool_) for size in sizes):
        raise TypeError
    return tuple(map(operator.index, sizes))


def check_key(where: str, key: Any) -> jax.Array:
    """One typed key; refuses none, several, and what is no key."""
    if not is_key(key):
        raise TypeError(
            f"`{where}` needs a key to draw. Got {shown(key)}. Make one: "
            "`jax.random.key(0)`."
        )
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(jnp.asarray(key))
    if key.ndim:
        raise ValueError(
            f"`{where}` needs one key. Got keys of shape {key.shape}. Map over them: "
            "`jax.vmap(lambda key: init(key, shape))(keys)`."
        )
    return key


def check_shape(where: str, shape: Any) -> tuple[int, ...]:
    """The shape as a tuple of ints; a whole number means one axis."""
    try:
        sizes = _sizes(shape)
    except Exception:  # whatever a class makes of being iterated or counted
        raise TypeError(
            f"`{where}` needs a shape of whole numbers. Got {shown(shape)}. "
            "Under `jax.jit`, make the shape static."
        ) from None
    if any(size < 0 for size in sizes):
        raise ValueError(f"`{where}` needs sizes of at least 0. Got {shown(sizes)}.")
    if math.prod(size for size in sizes if size) >= LARGEST:
        raise ValueError(
            f"`{where}` needs a shape of fewer than 2^63 entries. Got {shown(sizes)}."
        )
    return sizes


def check_sharding(
    where: str, sharding: Any, shape: tuple[int, ...]
) -> jax.sharding.Sharding | None:
    """The sharding on its mesh; a bare PartitionSpec means the mesh in context."""
    if isinstance(sharding, jax.sharding.PartitionSpec):
        mesh = jax.sharding.get_abstract_mesh()
        if mesh.empty:
            raise ValueError(
                f"`{where}` needs a mesh for `out_sharding`. Got {sharding} outside of "
                "`jax.set_mesh`. Give a `NamedSharding(mesh, spec)`."
            )
        sharding = jax.sharding.NamedSharding(mesh, sharding)
    if sharding is None:
        return None
    if not isinstance(sharding, jax.sharding.Sharding):
        raise TypeError(
            f"`{where}` needs `out_sharding` to be a NamedSharding or a PartitionSpec. "
            f"Got {shown(sharding)}."
        )
    spec = getattr(sharding, "spec", None)
    if getattr(spec, "unreduced", None):
        raise ValueError(
            f"`{where}` needs an `out_sharding` that says where each weight is. Got "
            f"{spec}, whose unreduced axes would add up copies of the same weights."
        )
    try:
        sharding.shard_shape(shape)
    except ValueError as error:  # JAX would replicate the weights, and not say so
        raise ValueError(
            f"`{where}` needs an `out_sharding` that divides the shape. Got "
            f"{getattr(sharding, 'spec', sharding)} for {shape}: {reason(error)}"
        ) from None
    return sharding


def in_mesh(sharding: Any) -> contextlib.AbstractContextManager:
    """The context that an eager draw needs: its explicit mesh, unless one is set."""
    mesh = getattr(sharding, "mesh", None)
    set_already = not jax.sharding.get_abstract_mesh().empty
    if set_already or not isinstance(mesh, jax.sharding.Mesh) or not mesh.explicit_axes:
        return contextlib.nullcontext()
    if isinstance(jnp.zeros(()), Tracer):  # under jit, which forbids to set a mesh
        return contextlib.nullcontext()
    return jax.set_mesh(mesh)


def evaluate(
    key: jax.Array | None,
    law: Callable[..., jax.Array],
    settings: Mapping[str, Any],
    shape: tuple[int, ...],
    dtype: np.dtype,
    sharding: jax.sharding.Sharding | None,
) -> jax.Array:
    """Weights in at least 32 bits, rounded once to `dtype`, made where they belong."""

    def weights(key: jax.Array | None) -> jax.Array:
        if 0 in shape:
            return jnp.zeros(shape, dtype)
        return law(key, shape, dtype=wide(dtype), **settings).astype(dtype)

    if sharding is None:
        return weights(key)
    mesh = getattr(sharding, "mesh", None)
    if mesh is None or not mesh.explicit_axes:
        return jax.lax.with_sharding_constraint(weights(key), sharding)
    explicit = mesh.explicit_axes
    place: Any = jax.sharding.auto_axes(weights, axes=explicit, out_sharding=sharding)
    return place(key)


def check_weights(
    where: str, w: Any, shape: tuple[int, ...], dtype: np.dtype
) -> jax.Array:
    """Refuses what a law returned, unless it has the shape and is real where asked."""
    is_array = isinstance(w, jax.Array | np.ndarray)
    if not is_array or w.shape != shape:
        got = f"one of {w.shape}" if is_array else shown(w)
        raise TypeError(
            f"`{where}` needs a function that returns an array of {shape}. Got {got}."
        )
    if not is_known(w.dtype):
        raise TypeError(
            f"`{where}` needs a function that returns numbers. Got an array of "
            f"{w.dtype}. Return one of `dtype`."
        )
    real = not jnp.issubdtype(dtype, jnp.complexfloating)
    if real and jnp.issubdtype(w.dtype, jnp.complexfloating):
        raise TypeError(
            f"`{where}` needs a function that returns real numbers for {dtype.name}. "
            f"Got {w.dtype}. Ask for that dtype, or return `w.real`."
        )
    return jnp.asarray(w)


def check_finite(where: str, w: jax.Array) -> jax.Array:
    """The weights, if none of them is infinite or not a number."""
    if not jnp.issubdtype(w.dtype, jnp.inexact) or isinstance(w, Tracer):
        return w
    if not jnp.isfinite(w).all():
        raise ValueError(
            f"`{where}` needs a function that returns finite numbers. Got "
            f"{int((~jnp.isfinite(w)).sum())} of {w.size} that are not."
        )
    return w


def wide(dtype: np.dtype) -> np.dtype:
    """The dtype to compute in: float32 for the floats that are narrower."""
    narrow = jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4
    return np.dtype(np.float32) if narrow else dtype


def widened(x: Any) -> jax.Array:
    """An array to compute with: of float32 where its floats are narrower or none."""
    x = jnp.asarray(x)
    is_inexact = jnp.issubdtype(x.dtype, jnp.inexact)
    return x.astype(wide(x.dtype) if is_inexact else np.dtype(np.float32))
