"""Tables of positions: sines and cosines of ever longer waves."""

import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law
from ..marginal import Marginal
from ..settings import Count, Floating


Layout = Literal["interleaved", "halves"]


def _table(where: str, shape, base: int, layout: Layout, dtype) -> jax.Array:
    """The sines and cosines of each wave, in rows 0, 1, … or of distances around 0.

    A row is p = a + b with a from a coarse list and b from a fine one. Their sines are
    made in float64 and joined by the rule for sums, sin p = sin a cos b + cos a sin b:
    exact to a rounding also where p is large, and cheap.
    """
    if len(shape) < 2:
        raise ValueError(
            f"`jinit.attention.{where}` needs a table `(*stacked, positions, width)`. "
            f"Got {shape}."
        )
    *_, rows, width = shape
    waves, step = -(-width // 2), math.isqrt(rows) + 1
    first = -(rows // 2) if where == "relative_positions" else 0
    frequency = float(base) ** (-2 * np.arange(waves) / width)
    a = np.arange(first, first + rows, step)[:, None, None] * frequency
    b = np.arange(step)[None, :, None] * frequency
    waves_of = np.sin(a), np.cos(a), np.sin(b), np.cos(b)
    sin_a, cos_a, sin_b, cos_b = (jnp.asarray(each, dtype) for each in waves_of)
    sin = (sin_a * cos_b + cos_a * sin_b).reshape(-1, waves)[:rows]
    cos = (cos_a * cos_b - sin_a * sin_b).reshape(-1, waves)[:rows]
    if layout == "interleaved":
        table = jnp.stack([sin, cos], -1).reshape(rows, -1)
    else:
        table = jnp.concatenate([sin, cos], -1)
    return jnp.broadcast_to(table[:, :width], shape)


def _marginal(where: str, shape, base: int, layout: Layout) -> Marginal:
    table = _table(where, (*shape[-2:],), base, layout, np.dtype("float32"))
    return marginal.values(table if table.size else 0.0)


@law(marginal=functools.partial(_marginal, "sinusoidal_positions"))
def sinusoidal_positions(
    _: Any,
    shape: tuple[int, ...],
    /,
    base: Count = 10_000,
    dtype: Floating = None,
    *,
    layout: Layout = "interleaved",
) -> jax.Array:
    """The table of positions that Transformers began with: sines of ever longer waves.

        w[p, 2i] = sin(p ω_i),   w[p, 2i + 1] = cos(p ω_i),   ω_i = base^(−2i / width)

    Every row has the norm √(width / 2), and the product of two depends on their
    distance alone. Mimetic attention needs such a table; a trained one may start as it.

    Args:
        base: The longest wave over 2π, all but reached.
        dtype: The dtype to draw when a call names none.
        layout: "interleaved" as above, or "halves": all sines, then all cosines.

    Returns:
        Weights of shape `(*stacked, positions, width)`.

    Raises:
        ValueError: For a shape of one axis.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.attention.sinusoidal_positions(None, (100, 64))
        >>> bool(jnp.allclose((w**2).sum(-1), 32, rtol=1e-5))
        True

    References:
        Vaswani et al. Attention is all you need. NeurIPS 2017, section 3.5.
        https://arxiv.org/abs/1706.03762
    """
    return _table("sinusoidal_positions", shape, base, layout, dtype)


@law(marginal=functools.partial(_marginal, "relative_positions"))
def relative_positions(
    _: Any,
    shape: tuple[int, ...],
    /,
    base: Count = 10_000,
    dtype: Floating = None,
    *,
    layout: Layout = "interleaved",
) -> jax.Array:
    """The same waves for distances between positions, to both sides of 0.

        w[r, 2i] = sin((r − c) ω_i),   w[r, 2i + 1] = cos((r − c) ω_i),
        c = ⌊rows / 2⌋,   ω_i = base^(−2i / width)

    For attention that reads how far away a position is, not where. A sequence of n
    positions has 2n − 1 distances, −(n − 1) in the first row.

    Args:
        base: The longest wave over 2π, all but reached.
        dtype: The dtype to draw when a call names none.
        layout: "interleaved" as above, or "halves": all sines, then all cosines.

    Returns:
        Weights of shape `(*stacked, 2n − 1, width)`.

    Raises:
        ValueError: For a shape of one axis.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.attention.relative_positions(None, (7, 4))
        >>> w[3].tolist()  # no distance
        [0.0, 1.0, 0.0, 1.0]

    References:
        Dai et al. Transformer-XL: attentive language models beyond a fixed-length
        context. ACL 2019, section 3.3. https://arxiv.org/abs/1901.02860
    """
    return _table("relative_positions", shape, base, layout, dtype)
