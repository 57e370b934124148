"""Laws of Lasagne that know no fans, and matrices."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from ... import marginal
from ..._core import check, law, sampling, scalar
from ..._schemes import orthogonal, sparse
from ...marginal import Marginal
from ...settings import (
    AnyDType,
    Finite,
    Floating,
    Fraction,
    NonNegative,
    requirement,
)


@requirement('a number of at least 0, or "relu"')
def _gain(where: str, what: str, value: Any) -> Any:
    is_relu = isinstance(value, str) and value == "relu"
    return value if is_relu else check(where, what, NonNegative, value)


@requirement("a number, or the two ends of an interval")
def _interval(where: str, what: str, value: Any) -> Any:
    if not isinstance(value, tuple | list):
        return check(where, what, NonNegative, value)
    ends = tuple(check(where, what, Finite, each) for each in value)
    if len(ends) != 2 or not ends[0] <= ends[1]:
        raise ValueError(
            f"`{where}` needs `{what}` to be a number, or two in order. Got {value}."
        )
    return ends


Gain = Annotated[float | str, _gain]
_Interval = Annotated[float | Sequence[float], _interval]


def gain_of(gain: Any) -> Any:
    """A gain of Lasagne as a number."""
    return math.sqrt(2) if gain == "relu" else gain


@law(marginal=lambda shape, val: marginal.values(val))
def Constant(
    _: Any, shape: tuple[int, ...], /, val: Finite = 0.0, dtype: AnyDType = None
) -> jax.Array:
    """Lasagne's constant: all weights equal to `val`.

    Args:
        val: The value.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.Constant()(None, (2,)).tolist()
        [0.0, 0.0]

    References:
        lasagne.init.Constant. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    return jnp.full(shape, val, dtype)


@law(marginal=lambda shape, std, mean: marginal.normal(mean, std))
def Normal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    std: NonNegative = 0.01,
    mean: Finite = 0.0,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's normal weights.

        W ~ N(mean, std²)

    Args:
        std: The standard deviation.
        mean: The mean.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: For a negative `std`.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.Normal().std((5,))
        0.01

    References:
        lasagne.init.Normal. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    return sampling.normal(key, shape, dtype, std) + scalar(mean, dtype)


def _ends(range: Any, std: Any, mean: Any) -> tuple[Any, Any]:
    if std is not None:
        return mean - math.sqrt(3) * std, mean + math.sqrt(3) * std
    return range if isinstance(range, tuple) else (-range, range)


@law(marginal=lambda shape, **settings: marginal.uniform(*_ends(**settings)))
def Uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    range: _Interval = 0.01,
    std: NonNegative | None = None,
    mean: Finite = 0.0,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's uniform weights, by their range or by mean and standard deviation.

        W ~ U[−range, range)   or   U[low, high), given range = (low, high)
        W ~ U[mean − √3 std, mean + √3 std), given std

    Args:
        range: Half the width around 0, or both ends. Not read where `std` is given.
        std: The standard deviation.
        mean: The mean, which is read with `std` alone.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: For ends that are not in order, or a negative `std`.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.Uniform((0.0, 2.0)).mean((5,))
        1.0
        >>> lasagne.Uniform(std=0.1, mean=3.0).std((5,))
        0.1

    References:
        lasagne.init.Uniform. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    return sampling.uniform(key, shape, dtype, *_ends(range, std, mean))


def _require_axes(where: str, shape: tuple[int, ...], holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(f"`{where}` needs a shape of {words} axes. Got {shape}.")


def _orthogonal_marginal(shape: tuple[int, ...], gain: Any) -> Marginal:
    _require_matrix(shape)
    longer = max(shape[0], math.prod(shape[1:]), 1)
    return marginal.coordinate(longer, gain_of(gain))


def _require_matrix(shape: tuple[int, ...]) -> None:
    where = "jinit.compat.lasagne.Orthogonal"
    _require_axes(where, shape, len(shape) >= 2, "two or more")


@law(marginal=_orthogonal_marginal)
def Orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Gain = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's orthogonal weights: the first axis against all others.

    Lasagne takes the singular vectors that its library returns, whose signs are not
    random; here they are, so that the matrix is Haar.

    Args:
        gain: Every singular value; "relu" is √2.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of two or more axes.

    Raises:
        ValueError: For a shape of one axis.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit.compat import lasagne
        >>> w = lasagne.Orthogonal("relu")(jax.random.key(0), (8, 4))
        >>> bool(jnp.allclose(w.T @ w, 2 * jnp.eye(4), atol=1e-5))
        True

    References:
        lasagne.init.Orthogonal.
        https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    _require_matrix(shape)
    return orthogonal(gain_of(gain), 0, method="qr")(key, shape, dtype)


def _kept(shape: tuple[int, ...], sparsity: float) -> int:
    where = "jinit.compat.lasagne.Sparse"
    _require_axes(where, shape, len(shape) == 2, "two")
    return int(sparsity * shape[0])


def _sparse_marginal(shape: tuple[int, ...], sparsity, std) -> Marginal:
    density = _kept(shape, sparsity) / max(shape[0], 1)
    return marginal.sparse(density, marginal.normal(0.0, std))


@law(marginal=_sparse_marginal)
def Sparse(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    sparsity: Fraction = 0.1,
    std: NonNegative = 0.01,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's sparse weights, whose `sparsity` is the fraction that is *not* zero.

        w ~ N(0, std²) in ⌊sparsity · in⌋ random rows of each column, else 0

    Args:
        sparsity: The fraction of weights in each column that are not zero.
        std: The standard deviation of those.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`.

    Raises:
        ValueError: For a `sparsity` outside [0, 1], or a shape that has not two axes.

    Example:
        >>> import jax
        >>> from jinit.compat import lasagne
        >>> w = lasagne.Sparse(0.25)(jax.random.key(0), (10, 6))
        >>> set((w != 0).sum(0).tolist())
        {2}

    References:
        lasagne.init.Sparse. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    kept = _kept(shape, sparsity)
    if not kept:
        return jnp.zeros(shape, dtype)
    return sparse(connections=kept, stddev=std)(key, shape, dtype)
