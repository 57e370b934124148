"""LoRA as it was published: one random factor, and one of zeros."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .._core import Base, Initializer, Key, Numbers, public
from .._schemes import fan_in_uniform, normal
from ..settings import Count, Inexact, Positive
from .factors import Adapted, LowRank
from .weight import dtype_of, scale_of, weight_of


Layer = Literal["linear", "embedding"]


@public("jinit.low_rank")
def lora(
    w: Numbers,
    key: Key,
    *,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    layer: Layer = "linear",
    init: Base | None = None,
    dtype: Inexact = None,
) -> Adapted:
    """LoRA: a random factor beside one of zeros, so that training starts at the model.

        W = base + s a b,   base = W,   s = α/r

        linear       a ~ U(−1/√in, 1/√in),   b = 0
        embedding    a = 0,                  b ~ N(0, 1)

    The factor of zeros learns first: the other's gradient is 0 as long as it is. A row
    of an embedding reads one row of a, so that there it is a that starts at 0.

    The authors' code draws what is written above, of variance 1/(3 in); their paper
    calls it Gaussian. Others take `init=jinit.normal(stddev=1 / rank)`.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers. An embedding
            `(..., rows, features)`.
        rank: r, the columns of a.
        alpha: α; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r, which keeps what a large rank learns as
            large as what a small one does.
        layer: "linear" or "embedding".
        init: The law of the random factor, in place of the above: an initializer or
            its name.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`: the weight itself, and a `LowRank`.

    Raises:
        ValueError: For a weight of one axis.
        TypeError: For a weight of whole numbers, or without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> base, factors = jinit.low_rank.lora(w, jax.random.key(1), rank=2, alpha=16)
        >>> factors.a.shape, factors.b.shape, factors.scale
        ((6, 2), (2, 4), 8.0)
        >>> bool((jinit.low_rank.merge(base, factors) == w).all())
        True

    References:
        Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen. LoRA: low-rank adaptation of
        large language models. ICLR 2022. https://arxiv.org/abs/2106.09685
        Kalajdzievski. A rank stabilization scaling factor for fine-tuning with LoRA.
        2023. https://arxiv.org/abs/2312.03732 (α/√r)
    """
    where = "jinit.low_rank.lora"
    return beside_zeros(where, w, key, rank, alpha, rslora, layer, init, dtype)


def beside_zeros(
    where: str,
    w: Any,
    key: jax.Array,
    rank: int,
    alpha: float | None,
    rslora: bool,
    layer: Layer,
    init: Initializer | None,
    dtype: Any,
) -> Adapted:
    """The same, in the name of the public function `where`."""
    w, scale = weight_of(where, w), scale_of(where, rank, alpha, rslora)
    *stack, rows, columns = w.shape
    dtype, linear = dtype_of(w, dtype), layer == "linear"
    size = (rows, rank) if linear else (rank, columns)
    if init is not None:
        drawn = _independent(init, key, tuple(stack), size, dtype)
    else:
        apart = fan_in_uniform(batch_axis=tuple(range(len(stack))))
        law = apart if linear else normal(stddev=1.0)
        drawn = law(key, (*stack, *size), dtype)
    zeros = jnp.zeros((*stack, *((rank, columns) if linear else (rows, rank))), dtype)
    a, b = (drawn, zeros) if linear else (zeros, drawn)
    return Adapted(w, LowRank(a, b, scale))


def _independent(
    law: Initializer,
    key: jax.Array,
    stack: tuple[int, ...],
    size: tuple[int, int],
    dtype: np.dtype,
) -> jax.Array:
    """A matrix of a law for each layer of a stack, each from a key of its own."""
    if not stack:
        return law(key, size, dtype)
    keys = jax.random.split(key, stack).reshape(-1)
    drawn = jax.vmap(lambda each: law(each, size, dtype))(keys)
    return drawn.reshape(*stack, *size)
