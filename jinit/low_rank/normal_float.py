"""Weights rounded to few values, as quantized models hold them."""

import functools
import statistics

import jax
import jax.numpy as jnp
import numpy as np

from .._core import Count, Numbers, public, shown, widened
from .weight import compiled, weight_of


_OFFSET = 0.9677083  # the published probability of the outermost value


@public("jinit.low_rank")
def normal_float(w: Numbers, *, bits: Count = 4, block: Count = 64) -> jax.Array:
    """A weight rounded to 2^bits values that lie as those of a normal law do.

        q = m · the nearest of the values to w/m,   m = max |w| of a block

    The values are quantiles of N(0, 1), divided by the largest: more to each side of 0,
    0 itself and both ±1 among them. With 4 bits it is the NF4 of QLoRA. A block is of
    the inputs of one unit, in their order.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        bits: From 2 to 8.
        block: The weights that share an m.

    Returns:
        The rounded weight, in the shape and dtype of the weight.

    Raises:
        ValueError: For `bits` out of range or a weight of one axis.
        TypeError: For a weight of whole numbers or complex ones.

    Example:
        >>> import jax, jinit
        >>> w = jax.random.normal(jax.random.key(0), (64, 1))
        >>> q = jinit.low_rank.normal_float(w)
        >>> len(set(q[:, 0].tolist())) <= 16, bool(abs(q).max() == abs(w).max())
        (True, True)

    References:
        Dettmers, Pagnoni, Holtzman, Zettlemoyer. QLoRA: efficient finetuning of
        quantized LLMs. NeurIPS 2023. https://arxiv.org/abs/2305.14314
    """
    where = "jinit.low_rank.normal_float"
    w = weight_of(where, w)
    if not 2 <= bits <= 8:
        raise ValueError(f"`{where}` needs `bits` from 2 to 8. Got {bits}.")
    if jnp.iscomplexobj(w):
        raise TypeError(f"`{where}` needs a real weight. Got {shown(w)}.")
    return _rounded(w, bits=bits, block=block)


@compiled
def _rounded(w: jax.Array, *, bits: int, block: int) -> jax.Array:
    flat = widened(w).mT.reshape(*w.shape[:-2], -1)
    spare = -flat.shape[-1] % block
    padded = jnp.pad(flat, [(0, 0)] * (flat.ndim - 1) + [(0, spare)])
    blocks = padded.reshape(*w.shape[:-2], -1, block)
    largest = jnp.abs(blocks).max(-1, keepdims=True, initial=0)
    values = jnp.asarray(normal_values(bits), blocks.dtype)
    middles = (values[1:] + values[:-1]) / 2
    unit = blocks / jnp.where(largest > 0, largest, 1)
    rounded = largest * values[jnp.searchsorted(middles, unit)]
    kept = rounded.reshape(padded.shape)[..., : flat.shape[-1]]
    return kept.reshape(w.mT.shape).mT.astype(w.dtype)


@functools.cache
def normal_values(bits: int) -> np.ndarray:
    """The 2^bits values, from −1 to 1: half of them above 0, and 0 itself."""
    quantile, half = statistics.NormalDist().inv_cdf, 2 ** (bits - 1)
    above = [quantile(p) for p in np.linspace(_OFFSET, 0.5, half + 1)[:-1]]
    below = [-quantile(p) for p in np.linspace(_OFFSET, 0.5, half)[:-1]]
    values = np.sort([*above, 0.0, *below])
    return values / values[-1]
