"""Weights of a sparse layer, scaled by the connections that each unit has."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._activations import gain as gain_of
from .._core import law, sampling, scalar
from ..marginal import Marginal
from ..settings import Gain, Inexact, Values


Per = Literal["unit", "layer"]


def _require_mask(shape: tuple[int, ...], mask: Any) -> None:
    if np.shape(mask) != shape or len(shape) < 2:
        raise ValueError(
            "`jinit.sparsity.sparse_fans` needs a `mask` of the kernel's shape, "
            f"`(*spatial, in, out)`. Got a mask of {np.shape(mask)} for {shape}."
        )


def _marginal(shape, mask, gain, per: Per) -> Marginal:
    """A normal law for each number of connections, and the zeros."""
    from scipy import special

    _require_mask(shape, mask)
    kept = (np.asarray(mask) != 0).reshape(-1, shape[-1])
    fans = kept.sum(0) if per == "unit" else np.full(shape[-1], kept.mean(1).sum())
    fan, unit = np.unique(fans[kept.any(0)], return_inverse=True)
    if not fan.size or not gain_of(gain):
        return marginal.values(0.0)
    share = np.bincount(unit, kept.sum(0)[kept.any(0)]) / kept.size
    std = gain_of(gain) / np.sqrt(fan)
    variance = share @ std**2
    cdf = lambda x: (
        special.ndtr(np.asarray(x)[..., None] / std) @ share
        + (1 - share.sum()) * (np.asarray(x) >= 0)
    )
    kurtosis = 3 * (share @ std**4) / variance**2
    return Marginal(0.0, float(variance**0.5), (-np.inf, np.inf), kurtosis, cdf)


@law(marginal=_marginal)
def sparse_fans(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    mask: Values,
    gain: Gain = 1.0,
    dtype: Inexact = None,
    *,
    per: Per = "unit",
) -> jax.Array:
    """Normal weights where a mask is, each unit scaled by the inputs that it has left.

        w ~ N(0, gain² / k_j) where the mask is not 0, else 0

        k_j = the number of weights that are left in column j

    A masked kernel of the usual law has a fan in that the mask took away: units with
    few connections hardly move, and the signal dies in a sparse network. Scaled by its
    own connections, each unit has the variance of a dense one.

    Args:
        mask: Which weights are left: an array of the kernel's shape, of True and False
            or any numbers, such as a mask of `jinit.sparsity.masks`.
        gain: The multiplier of 1/√k: a number, an activation's name or the activation.
        dtype: The dtype to draw when a call names none.
        per: "unit" for each unit's own k_j, "layer" for their mean in all, which keeps
            the variance of units only on average.

    Returns:
        Weights of the mask's shape, `(*spatial, in, out)`, and 0 where the mask is.

    Raises:
        ValueError: For a shape that the mask does not have.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> mask = jnp.arange(1000)[:, None] < jnp.array([1000, 100, 10])
        >>> init = jinit.sparsity.sparse_fans(mask)
        >>> w = init(jax.random.key(0), (1000, 3))
        >>> bool(((w != 0) == mask).all())
        True
        >>> x = jax.random.normal(jax.random.key(1), (2000, 1000))
        >>> [round(float(s)) for s in (x @ w).std(0)]
        [1, 1, 1]

    References:
        Evci, Ioannou, Keskin, Dauphin. Gradient flow in sparse neural networks and how
        lottery tickets win. AAAI 2022. https://arxiv.org/abs/2010.03533
    """
    _require_mask(shape, mask)
    kept = jnp.asarray(mask) != 0
    rows = kept.reshape(-1, shape[-1])
    fan = rows.sum(0) if per == "unit" else rows.mean(1).sum()
    std = scalar(gain_of(gain), dtype) / jnp.sqrt(jnp.maximum(fan, 1).astype(dtype))
    w = jnp.broadcast_to(std, shape) * sampling.normal(key, shape, dtype)
    return jnp.where(kept, w, 0)
