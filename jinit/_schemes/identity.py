"""Kernels that pass their input on unchanged."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import alias, law, scalar
from ..marginal import Marginal
from ..settings import AnyDType, Count, Finite


def _require_matrix(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ValueError(
            f"`jinit.identity` needs a shape of two axes, `(in, out)`. Got {shape}. "
            "For a convolution, use `jinit.dirac`."
        )


def _identity_marginal(shape: tuple[int, ...], gain: float) -> Marginal:
    _require_matrix(shape)
    return marginal.two_points(gain, min(shape) / max(math.prod(shape), 1))


@law(marginal=_identity_marginal)
def identity(
    _: Any,
    shape: tuple[int, ...],
    /,
    gain: Finite = 1.0,
    dtype: AnyDType = None,
) -> jax.Array:
    """The identity matrix times `gain`; if not square, the identity padded with zeros.

    For recurrent ReLU layers and for layers that should start as a skip. Also `eye`.

    Args:
        gain: The value on the diagonal.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`.

    Raises:
        ValueError: For a shape that has not two axes.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> x = jnp.arange(3.0)
        >>> bool((x @ jinit.identity(None, (3, 3)) == x).all())
        True

    References:
        Le, Jaitly, Hinton. A simple way to initialize recurrent networks of rectified
        linear units. 2015. https://arxiv.org/abs/1504.00941
    """
    _require_matrix(shape)
    return scalar(gain, dtype) * jnp.eye(*shape, dtype=dtype)


eye = alias("eye", identity)


def _require_wrapped(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise ValueError(
            f"`jinit.idinit` needs a shape of two axes, `(in, out)`. Got {shape}. "
            "For a convolution, use `jinit.dirac`."
        )


def _idinit_marginal(shape: tuple[int, ...], gain: float) -> Marginal:
    _require_wrapped(shape)
    return marginal.two_points(gain, max(shape) / max(math.prod(shape), 1))


@law(marginal=_idinit_marginal)
def idinit(
    _: Any,
    shape: tuple[int, ...],
    /,
    gain: Finite = 1.0,
    dtype: AnyDType = None,
) -> jax.Array:
    """Identities side by side until the kernel is full: no unit starts at zero.

        W[i mod in, i mod out] = gain,   i < max(in, out),   else 0

    `jinit.identity` pads with zeros where a layer widens, so that the new units start
    equal, and at 0; here they repeat what comes in, and where it narrows every input
    goes somewhere. For the layers of residual networks outside of their branches.

    The paper sets gain to 1. Its form for a branch's last layer, and the noise that it
    adds, are not part of this law.

    Args:
        gain: What is not zero.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, of rank min(in, out).

    Raises:
        ValueError: For a shape that has not two axes.

    Example:
        >>> import jinit
        >>> jinit.idinit(None, (2, 5)).astype(int).tolist()
        [[1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]

    References:
        Pan, Wang, Wu, Wang, Zhang, Xu. IDInit: a universal and stable initialization
        method for neural network training. ICLR 2025.
        https://arxiv.org/abs/2503.04626
    """
    _require_wrapped(shape)
    period = min(shape)
    row, column = (jax.lax.broadcasted_iota("int32", shape, axis) for axis in (0, 1))
    zero = jnp.zeros((), dtype)
    return jnp.where(row % period == column % period, scalar(gain, dtype), zero)


def _require_kernel(shape: tuple[int, ...], groups: int) -> None:
    if len(shape) < 3:
        raise ValueError(
            "`jinit.dirac` needs a convolution's shape, `(*spatial, in, out)`. "
            f"Got {shape}. For a dense layer, use `jinit.identity`."
        )
    if shape[-1] % groups:
        raise ValueError(
            "`jinit.dirac` needs `groups` to divide the output channels. "
            f"Got groups={groups} for {shape[-1]} channels of {shape}."
        )


def _dirac_marginal(shape: tuple[int, ...], gain: float, groups: int) -> Marginal:
    _require_kernel(shape, groups)
    *_, n_in, n_out = shape
    kept = groups * min(n_in, n_out // groups)
    return marginal.two_points(gain, kept / max(math.prod(shape), 1))


@law(marginal=_dirac_marginal)
def dirac(
    _: Any,
    shape: tuple[int, ...],
    /,
    gain: Finite = 1.0,
    dtype: AnyDType = None,
    *,
    groups: Count = 1,
) -> jax.Array:
    """A convolution that passes its channels on: one tap, the identity over channels.

        W[c, i, i] = gain,   c = (k − 1) // 2 along each spatial axis, else 0

    The tap is the one that JAX's "SAME" padding puts over the pixel itself, for odd
    and even k. With groups, each group passes its own channels on.

    Args:
        gain: The value of the tap.
        dtype: The dtype to draw when a call names none.
        groups: Feature groups of the convolution.

    Returns:
        Weights of shape `(*spatial, in / groups, out)`.

    Raises:
        ValueError: For fewer than three axes, or groups that do not divide `out`.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> x = jax.random.normal(jax.random.key(0), (1, 8, 2))
        >>> y = jax.lax.conv_general_dilated(
        ...     x,
        ...     jinit.dirac(None, (3, 2, 2)),
        ...     (1,),
        ...     "SAME",
        ...     dimension_numbers=("NWC", "WIO", "NWC"),
        ... )
        >>> bool((x == y).all())
        True

    References:
        Zagoruyko, Komodakis. DiracNets: training very deep neural networks without
        skip-connections. 2017. https://arxiv.org/abs/1706.00388
    """
    _require_kernel(shape, groups)
    *spatial, n_in, n_out = shape
    center = tuple((length - 1) // 2 for length in spatial)
    channels = jnp.tile(jnp.eye(n_in, n_out // groups, dtype=dtype), groups)
    return jnp.zeros(shape, dtype).at[center].set(scalar(gain, dtype) * channels)
