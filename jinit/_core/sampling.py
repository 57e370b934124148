"""Random draws in one fused pass: the values of `jax.random`, several times faster.

JAX lowers threefry on CPU to a rolled loop that sweeps memory several times. Written as
an unrolled, element-wise expression over 32-bit counters, XLA fuses the bits, their
conversion to floats and the scaling into a single pass over the output. The counter of
an element comes from one iota per dimension, so a device that holds a part of a sharded
array computes that part and nothing else.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from .programs import traced_once


# JAX 0.12 scales a normal draw by `(√2 stddev) erf⁻¹(u)`, earlier releases by
# `(√2 erf⁻¹(u)) stddev`; the two round differently.
_SCALE_FIRST = jax.__version_info__ >= (0, 12)

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def threefry(
    key: tuple[jax.Array, jax.Array], count: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32, twenty rounds, element by element.

    References:
        Salmon, Moraes, Dror, Shaw. Parallel random numbers: as easy as 1, 2, 3.
        SC 2011. https://doi.org/10.1145/2063384.2063405
    """
    schedule = (*key, key[0] ^ key[1] ^ _PARITY)
    x, y = count[0] + schedule[0], count[1] + schedule[1]
    for step in range(5):
        for distance in _ROTATIONS[step % 2]:
            x = x + y
            y = x ^ ((y << np.uint32(distance)) | (y >> np.uint32(32 - distance)))
        x = x + schedule[(step + 1) % 3]
        y = y + schedule[(step + 2) % 3] + np.uint32(step + 1)
    return x, y


def _counter(shape: Sequence[int]) -> jax.Array:
    """The row-major position of every element, built one dimension at a time."""
    position = jnp.zeros(shape, jnp.uint32)
    for axis, stride in enumerate(_strides(shape)):
        iota = lax.broadcasted_iota(jnp.uint32, shape, axis)
        position = position + iota * np.uint32(stride)
    return position


def _strides(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _is_fusible(key: jax.Array, shape: Sequence[int]) -> bool:
    config: Any = jax.config  # whose flags type checkers do not see
    return (
        jax.random.key_impl(key) == "threefry2x32"
        and config.jax_threefry_partitionable
        and math.prod(shape) <= 2**32
    )


def bits(key: jax.Array, shape: Sequence[int], word: np.dtype) -> jax.Array:
    """Random words of type `uint32` or `uint64`: the values of `jax.random.bits`.

    Keys that are not threefry, arrays beyond 2³² elements and non-partitionable
    threefry are drawn by `jax.random.bits` itself.
    """
    if not _is_fusible(key, shape):
        return jax.random.bits(key, shape, word)
    first, second = jax.random.key_data(key)
    high, low = threefry((first, second), (jnp.uint32(0), _counter(shape)))
    if word == np.uint32:
        return high ^ low
    return (high.astype(word) << word.type(32)) | low.astype(word)


def chosen(key: jax.Array, shape: Sequence[int], count: Any) -> jax.Array:
    """True at `count` uniformly random places along the first axis.

    Those of the smallest of independent random words; of equal ones, the first.
    """
    words = bits(key, shape, np.dtype("uint32"))
    last = jnp.clip(jnp.asarray(count, "int32") - 1, 0, max(shape[0] - 1, 0))
    edge = lax.dynamic_slice_in_dim(jnp.sort(words, axis=0), last, 1)
    below, at = words < edge, words == edge
    more = count - jnp.sum(below, axis=0, dtype="int32", keepdims=True)
    first = jnp.cumsum(at, axis=0, dtype="int32") <= more
    return (below | (at & first)) & (count > 0)


def uniform(
    key: jax.Array,
    shape: Sequence[int],
    dtype: np.dtype,
    low: Any = 0.0,
    high: Any = 1.0,
) -> jax.Array:
    """Uniform draws on `[low, high)`: the values of `jax.random.uniform`."""
    low, high = scalar(low, dtype), scalar(high, dtype)
    unit = _unit(key, tuple(shape), dtype)
    return jnp.maximum(low, unit * (high - low) + low)


@traced_once
def _unit(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
    """Uniform draws on `[0, 1)`."""
    word = np.dtype(f"uint{8 * dtype.itemsize}")
    spare = word.type(8 * dtype.itemsize - jnp.finfo(dtype).nmant)
    one = np.ones((), dtype).view(word)
    # Random mantissa bits under the exponent of one make a float in [1, 2).
    unit = lax.bitcast_convert_type((bits(key, shape, word) >> spare) | one, dtype)
    return unit - dtype.type(1)


def normal(
    key: jax.Array, shape: Sequence[int], dtype: np.dtype, stddev: Any = 1.0
) -> jax.Array:
    """Normal draws, mean 0: the values of `jax.nn.initializers.normal`.

    A complex draw has independent parts, each with half the variance.
    """
    stddev = scalar(stddev, dtype)
    if is_complex(dtype):
        parts = [normal(part, shape, real(dtype)) for part in jax.random.split(key)]
        return lax.complex(*parts) / dtype.type(np.sqrt(2)) * stddev
    draw = _normal(key, tuple(shape), dtype)
    if _SCALE_FIRST:
        return (dtype.type(np.sqrt(2)) * stddev) * draw
    return draw * stddev


@traced_once
def _normal(key: jax.Array, shape: tuple[int, ...], dtype: np.dtype) -> jax.Array:
    """Unit normal draws; where the scale comes first, divided by √2."""
    u = uniform(key, shape, dtype, np.nextafter(dtype.type(-1), dtype.type(0)))
    if _SCALE_FIRST:
        return lax.erf_inv(u)
    # No draw lies beyond ±9, so the bound changes no value. It keeps XLA from merging
    # the two factors under jit, which would round differently from an eager draw.
    return jnp.maximum(dtype.type(np.sqrt(2)) * lax.erf_inv(u), dtype.type(-16))


def truncated_normal(
    key: jax.Array,
    shape: Sequence[int],
    dtype: np.dtype,
    lower: Any = -2.0,
    upper: Any = 2.0,
) -> jax.Array:
    """Unit normal draws kept to `(lower, upper)`: those of `jax.random`.

    A complex draw is isotropic with modulus below `upper`, and has E|w|² = 1 before
    the cut.
    """
    if is_complex(dtype):
        key_modulus, key_angle = jax.random.split(key)
        inside = scalar(-np.expm1(-(upper**2)), real(dtype))
        kept = inside * uniform(key_modulus, shape, real(dtype))
        return _polar(jnp.sqrt(-jnp.log1p(-kept)), key_angle)
    lower, upper = scalar(lower, dtype), scalar(upper, dtype)
    u = uniform(key, shape, dtype, _erf_root2(lower), _erf_root2(upper))
    draw = dtype.type(np.sqrt(2)) * lax.erf_inv(u)
    inside = jnp.nextafter(lower, jnp.inf), jnp.nextafter(upper, -jnp.inf)
    return jnp.clip(draw, *inside)


def symmetric_uniform(
    key: jax.Array, shape: Sequence[int], dtype: np.dtype
) -> jax.Array:
    """Uniform draws on `[-1, 1)`; a complex draw is uniform on the unit disk."""
    if is_complex(dtype):
        key_modulus, key_angle = jax.random.split(key)
        return _polar(jnp.sqrt(uniform(key_modulus, shape, real(dtype))), key_angle)
    return uniform(key, shape, dtype, -1.0)


def _polar(modulus: jax.Array, key: jax.Array) -> jax.Array:
    angle = 2 * np.pi * uniform(key, modulus.shape, modulus.dtype)
    return lax.complex(modulus * jnp.cos(angle), modulus * jnp.sin(angle))


def _erf_root2(bound):
    if isinstance(bound, Tracer):
        return _compiled_erf_root2(bound)
    return _concrete_erf_root2(bound)


@jax.jit
def _compiled_erf_root2(bound: jax.Array) -> jax.Array:
    return lax.erf(bound / bound.dtype.type(np.sqrt(2)))


@functools.lru_cache(typed=True)
def _concrete_erf_root2(bound: np.floating) -> np.floating:
    """As the device computes it: XLA folds a constant with another rounding."""
    with jax.ensure_compile_time_eval():
        return bound.dtype.type(_compiled_erf_root2(jax.device_put(bound)))


def scalar(value, dtype: np.dtype):
    """`value` as a scalar of `dtype`; a concrete one stays in NumPy.

    NumPy rounds each step as an eager JAX operation does; XLA, folding a traced one,
    may not.
    """
    if isinstance(value, Tracer):
        return value.astype(dtype)
    return dtype.type(value)


def sqrt(value):
    """The square root of what `scalar` returns."""
    return jnp.sqrt(value) if isinstance(value, Tracer) else np.sqrt(value)


def is_complex(dtype: np.dtype) -> bool:
    """Whether `dtype` is complex."""
    return jnp.issubdtype(dtype, jnp.complexfloating)


def real(dtype: np.dtype) -> np.dtype:
    """The dtype of a real part."""
    return jnp.finfo(dtype).dtype
