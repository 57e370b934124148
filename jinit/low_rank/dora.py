"""Weights in two parts: how large each unit is, and where it points."""

import dataclasses

import jax
import jax.numpy as jnp

from .._core import Base, Key, Numbers, public, widened
from ..settings import Count, Inexact, Positive
from .factors import Adapted, LowRank
from .lora import beside_zeros


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class DoRA(LowRank):
    """The lengths of units apart from their directions: W = m · V / ‖V‖.

    V = base + scale · a b, ‖V‖ the length of each column, which no gradient goes
    through.

    Attributes:
        magnitude: m, `(..., out)`.
    """

    __module__ = "jinit.low_rank"

    magnitude: jax.Array

    def _within(self, base: jax.Array) -> jax.Array:
        V = super()._within(base)
        length = jax.lax.stop_gradient(lengths(V))
        ratio = self.magnitude.astype(length.dtype) / jnp.where(length > 0, length, 1)
        return V * ratio[..., None, :].astype(V.dtype)


@public("jinit.low_rank")
def dora(
    w: Numbers,
    key: Key,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    init: Base | None = None,
    dtype: Inexact = None,
) -> Adapted:
    """DoRA: LoRA of the directions of the units, whose lengths are trained beside it.

        W = m · V / ‖V‖,   V = base + s a b,   base = W,   m = ‖W‖

    with ‖·‖ the length of each column, the weights of one output unit; a and b as in
    `lora`.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        key: A key.
        rank: r, the columns of a.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        init: The law of a, an initializer or its name; by default that of `lora`.
        dtype: The dtype of a and b; by default the weight's. m is never narrower than
            float32: rounded, it would change the model.

    Returns:
        `(base, factors)`: the weight itself, and a `DoRA`.

    Raises:
        ValueError: For a weight of one axis.
        TypeError: For a weight of whole numbers, or without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> base, factors = jinit.low_rank.dora(w, jax.random.key(1), rank=2)
        >>> bool(jnp.allclose(factors.magnitude, jnp.linalg.norm(w, axis=0)))
        True
        >>> bool(jnp.allclose(jinit.low_rank.merge(base, factors), w))
        True

    References:
        Liu, Wang, Yin, Molchanov, Wang, Cheng, Chen. DoRA: weight-decomposed low-rank
        adaptation. ICML 2024. https://arxiv.org/abs/2402.09353
    """
    where = "jinit.low_rank.dora"
    base, plain = beside_zeros(
        where, w, key, rank, alpha, rslora, "linear", init, dtype
    )
    magnitude = lengths(widened(base))
    return Adapted(base, DoRA(plain.a, plain.b, plain.scale, magnitude))


@jax.jit
def lengths(V: jax.Array) -> jax.Array:
    """The length of every column."""
    return jnp.sqrt(jnp.sum(jnp.square(jnp.abs(V)), -2))
