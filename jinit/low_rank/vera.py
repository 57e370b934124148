"""Random factors that are frozen, and vectors between them that are trained."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from .._core import Counts, Finite, Key, Numbers, public, sampling, wide
from ..settings import Count, Inexact
from .factors import Adapted, Factors
from .weight import compiled, dtype_of, weight_of


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class VeRA(Factors):
    """Vectors around random matrices: W = base + a diag(d) b diag(g).

    Attributes:
        d: What scales the columns of a, `(..., rank)`.
        g: What scales the columns of b, `(..., out)`.
        a: A random matrix `(in, rank)`. It is frozen: no gradient reaches it.
        b: A random matrix `(rank, out)`, frozen as well.
    """

    __module__ = "jinit.low_rank"

    d: jax.Array
    g: jax.Array
    a: jax.Array
    b: jax.Array

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return shape == (*self.g.shape[:-1], len(self.a), self.b.shape[1])

    def _within(self, base: jax.Array) -> jax.Array:
        d, g, a, b = (x.astype(base.dtype) for x in (self.d, self.g, self.a, self.b))
        a, b = jax.lax.stop_gradient((a, b))
        update = jnp.einsum("ir,...r,rj,...j->...ij", a, d, b, g, precision="highest")
        return base + update


@public("jinit.low_rank")
def vera(
    w: Numbers,
    key: Key,
    *,
    rank: Count,
    start: Finite = 0.1,
    size: Counts | None = None,
    dtype: Inexact = None,
) -> Adapted:
    """VeRA: frozen random factors for all layers, and two trained vectors for each.

        W = base + a diag(d) b diag(g),   base = W,   d = 0.1,   g = 0

        a ~ U(−√(6/in), √(6/in)),   b ~ U(−√(6/r), √(6/r))

    Layers that share a key share a and b, which are drawn for the largest of them and
    cut for each: what is stored is the key and the vectors.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers, which share a
            and b as well.
        key: A key: the same for all layers.
        rank: r, the columns of a; often hundreds, as it costs r numbers a layer.
        start: The value of d.
        size: `(in, out)` of the largest layer that shares the key; by default of this
            one. The bound of a is that of the largest.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`: the weight itself, and a `VeRA`.

    Raises:
        ValueError: For a weight of one axis or larger than `size`.
        TypeError: For a weight of whole numbers, or without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w, key = jnp.ones((6, 4)), jax.random.key(0)
        >>> _, one = jinit.low_rank.vera(w, key, rank=3, size=(6, 8))
        >>> _, two = jinit.low_rank.vera(w[:5], key, rank=3, size=(6, 8))
        >>> bool((one.a[:5] == two.a).all() and (one.b == two.b).all())
        True

    References:
        Kopiczko, Blankevoort, Asano. VeRA: vector-based random matrix adaptation. ICLR
        2024. https://arxiv.org/abs/2310.11454
    """
    where = "jinit.low_rank.vera"
    w, dtype = weight_of(where, w), dtype_of(jnp.asarray(w), dtype)
    most = largest(where, w, size)
    return Adapted(
        w, _drawn(key, start, shape=w.shape, most=most, rank=rank, dtype=dtype)
    )


@compiled
def _drawn(
    key: jax.Array, start: Any, *,
    shape: tuple[int, ...], most: tuple[int, int], rank: int, dtype: Any,
) -> VeRA:  # fmt: skip
    *stack, rows, columns = shape
    keys = jax.random.split(key)
    a = _uniform(keys[0], (most[0], rank), math.sqrt(6 / most[0]), dtype)
    b = _uniform(keys[1], (rank, most[1]), math.sqrt(6 / rank), dtype)
    d = jnp.full((*stack, rank), start, dtype)
    g = jnp.zeros((*stack, columns), dtype)
    return VeRA(d, g, a[:rows], b[:, :columns])


def largest(where: str, w: jax.Array, size: Any) -> tuple[int, int]:
    """The sizes of the largest layer, which this one may not exceed."""
    if size is None:
        return w.shape[-2], w.shape[-1]
    if len(size) != 2 or size[0] < w.shape[-2] or size[1] < w.shape[-1]:
        raise ValueError(
            f"`{where}` needs `size` as (in, out) of the largest layer. Got {size} for "
            f"a weight of shape {w.shape}."
        )
    return size[0], size[1]


def _uniform(key: Any, shape: tuple[int, int], bound: float, dtype: Any) -> jax.Array:
    drawn = sampling.symmetric_uniform(key, shape, wide(dtype))
    return (bound * drawn).astype(dtype)
