"""Weights kept between two bounds."""

import jax
import jax.numpy as jnp

from .._core import Base, Initializer, law, scalar
from ..marginal import Marginal
from ..settings import Bound, Floating
from .base import fans_of_base
from .laws import clipped as clipped_law


def _ordered(where: str, base: Initializer, lower: float, upper: float) -> None:
    if not lower < upper:
        raise ValueError(
            f"`{where}` needs `lower` below `upper`. Got lower={lower!r} and "
            f"upper={upper!r}."
        )


def _marginal(shape: tuple[int, ...], base: Initializer, lower, upper) -> Marginal:
    return clipped_law(base.marginal(shape), lower, upper)


@law(marginal=_marginal, fans=fans_of_base, check=_ordered)
def clipped(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    lower: Bound = -jnp.inf,
    upper: Bound = jnp.inf,
    dtype: Floating = None,
) -> jax.Array:
    """The weights of another initializer, kept between two absolute bounds.

        w = min(max(w₀, lower), upper),        w₀ ~ base

    What lies beyond a bound comes to lie on it, which `jinit.truncated_normal` avoids:
    that law draws from what is inside. For latent weights of binary networks, for the
    bounds of a constraint that holds in training, and as other libraries clip.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        lower: The lower bound, may be infinite.
        upper: The upper bound, may be infinite.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `base` takes.

    Raises:
        ValueError: Unless `lower < upper`.

    Example:
        >>> import jinit
        >>> init = jinit.clipped(jinit.normal(1.0), -1.0, 1.0)
        >>> init.support((8, 8)), round(init.std((8, 8)), 4)
        ((-1.0, 1.0), 0.7184)
    """
    w = base(key, shape, dtype)
    return jnp.clip(w, scalar(lower, w.dtype), scalar(upper, w.dtype))
