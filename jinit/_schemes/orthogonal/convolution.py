"""Convolutions that keep norms: an isometry of signals, not of the reshaped kernel."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import marginal
from ..._activations import gain as gain_of
from ..._core import law, sampling
from ...marginal import Marginal
from ...settings import Axis, Count, Finite, Gain, Inexact
from .haar import frames, haar, Method
from .matrices import Matrices, matrices


def _center(
    where: str, shape: tuple[int, ...], column_axis: int = -1, groups: int = 1
) -> Matrices:
    """The matrix at the center of a kernel with spatial axes."""
    if len(shape) < 3:
        raise ValueError(
            f"`{where}` needs a shape of three or more axes, `(*spatial, in, out)`. "
            f"Got {shape}. For a dense layer, use `jinit.orthogonal`."
        )
    return matrices(where, shape[-2:], column_axis, groups=groups)


def _surrounded(tap: jax.Array, spatial: tuple[int, ...]) -> jax.Array:
    """The kernel that is `tap` at its center and zero elsewhere.

    With an even size there are two centers. This is the left one, which "SAME" padding
    in JAX puts on the input's own position.
    """
    center = tuple((size - 1) // 2 for size in spatial)
    return jnp.zeros((*spatial, *tap.shape), tap.dtype).at[center].set(tap)


def _sparse(shape: tuple[int, ...], axes: Matrices, gain: float) -> Marginal:
    entry = marginal.coordinate(max(axes.size), abs(gain))
    spatial = math.prod(shape[:-2])
    return marginal.sparse(1 / spatial, entry) if spatial > 1 else entry


def _delta_marginal(shape, scale, column_axis, gain, method, groups) -> Marginal:
    axes = _center("jinit.delta_orthogonal", shape, column_axis, groups)
    return _sparse(shape, axes, scale if gain is None else gain_of(gain))


@law(marginal=_delta_marginal)
def delta_orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: Finite = 1.0,
    column_axis: Axis = -1,
    dtype: Inexact = None,
    *,
    gain: Gain | None = None,
    method: Method = "householder",
    groups: Count = 1,
) -> jax.Array:
    """A convolution that starts as an orthogonal map of each position on its own.

        W[center] = gain · Q,   W = 0 elsewhere,   Q Haar

    With at least as many outputs as inputs it keeps the norm of every input, whatever
    the padding: what let plain networks of 10,000 layers train. With fewer, Q has
    orthonormal columns, and the gradient is what keeps its norm.

    Args:
        scale: The gain, under the name it has in JAX.
        column_axis: The axis of the columns: the last, or the one before it.
        dtype: The dtype to draw when a call names none.
        gain: A number, an activation's name or the activation, in place of `scale`.
        method: How the matrix is made: see `jinit.orthogonal`. "qr" draws what
            `jax.nn.initializers.delta_orthogonal` does.
        groups: Feature groups of the convolution, an independent matrix each.

    Returns:
        Weights of shape `(*spatial, in, out)`, or `(*spatial, in / groups, out)`.

    Raises:
        ValueError: For a shape without spatial axes, or groups that do not divide the
            outputs.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.delta_orthogonal(jax.random.key(0), (3, 8, 16))
        >>> x = jax.random.normal(jax.random.key(1), (1, 20, 8))
        >>> dimensions = ("NHC", "HIO", "NHC")
        >>> y = jax.lax.conv_general_dilated(
        ...     x, w, (1,), "SAME", dimension_numbers=dimensions
        ... )
        >>> bool(jnp.allclose((y**2).sum(-1), (x**2).sum(-1), rtol=1e-5))
        True

    References:
        Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington. Dynamical isometry and a
        mean field theory of CNNs. ICML 2018, section 3. https://arxiv.org/abs/1806.05393
    """
    axes = _center("jinit.delta_orthogonal", shape, column_axis, groups)
    gain = scale if gain is None else gain_of(gain)
    return _surrounded(frames(key, axes, dtype, gain, method), shape[:-2])


def _widening(shape: tuple[int, ...], gain: Any) -> tuple[Matrices, Any]:
    axes = matrices("jinit.scaled_orthogonal", shape[-2:])
    rows, columns = axes.size
    return axes, gain_of(gain) * math.sqrt(max(columns / rows, 1.0))


def _scaled_marginal(shape, gain, method) -> Marginal:
    return _sparse(shape, *_widening(shape, gain))


@law(marginal=_scaled_marginal)
def scaled_orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    method: Method = "householder",
) -> jax.Array:
    """Orthogonal weights that keep the mean square of a signal even where it widens.

        W = gain · max(√(out / in), 1) · Q,   Q Haar

    A frame with more outputs than inputs keeps the norm and so spreads it over more
    units; the factor makes up for it. A convolution has W at its center and zeros
    around, as `jinit.delta_orthogonal`. The initialization of Deep Kernel Shaping.

    Args:
        dtype: The dtype to draw when a call names none.
        gain: A number, an activation's name or the activation.
        method: How the frame is made: see `jinit.orthogonal`.

    Returns:
        Weights of shape `(*spatial, in, out)`.

    Raises:
        ValueError: For a shape of one axis.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.scaled_orthogonal(jax.random.key(0), (4, 16))
        >>> bool(jnp.allclose(w @ w.T, 4 * jnp.eye(4), atol=1e-5))
        True

    References:
        Martens et al. Rapid training of deep neural networks without skip connections
        or normalization layers using deep kernel shaping. 2021.
        https://arxiv.org/abs/2110.01765
    """
    axes, gain = _widening(shape, gain)
    return _surrounded(frames(key, axes, dtype, gain, method), shape[:-2])


def _isometry(where: str, shape: tuple[int, ...]) -> Matrices:
    axes = _center(where, shape)
    inputs, outputs = axes.size
    if inputs > outputs:
        raise ValueError(
            f"`{where}` needs at least as many outputs as inputs. Got {inputs} inputs "
            f"and {outputs} outputs from {shape}. No convolution to fewer channels "
            "keeps norms; `jinit.delta_orthogonal` keeps those of the gradient."
        )
    return axes


@law
def conv_orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    dtype: Inexact = None,
    *,
    gain: Gain = 1.0,
    method: Method = "householder",
) -> jax.Array:
    """A convolution that is a random isometry and uses its whole receptive field.

        W = gain · Q ∗ [P₁, I − P₁] ∗ [P₂, I − P₂] ∗ ⋯

    Q is a Haar frame and each Pᵢ projects the outputs on a random half of the space:
    one part of the signal stays, the other moves by one position. A kernel of size k
    has k − 1 such factors along each spatial axis. With circular padding the norm of
    every input is kept, and that of the gradient if `in = out`. As deep networks train,
    `jinit.delta_orthogonal` does better; this one mixes positions from the start.

    Args:
        dtype: The dtype to draw when a call names none.
        gain: A number, an activation's name or the activation.
        method: How the frames are made: see `jinit.orthogonal`.

    Returns:
        Weights of shape `(*spatial, in, out)`, with any number of spatial axes.

    Raises:
        ValueError: For a shape without spatial axes, or more inputs than outputs.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.conv_orthogonal(jax.random.key(0), (3, 8, 16))
        >>> x = jax.random.normal(jax.random.key(1), (20, 8))
        >>> y = sum(jnp.roll(x, shift, 0) @ tap for shift, tap in enumerate(w))
        >>> bool(jnp.allclose((y**2).sum(), (x**2).sum(), rtol=1e-5))
        True

    References:
        Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington. Dynamical isometry and a
        mean field theory of CNNs. ICML 2018, algorithm 1.
        https://arxiv.org/abs/1806.05393
        Kautsky, Turcajová. A matrix approach to discrete wavelets. 1994.
    """
    axes = _isometry("jinit.conv_orthogonal", shape)
    *spatial, _, outputs = shape
    key_frame, key_projections = jax.random.split(key)
    W = frames(key_frame, axes, dtype, gain_of(gain), method)
    W = W.reshape(*(1 for _ in spatial), *W.shape)
    # The axes take turns, so that no axis is mixed only by late factors.
    factors = [
        axis
        for step in range(1, max(spatial))
        for axis, k in enumerate(spatial)
        if step < k
    ]
    if not factors:
        return W
    P = _projections(key_projections, len(factors), outputs, dtype, method)
    for axis, projection in zip(factors, P, strict=True):
        stays = jnp.matmul(W, projection, precision="highest")
        W = _padded(stays, axis, (0, 1)) + _padded(W - stays, axis, (1, 0))
    return W


def _projections(
    key: jax.Array, count: int, size: int, dtype: np.dtype, method: Method
) -> jax.Array:
    """Orthogonal projections on uniformly random subspaces of random dimension."""
    key_frames, key_kept = jax.random.split(key)
    Q = haar(key_frames, (count,), size, size, dtype, method)
    kept = sampling.bits(key_kept, (count, 1, size), np.dtype("uint32")) % 2
    return jnp.matmul(Q * kept.astype(dtype), Q.mT.conj(), precision="highest")


def _padded(W: jax.Array, axis: int, widths: tuple[int, int]) -> jax.Array:
    return jnp.pad(W, [widths if i == axis else (0, 0) for i in range(W.ndim)])
