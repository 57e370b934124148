"""Kernels `(out, in, *spatial)` that are more than independent weights."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from ... import marginal
from ..._core import law
from ..._schemes import orthogonal, sparse
from ...marginal import Marginal
from ...settings import AnyDType, Count, Finite, Floating, Fraction, NonNegative


def _require_axes(where: str, shape: tuple[int, ...], *counts: int) -> None:
    if len(shape) not in counts:
        listed = ", ".join(map(str, counts[:-1])) + " or " * (len(counts) > 1)
        raise ValueError(
            f"`{where}` needs a shape of {listed}{counts[-1]} axes. Got {shape}."
        )


def _eye_marginal(shape: tuple[int, ...]) -> Marginal:
    _require_axes("jinit.compat.torch.eye_", shape, 2)
    return marginal.two_points(1.0, min(shape) / max(math.prod(shape), 1))


@law(marginal=_eye_marginal)
def eye_(_: Any, shape: tuple[int, ...], /, *, dtype: AnyDType = None) -> jax.Array:
    """Torch's identity matrix.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in)`.

    Raises:
        ValueError: For a shape that has not two axes.

    Example:
        >>> from jinit.compat import torch
        >>> torch.eye_(None, (2, 3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]

    References:
        torch.nn.init.eye_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    _require_axes("jinit.compat.torch.eye_", shape, 2)
    return jnp.eye(*shape, dtype=dtype)


def _require_groups(shape: tuple[int, ...], groups: int) -> None:
    _require_axes("jinit.compat.torch.dirac_", shape, 3, 4, 5)
    if shape[0] % groups:
        raise ValueError(
            "`jinit.compat.torch.dirac_` needs `groups` to divide the output channels. "
            f"Got groups={groups} for {shape[0]} channels of {shape}."
        )


def _dirac_marginal(shape: tuple[int, ...], groups: int) -> Marginal:
    _require_groups(shape, groups)
    kept = groups * min(shape[0] // groups, shape[1])
    return marginal.two_points(1.0, kept / max(math.prod(shape), 1))


@law(marginal=_dirac_marginal)
def dirac_(
    _: Any,
    shape: tuple[int, ...],
    /,
    groups: Count = 1,
    dtype: AnyDType = None,
) -> jax.Array:
    """Torch's convolution that passes its channels on, group by group.

        W[i, i, c] = 1,   c = k // 2 along each spatial axis, else 0

    For an even k the tap is the one after the middle, where torch's padding of k // 2
    has the pixel itself. (`jinit.dirac` has the one before it, for "SAME".)

    Args:
        groups: Groups of the convolution.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in / groups, *spatial)`, of one to three spatial axes.

    Raises:
        ValueError: For other shapes, or groups that do not divide `out`.

    Example:
        >>> from jinit.compat import torch
        >>> torch.dirac_(None, (1, 1, 4)).tolist()
        [[[0.0, 0.0, 1.0, 0.0]]]

    References:
        torch.nn.init.dirac_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    _require_groups(shape, groups)
    n_out, n_in, *spatial = shape
    center = tuple(length // 2 for length in spatial)
    channels = jnp.tile(jnp.eye(n_out // groups, n_in, dtype=dtype), (groups, 1))
    return jnp.zeros(shape, dtype).at[:, :, *center].set(channels)


def _require_matrix(shape: tuple[int, ...]) -> None:
    if len(shape) < 2:
        raise ValueError(
            "`jinit.compat.torch.orthogonal_` needs a shape of two or more axes, "
            f"`(out, in, *spatial)`. Got {shape}."
        )


def _orthogonal_marginal(shape: tuple[int, ...], gain: float) -> Marginal:
    _require_matrix(shape)
    longer = max(shape[0], math.prod(shape[1:]))
    return marginal.coordinate(max(longer, 1), abs(gain))


@law(marginal=_orthogonal_marginal)
def orthogonal_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Finite = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Torch's orthogonal weights: the kernel as a matrix `(out, in · k)`, Haar.

        W Wᵀ = gain² I   if out ≤ in · k,        Wᵀ W = gain² I   if out ≥ in · k

    Made by a QR decomposition, as in torch; `jinit.orthogonal(column_axis=0)` has the
    same law and is faster.

    Args:
        gain: Every singular value.
        dtype: The dtype to draw when a call names none; narrow ones, which torch
            refuses, are rounded once.

    Returns:
        Weights of shape `(out, in, *spatial)`.

    Raises:
        ValueError: For a shape of one axis.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit.compat import torch
        >>> w = torch.orthogonal_(2.0)(jax.random.key(0), (4, 3, 5)).reshape(4, 15)
        >>> bool(jnp.allclose(w @ w.T, 4 * jnp.eye(4), atol=1e-5))
        True

    References:
        torch.nn.init.orthogonal_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    _require_matrix(shape)
    return orthogonal(gain, 0, method="qr")(key, shape, dtype)


def _sparse_marginal(shape: tuple[int, ...], sparsity, std) -> Marginal:
    _require_axes("jinit.compat.torch.sparse_", shape, 2)
    return sparse(sparsity, std).marginal(shape)


@law(marginal=_sparse_marginal)
def sparse_(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    sparsity: Fraction,
    std: NonNegative = 0.01,
    dtype: Floating = None,
) -> jax.Array:
    """Torch's sparse weights: as many zeros in each column, which is an input.

        ⌈sparsity · out⌉ random zeros in each column, else N(0, std²)

    Martens, whom torch cites, fixes what each unit *sums*, so that a unit may not be
    left without inputs; here each input feeds as many units. On kernels `(in, out)`,
    `jinit.sparse` does what the paper does.

    Args:
        sparsity: The fraction of zeros in each column.
        std: The standard deviation of what is not zero.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(out, in)`.

    Raises:
        ValueError: For a `sparsity` outside [0, 1], or a shape that has not two axes.

    Example:
        >>> import jax
        >>> from jinit.compat import torch
        >>> w = torch.sparse_(0.25)(jax.random.key(0), (10, 6))
        >>> set((w == 0).sum(0).tolist())
        {3}

    References:
        torch.nn.init.sparse_. https://docs.pytorch.org/docs/stable/nn.init.html
    """
    _require_axes("jinit.compat.torch.sparse_", shape, 2)
    return sparse(sparsity, std)(key, shape, dtype)
