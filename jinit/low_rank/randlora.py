"""Sums of frozen random products: an update of full rank from few numbers."""

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

from .._core import Counts, Key, Numbers, public, sampling, wide
from ..settings import Count, Inexact, Positive
from .factors import Adapted, Factors, product
from .vera import largest
from .weight import compiled, dtype_of, scale_of, weight_of


Bases = Literal["uniform", "sparse", "very_sparse"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class RandLoRA(Factors):
    """A sum of scaled random products, ΔW or its transpose: W = base + scale · ΔW.

        ΔW = Σₙ bₙ diag(λₙ) a diag(γₙ)

    The small side of the weight is that of a, the large one that of b: ΔW is
    `(large, small)`, and transposed where the weight has fewer inputs than outputs.

    Attributes:
        lambdas: λ, `(..., n, rank)`.
        gammas: γ, `(..., n, small)`.
        a: A random matrix `(rank, small)`. It is frozen: no gradient reaches it.
        b: Random matrices `(large, n, rank)`, frozen as well.
        scale: α/r, or α/√r.
    """

    __module__ = "jinit.low_rank"

    lambdas: jax.Array
    gammas: jax.Array
    a: jax.Array
    b: jax.Array
    scale: float = dataclasses.field(metadata={"static": True})

    def _fits(self, shape: tuple[int, ...]) -> bool:
        sides = self.a.shape[1], len(self.b)
        return shape in {(*self.lambdas.shape[:-2], *s) for s in (sides, sides[::-1])}

    def _within(self, base: jax.Array) -> jax.Array:
        parts = self.lambdas, self.gammas, self.a, self.b
        lambdas, gammas, a, b = (each.astype(base.dtype) for each in parts)
        a, b = jax.lax.stop_gradient((a, b))
        scaled = jnp.einsum("...nr,rs,...ns->...nrs", lambdas, a, gammas)
        flat = scaled.reshape(*scaled.shape[:-3], -1, scaled.shape[-1])
        update = product(b.reshape(len(b), -1), flat)
        is_wide = base.shape[-2] <= base.shape[-1]
        return base + self.scale * (update.mT if is_wide else update)


@public("jinit.low_rank")
def randlora(
    w: Numbers,
    key: Key,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    bases: Bases = "uniform",
    size: Counts | None = None,
    dtype: Inexact = None,
) -> Adapted:
    """RandLoRA: as many frozen random products as make the update's rank full.

        W = base + s Σₙ bₙ diag(λₙ) a diag(γₙ),   n = 1 … ⌈small / r⌉

        base = W,   λ = 0,   γ = 1/small

    with frozen a and b of mean 0 and variance 1, of which a belongs to the small side
    of the weight. Unlike LoRA's, the update can have any rank, for about as many
    numbers.

    Entries are uniform, or −√k, 0, √k with probabilities 1/2k, 1 − 1/k, 1/2k: "sparse"
    has k = 3, "very_sparse" the root of the small side. Published code divides what it
    drew by its own deviation; here it is the law's, which is the same for all sizes.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers, which share a
            and b.
        key: A key: the same for all layers that share a and b.
        rank: r; the smaller it is, the more products there are.
        alpha: α of the scale s = α/r; by default r, for a scale of 1. Published code
            takes 20 r.
        rslora: Whether the scale is α/√r.
        bases: The law of a and b.
        size: `(in, out)` of the largest layer that shares the key, in each; by default
            of this one.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`: the weight itself, and a `RandLoRA`.

    Raises:
        ValueError: For a weight of one axis, a rank above its smaller side, or a
            weight larger than `size`.
        TypeError: For a weight of whole numbers, or without a key.

    Example:
        >>> import dataclasses, jax, jax.numpy as jnp, jinit
        >>> w = jnp.zeros((9, 6))
        >>> base, factors = jinit.low_rank.randlora(w, jax.random.key(0), rank=2)
        >>> trained = dataclasses.replace(factors, lambdas=factors.lambdas + 1)
        >>> int(jnp.linalg.matrix_rank(jinit.low_rank.merge(base, trained)))
        2
        >>> drawn = jax.random.normal(jax.random.key(1), factors.gammas.shape)
        >>> trained = dataclasses.replace(trained, gammas=drawn)
        >>> int(jnp.linalg.matrix_rank(jinit.low_rank.merge(base, trained)))
        6

    References:
        Albert, Zhang, Saratchandran, Rodriguez-Opazo, van den Hengel, Abbasnejad.
        RandLoRA: full-rank parameter-efficient fine-tuning of large models. ICLR 2025.
        https://arxiv.org/abs/2502.00987
    """
    where = "jinit.low_rank.randlora"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    most = largest(where, w, size)
    settings = {"rank": rank, "scale": scale, "bases": bases}
    return Adapted(
        w, _drawn(key, shape=w.shape, most=most, **settings, dtype=dtype_of(w, dtype))
    )


@compiled
def _drawn(
    key: jax.Array, *,
    shape: tuple[int, ...], most: tuple[int, int], rank: int, scale: float,
    bases: Bases, dtype: Any,
) -> RandLoRA:  # fmt: skip
    *stack, _, _ = shape
    (small, large), (short, long) = sorted(shape[-2:]), sorted(most)
    count = math.ceil(small / rank)
    keys = jax.random.split(key)
    k = {"uniform": None, "sparse": 3.0, "very_sparse": math.sqrt(short)}[bases]
    a = _unit(keys[0], (rank, short), k, dtype)
    b = _unit(keys[1], (long, math.ceil(short / rank), rank), k, dtype)
    lambdas = jnp.zeros((*stack, count, rank), dtype)
    gammas = jnp.full((*stack, count, small), 1 / small, dtype)
    return RandLoRA(lambdas, gammas, a[:, :small], b[:large, :count], scale)


def _unit(key: Any, shape: tuple[int, ...], k: float | None, dtype: Any) -> jax.Array:
    """Independent entries of mean 0 and variance 1; k is how sparse they are."""
    if k is None:
        bound = math.sqrt(2.0 if jnp.issubdtype(dtype, jnp.complexfloating) else 3.0)
        drawn = sampling.symmetric_uniform(key, shape, wide(dtype))
        return (bound * drawn).astype(dtype)
    u = sampling.uniform(key, shape, jnp.finfo(wide(dtype)).dtype)
    signs = jnp.where(u < 1 / (2 * k), -1, jnp.where(u >= 1 - 1 / (2 * k), 1, 0))
    return (math.sqrt(k) * signs).astype(dtype)
