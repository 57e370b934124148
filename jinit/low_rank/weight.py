"""What every method asks of a weight, and what it makes of one."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec

from .._core import shown
from .factors import Adapted, LowRank, product


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one program; what it takes by name alone is written into it.

    Weights that lie on several devices are made whole on each, as decompositions need
    them; a new base lies where the weight, the first argument, did.
    """
    parameters = inspect.signature(function).parameters.values()
    static = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    program = jax.jit(function, static_argnames=static)

    @functools.wraps(function)
    def call(first: Any, *others: Any, **settings: Any) -> Any:
        made = program(*jax.tree.map(_whole, (first, *others)), **settings)
        if isinstance(made, Adapted):
            return made._replace(base=laid_like(first, made.base))
        return made

    return call


def laid_like(w: Any, base: jax.Array) -> jax.Array:
    """A new base on the devices of the weight."""
    place = None if isinstance(w, Tracer) else getattr(w, "sharding", None)
    return jax.device_put(base, place) if isinstance(place, NamedSharding) else base


def _whole(x: Any) -> Any:
    place = None if isinstance(x, Tracer) else getattr(x, "sharding", None)
    if not isinstance(place, NamedSharding):
        return x
    return jax.device_put(x, NamedSharding(place.mesh, PartitionSpec()))


def weight_of(where: str, w: Any, rank: int = 1, times: int = 1) -> jax.Array:
    """The weight as an array `(..., in, out)` with `times · rank` singular values."""
    w = jnp.asarray(w)
    if not jnp.issubdtype(w.dtype, jnp.inexact):
        raise TypeError(
            f"`{where}` needs a weight of floats. Got {shown(w)}. Convert it first."
        )
    if w.ndim < 2:
        raise ValueError(
            f"`{where}` needs a weight `(..., in, out)`. Got shape {w.shape}. A vector "
            "has no low rank: train it as it is."
        )
    if times * rank > min(w.shape[-2:]):
        most = min(w.shape[-2:]) // times
        raise ValueError(
            f"`{where}` needs a rank of at most {most} for a weight of shape "
            f"{w.shape}. Got {rank}."
        )
    return w


def matches(
    where: str, what: str, x: Any, w: jax.Array, size: tuple[int, ...]
) -> jax.Array:
    """A matrix that comes with each matrix of a weight: refuses one of another size."""
    x = jnp.asarray(x)
    if x.shape != (*w.shape[:-2], *size):
        raise ValueError(
            f"`{where}` needs `{what}` of shape {(*w.shape[:-2], *size)} for a weight "
            f"of shape {w.shape}. Got {x.shape}."
        )
    return x


def scale_of(where: str, rank: int, alpha: float | None, rslora: bool) -> float:
    """α/r, or α/√r for rank-stabilized adapters; α is the rank where it is None."""
    if isinstance(alpha, Tracer):
        raise TypeError(
            f"`{where}` needs numbers that are there. Got {shown(alpha)} as `alpha`. "
            "Make it static under `jax.jit`."
        )
    alpha = rank if alpha is None else alpha
    return alpha / math.sqrt(rank) if rslora else alpha / rank


def dtype_of(w: jax.Array, dtype: Any) -> np.dtype:
    """The dtype of factors: that asked for, or else the weight's."""
    return w.dtype if dtype is None else dtype


def corrected(w: jax.Array, a: Any, b: Any, scale: float, dtype: Any) -> Adapted:
    """Factors, and the base that makes the weight with them: W − scale · a b.

    The product is that of the factors as they are rounded.
    """
    narrow, wide = dtype_of(w, dtype), a.dtype
    a, b = a.astype(narrow), b.astype(narrow)
    base = w.astype(wide) - scale * product(a.astype(wide), b.astype(wide))
    return Adapted(base.astype(w.dtype), LowRank(a, b, scale))
