"""Means and variances of the output units of layers."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._core import widened


class UnitMoments(NamedTuple):
    """The mean and variance of every output unit of a layer: `(*loops, units)`."""

    mean: jax.Array
    variance: jax.Array

    def pooled(self, axis: int) -> "UnitMoments":
        """Those of samples of one size along an axis, taken as one sample."""
        variance = self.variance.mean(axis, keepdims=True)
        spread = self.mean.var(axis, keepdims=True)
        return UnitMoments(self.mean.mean(axis, keepdims=True), variance + spread)


def moments_of(value: jax.Array, units: Sequence[int]) -> UnitMoments:
    """Mean and variance over all axes but those of `units`, which become one."""
    value = widened(value)
    rest = tuple(k for k in range(value.ndim) if k not in units)
    mean = jnp.mean(value, rest, keepdims=True)
    variance = jnp.mean(jnp.abs(value - mean) ** 2, rest)
    return UnitMoments(mean.reshape(-1), variance.reshape(-1))


def joined(every: Sequence[UnitMoments], kept: int) -> UnitMoments:
    """Those of several layers, and over all loops but the first `kept`, as one."""
    if len(every) > 1:
        every = [each.pooled(-1) for each in every]
    flat = lambda x: x.reshape(*x.shape[:kept], -1, x.shape[-1])
    join = lambda *parts: jnp.concatenate([*map(flat, parts)], kept)
    pooled = UnitMoments(*map(join, *every)).pooled(kept)
    return UnitMoments(*(x.squeeze(kept) for x in pooled))
