"""Mirrored weights: a network with activations that starts as a linear one."""

from typing import Literal

import jax
import jax.numpy as jnp

from ... import marginal
from ..._activations import gain as gain_of
from ..._core import law, resolve_axes
from ...marginal import Marginal
from ...settings import Axis, Gain, Inexact
from .haar import frames
from .matrices import matrices


Sides = Literal["both", "in", "out"]


def _half(shape: tuple[int, ...], in_axis: int, out_axis: int, sides: Sides):
    """The shape of the quarter or half that the others mirror, and the axes to join."""
    inputs, outputs, _ = resolve_axes(
        shape, in_axis, out_axis, where="jinit.looks_linear"
    )
    axes = {"both": outputs + inputs, "in": inputs, "out": outputs}[sides]
    if any(shape[axis] % 2 for axis in axes):
        raise ValueError(
            "`jinit.looks_linear` needs an even number of entries on every mirrored "
            f"axis. Got shape {shape}, in_axis {in_axis}, out_axis {out_axis} and "
            f"sides {sides!r}."
        )
    half = tuple(n // 2 if i in axes else n for i, n in enumerate(shape))
    return half, axes


def _marginal(shape, in_axis, out_axis, gain, sides) -> Marginal:
    half, _ = _half(shape, in_axis, out_axis, sides)
    size = matrices("jinit.looks_linear", half, out_axis).size
    return marginal.coordinate(max(size), gain_of(gain))


@law(marginal=_marginal)
def looks_linear(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axis = -2,
    out_axis: Axis = -1,
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    sides: Sides = "both",
) -> jax.Array:
    """Orthogonal weights in mirrored pairs: with ReLU, GELU or SiLU, a linear network.

        W = [ Q  −Q]      Wᵀ φ(z) = [Qᵀ; −Qᵀ] (φ(z₁) − φ(−z₁)),     z = (z₁, −z₁)
            [−Q   Q]

    Units come in pairs of opposite pre-activations, and φ(z) − φ(−z) = z for every
    x · P(x) with P(x) + P(−x) = 1. So the network starts as a product of orthogonal
    matrices: signals and gradients keep their size exactly, at any depth, until
    training breaks the mirror. For very deep networks without normalization.

    The first layer mirrors its outputs only (`sides="out"`), the last its inputs only
    (`sides="in"`).

    Args:
        in_axis: The axis of input units.
        out_axis: The axis of output units. All other axes are rows, as in
            `jinit.orthogonal`.
        dtype: The dtype to draw when a call names none.
        gain: A number, an activation's name or the activation.
        sides: Which axes are mirrored.

    Returns:
        Weights of the shape asked for.

    Raises:
        ValueError: If a mirrored axis has an odd size, or an axis does not exist.

    Example:
        >>> import jax, jinit
        >>> k1, k2, k3, kx = jax.random.split(jax.random.key(0), 4)
        >>> w1 = jinit.looks_linear(sides="out")(k1, (8, 16))
        >>> w2 = jinit.looks_linear(k2, (16, 16))
        >>> w3 = jinit.looks_linear(sides="in")(k3, (16, 8))
        >>> x = jax.random.normal(kx, (5, 8))
        >>> y = jax.nn.gelu(jax.nn.gelu(x @ w1) @ w2) @ w3
        >>> bool(abs((y**2).sum(1) - (x**2).sum(1)).max() < 1e-4)
        True

    References:
        Balduzzi, Frean, Leary, Lewis, Ma, McWilliams. The shattered gradients problem.
        ICML 2017. Section 4. https://arxiv.org/abs/1702.08591
    """
    half, axes = _half(shape, in_axis, out_axis, sides)
    matrix = matrices("jinit.looks_linear", half, out_axis)
    # The barrier keeps XLA from multiplying by the gain anew, and otherwise, per copy.
    w = frames(key, matrix, dtype, gain_of(gain), "householder")
    w = jax.lax.optimization_barrier(w)
    for axis in axes:
        w = jnp.concatenate([w, -w], axis)
    return w
