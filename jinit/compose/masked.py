"""Weights of which a mask takes some away."""

from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from .. import marginal
from .._core import Base, check, Initializer, law, requirement, shown
from ..marginal import Marginal
from ..settings import AnyDType, Values
from .base import fans_of_base, one_weight
from .laws import mixture


@requirement("an array of zeros and ones")
def _mask(where: str, what: str, value: Any) -> Any:
    mask = check(where, what, Values, value)
    if isinstance(mask, Tracer):
        return mask
    if not np.isin(np.asarray(mask), (0, 1)).all():
        raise ValueError(
            f"`{where}` needs `{what}` to be of zeros and ones, or of booleans. "
            f"Got {shown(value)}."
        )
    return mask


Mask = Annotated[ArrayLike | Sequence[Any], _mask]


def _require_fit(mask: Any, shape: tuple[int, ...]) -> None:
    try:
        fits = np.broadcast_shapes(np.shape(mask), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "`jinit.masked` needs a `mask` that broadcasts to the shape. "
            f"Got a mask of shape {np.shape(mask)} for {shape}."
        )


def _marginal(shape: tuple[int, ...], base: Initializer, mask: Any) -> Marginal:
    _require_fit(mask, shape)
    kept = float(np.mean(mask))
    of = one_weight("jinit.masked", base, shape)
    return mixture([of, marginal.values(0.0)], [kept, 1 - kept])


@law(marginal=_marginal, fans=fans_of_base)
def masked(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    mask: Mask,
    dtype: AnyDType = None,
) -> jax.Array:
    """The weights of another initializer where a mask is 1, and 0 elsewhere.

        w = mask · w₀,        w₀ ~ base

    For connections that are fixed before training: causal or block-diagonal kernels,
    masked autoencoders, lottery tickets. What is kept is not made larger: a unit that
    loses half its inputs has half the variance.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        mask: Zeros and ones, or booleans, that broadcast against the shape.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `mask` broadcasts to. The fans are those of `base`,
        which does not see the mask.

    Raises:
        ValueError: If the mask has other numbers, or does not broadcast to the shape.

    Example:
        >>> import jax, jinit, numpy as np
        >>> causal = jinit.masked(jinit.normal(1.0), np.triu(np.ones((3, 3))))
        >>> (causal(jax.random.key(0), (3, 3)) != 0).astype(int).tolist()
        [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    """
    _require_fit(mask, shape)
    return jnp.where(jnp.asarray(mask, bool), base(key, shape, dtype), 0)
