"""Kernels brought to a norm."""

import math
from typing import Literal

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import Base, Initializer, law, scalar, shown
from ..marginal import Marginal
from ..settings import Inexact, Positive
from .base import fans_of_base
from .laws import is_normal
from .sums import apart, divided, summed


Kind = Literal["frobenius", "rms", "max", "spectral"]


def _marginal(shape, base: Initializer, norm: float, kind: Kind) -> Marginal:
    size = math.prod(shape)
    if kind not in ("frobenius", "rms") or not is_normal(base.marginal(shape)):
        raise TypeError(
            "`jinit.rescaled_to` states the law of one weight for a normal base of "
            "mean 0 and the kinds 'frobenius' and 'rms'. "
            f"Got {shown(base)} and {kind!r}."
        )
    return marginal.coordinate(size, norm * (size**0.5 if kind == "rms" else 1))


def _as_matrix(w: jax.Array) -> jax.Array:
    """The kernel as a matrix: all axes but the last, by the last."""
    return w.reshape(-1, w.shape[-1]) if w.ndim else w.reshape(1, 1)


def _norm(w: jax.Array, kind: Kind) -> jax.Array:
    if kind == "spectral":
        return jnp.linalg.norm(_as_matrix(w), 2)
    if kind == "max":
        return jnp.max(jnp.abs(w))
    square = summed(jnp.square(jnp.abs(w)), range(w.ndim)).reshape(())
    return jnp.sqrt(square if kind == "frobenius" else square / w.size)


@law(marginal=_marginal, fans=fans_of_base)
def rescaled_to(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    norm: Positive = 1.0,
    kind: Kind = "frobenius",
    dtype: Inexact = None,
) -> jax.Array:
    """The weights of another initializer, times what gives them a norm exactly.

        w = norm · w₀ / ‖w₀‖,        w₀ ~ base

        frobenius   ‖w‖ = √Σ|w|²
        rms         ‖w‖ = √(mean |w|²)
        max         ‖w‖ = max |w|
        spectral    ‖w‖ = the largest singular value

    A law has its standard deviation on average over draws; this one in every draw. The
    spectral norm bounds what a layer can do to any input: 1 makes it a contraction, and
    √(out / in) is the size under which layers of all widths learn alike.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        norm: The norm to reach.
        kind: The norm: "frobenius", "rms", "max" or "spectral". For "spectral" the
            matrix is all axes but the last, by the last.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `base` takes: all of them are one kernel; for kernels
        stacked along an axis, put `jinit.stacked` around it. Zeros stay zeros.

    Raises:
        ValueError: For a `norm` that is not above 0.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> init = jinit.rescaled_to(jinit.he_normal, 2.0, "spectral")
        >>> w = init(jax.random.key(0), (64, 32))
        >>> round(float(jnp.linalg.norm(w, 2)), 4)
        2.0

    References:
        Yang, Simon, Bernstein. A spectral condition for feature learning. 2023.
        https://arxiv.org/abs/2310.17813
    """
    w = apart(base(key, shape, dtype))
    largest = jnp.max(jnp.abs(w))
    # Divided by the largest first, so that no square is lost or infinite.
    w = apart(divided(w, jnp.where(largest > 0, largest, 1)))
    found = apart(_norm(w, kind))
    factor = scalar(norm, found.dtype) / jnp.where(found > 0, found, 1)
    return apart(factor).astype(w.dtype) * w
