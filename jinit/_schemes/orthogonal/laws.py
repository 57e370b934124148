"""Matrices with equal singular values: Haar frames, read into any axes of a kernel."""

import math
from typing import Any

import jax

from ... import marginal
from ..._activations import gain as gain_of
from ..._core import alias, law, scalar
from ...marginal import Marginal
from ...settings import Axes, Axis, Count, Finite, Gain, Inexact, NonNegative
from .haar import frames, Method
from .householder import householder
from .matrices import Matrices, matrices


def _gain(scale: Any, gain: Gain | None) -> Any:
    return scale if gain is None else gain_of(gain)


def _one_convention(where: str, column_axis: int, in_axis, out_axis, **_: Any) -> None:
    if column_axis != -1 and (in_axis is not None or out_axis is not None):
        raise TypeError(
            f"`{where}` needs either `column_axis` or `in_axis` and `out_axis`. Got "
            f"column_axis={column_axis}, in_axis={in_axis} and out_axis={out_axis}."
        )


def _orthogonal_marginal(shape, scale, gain, method, **axes) -> Marginal:
    size = matrices("jinit.orthogonal", shape, **axes).size
    return marginal.coordinate(max(size), abs(_gain(scale, gain)))


@law(marginal=_orthogonal_marginal, check=_one_convention)
def orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: Finite = 1.0,
    column_axis: Axis = -1,
    dtype: Inexact = None,
    *,
    gain: Gain | None = None,
    method: Method = "householder",
    in_axis: Axes | None = None,
    out_axis: Axes | None = None,
    batch_axis: Axes = (),
    groups: Count = 1,
) -> jax.Array:
    """Orthogonal weights: every singular value equals the gain.

    The kernel is read as a matrix W of shape `(in, out)`, where `in` is the product of
    all axes but the last, drawn uniformly (Haar) from those with

        Wᵀ W = gain² I   if in ≥ out,        W Wᵀ = gain² I   if in ≤ out

    The signal and the gradient keep their norms, and not only on average: the choice
    for deep linear and tanh networks, recurrent kernels and policy heads. As a
    convolution such a kernel keeps no norms; `jinit.delta_orthogonal` does. Complex
    weights are unitary.

    Values do not depend on sharding but for rounding, below 1e-6: "householder" sums in
    another order on several devices. The three other methods are made whole on each.

    Args:
        scale: The gain, under the name it has in JAX.
        column_axis: The axis of the columns; all others index the rows.
        dtype: The dtype to draw when a call names none. Narrow ones are computed in
            float32 and rounded once.
        gain: A number, an activation's name or the activation, in place of `scale`.
        method: "householder" multiplies out random reflections and is the fastest. The
            others factor a Gaussian matrix: "qr" draws what `jax.nn.initializers` does,
            "svd" takes the left singular vectors, "polar" the nearest orthogonal
            matrix. All have the same law.
        in_axis: Axes of the rows, in place of `column_axis`.
        out_axis: Axes of the columns. Axes that are neither rows, columns nor batch
            join the rows; where only `in_axis` is given, the columns.
        batch_axis: Axes of independent matrices: stacked layers, experts, heads.
        groups: Equal parts of the columns, each a matrix of its own: the gates of a
            recurrent kernel, a fused QKV projection, a grouped convolution.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Raises:
        ValueError: For a shape of one axis, axes that overlap or leave no rows or no
            columns, groups that do not divide the columns, or an unknown `method`.
        TypeError: For `column_axis` together with `in_axis` or `out_axis`.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.orthogonal(gain=2.0)(jax.random.key(0), (16, 4))
        >>> bool(jnp.allclose(w.T @ w, 4 * jnp.eye(4), atol=1e-5))
        True
        >>> heads = jinit.orthogonal(in_axis=0, out_axis=(1, 2))  # as one matrix
        >>> w = heads(jax.random.key(0), (16, 2, 4)).reshape(16, 8)
        >>> bool(jnp.allclose(w.T @ w, jnp.eye(8), atol=1e-5))
        True

    References:
        Saxe, McClelland, Ganguli. Exact solutions to the nonlinear dynamics of learning
        in deep linear neural networks. ICLR 2014. https://arxiv.org/abs/1312.6120
        Mezzadri. How to generate random matrices from the classical compact groups.
        Notices of the AMS 54, 2007. https://arxiv.org/abs/math-ph/0609050
    """
    axes = matrices("jinit.orthogonal", shape, column_axis, in_axis, out_axis,
                    batch_axis, groups)  # fmt: skip
    return frames(key, axes, dtype, _gain(scale, gain), method)


semi_orthogonal = alias("semi_orthogonal", orthogonal)


def _square(shape, batch_axis) -> Matrices:
    axes = matrices("jinit.special_orthogonal", shape, batch_axis=batch_axis)
    rows, columns = axes.size
    if rows != columns:
        raise ValueError(
            "`jinit.special_orthogonal` needs as many rows as columns. Got "
            f"{rows} rows and {columns} columns from {shape}. A matrix that is not "
            "square has no determinant: use `jinit.orthogonal`."
        )
    return axes


def _special_marginal(shape, gain, batch_axis) -> Marginal:
    size, gain = max(_square(shape, batch_axis).size), gain_of(gain)
    return marginal.coordinate(size, gain) if size > 1 else marginal.values(gain)


@law(marginal=_special_marginal)
def special_orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    batch_axis: Axes = (),
) -> jax.Array:
    """Rotations: uniformly random orthogonal matrices of determinant 1.

        Wᵀ W = gain² I,   det W = gainⁿ

    For recurrent kernels and flows that should be reachable from the identity.

    Args:
        dtype: The dtype to draw when a call names none. A complex one: SU(n).
        gain: A number, an activation's name or the activation.
        batch_axis: Axes of independent matrices.

    Returns:
        Weights of shape `(n, n)`, with any batch axes. As in `jinit.orthogonal`, the
        last axis is the columns and all others are the rows.

    Raises:
        ValueError: If rows and columns differ.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.special_orthogonal(jax.random.key(0), (5, 5))
        >>> round(float(jnp.linalg.det(w)), 4)
        1.0

    References:
        Mezzadri. How to generate random matrices from the classical compact groups.
        Notices of the AMS 54, 2007. https://arxiv.org/abs/math-ph/0609050
    """
    axes = _square(shape, batch_axis)
    Q = householder(key, axes.many, *axes.size, dtype, special=True)
    return scalar(gain_of(gain), dtype) * axes.kernel(Q)


def _glorot_gain(shape, scale) -> tuple[Matrices, float]:
    axes = matrices("jinit.glorot_orthogonal", shape)
    return axes, math.sqrt(scale * max(axes.size) / sum(axes.size))


def _glorot_marginal(shape, scale, method) -> Marginal:
    axes, gain = _glorot_gain(shape, scale)
    return marginal.coordinate(max(axes.size), gain)


@law(marginal=_glorot_marginal)
def glorot_orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: NonNegative = 2.0,
    dtype: Inexact = None,
    *,
    method: Method = "householder",
) -> jax.Array:
    """Orthogonal weights with Glorot's variance.

        W = gain · Q,   gain² = scale · max(in, out) / (in + out),
        σ² = scale / (in + out)

    The default of several graph networks (DimeNet, SchNet). PyTorch Geometric divides
    by the variance of the sample instead of 1 / max(in, out): the same, but for a term
    of order 1 / (in · out).

    Args:
        scale: The variance times `in + out`; 2 is Glorot's.
        dtype: The dtype to draw when a call names none.
        method: How the frame is made: see `jinit.orthogonal`.

    Returns:
        Weights of shape `(*spatial, in, out)`, with the spatial axes counted to `in`.

    Raises:
        ValueError: For a negative `scale`, or a shape of one axis.

    Example:
        >>> import jinit
        >>> jinit.glorot_orthogonal.std((30, 20))
        0.2

    References:
        Gasteiger, Groß, Günnemann. Directional message passing for molecular graphs.
        ICLR 2020. https://arxiv.org/abs/2003.03123
        Fey, Lenssen. Fast graph representation learning with PyTorch Geometric. 2019.
        https://arxiv.org/abs/1903.02428
    """
    axes, gain = _glorot_gain(shape, scale)
    return frames(key, axes, dtype, gain, method)


def _gates(shape, gates, gate_axis) -> Matrices:
    return matrices("jinit.block_orthogonal", shape, gate_axis, groups=gates)


def _block_marginal(shape, gates, gate_axis, gain, method) -> Marginal:
    size = _gates(shape, gates, gate_axis).size
    return marginal.coordinate(max(size), gain_of(gain))


@law(marginal=_block_marginal)
def block_orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gates: Count = 4,
    gate_axis: Axis = -1,
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    method: Method = "householder",
) -> jax.Array:
    """One orthogonal matrix for each gate of a recurrent kernel.

        W = [W₁ … W_g],   W_iᵀ W_i = gain² I,   the W_i independent

    `jinit.orthogonal` on the fused kernel makes the gates orthogonal together, which
    leaves each of them a random part of a frame, not a rotation of the state.

    Args:
        gates: How many: 4 for an LSTM, 3 for a GRU.
        gate_axis: The axis along which the gates lie: the last, or 0 in PyTorch's
            layout `(gates · hidden, hidden)`.
        dtype: The dtype to draw when a call names none.
        gain: A number, an activation's name or the activation.
        method: How the frames are made: see `jinit.orthogonal`.

    Returns:
        Weights of shape `(hidden, gates · hidden)`, or any whose gates are equal.

    Raises:
        ValueError: If `gates` does not divide the gate axis.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.block_orthogonal(jax.random.key(0), (8, 32))
        >>> bool(jnp.allclose(w @ w.T, 4 * jnp.eye(8), atol=1e-5))
        True

    References:
        Gardner et al. AllenNLP: a deep semantic natural language processing platform.
        2018. https://arxiv.org/abs/1803.07640
    """
    return frames(key, _gates(shape, gates, gate_axis), dtype, gain_of(gain), method)
