"""Inputs of mean 0 and variance 1, as every initialization assumes them."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .._core import (
    alike,
    batches_of,
    Count,
    numbers,
    one_array,
    ours,
    Positive,
    public,
    shown,
)


Per = Literal["feature", "all"]
WhiteningMethod = Literal["zca", "pca"]
Batches = Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Standardization:
    """A fitted map `(x − mean) / std`; a pure function, with its inverse.

    Attributes:
        mean: What is subtracted, of the shape of one input or a scalar.
        std: What is divided by, never below the floor.
    """

    mean: jax.Array
    std: jax.Array

    @ours()
    def __call__(self, x: ArrayLike) -> jax.Array:
        """Standardizes inputs `(..., *features)`."""
        x, mean, std = alike(x, self.mean, self.std)
        return (x - mean) / std

    @ours()
    def inverse(self, y: ArrayLike) -> jax.Array:
        """The inputs whose standardization is `y`."""
        y, mean, std = alike(y, self.mean, self.std)
        return y * std + mean


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Whitening:
    """A fitted map `(x − mean) W`; a pure function, with its inverse.

    Attributes:
        mean: What is subtracted, of the shape of one input.
        matrix: W, `(features, components)`.
        unmatrix: Its (pseudo)inverse, `(components, features)`.
        variances: The variances along the principal axes, largest first.
        keeps_shape: Whether the result has the shape of an input, as for "zca".
    """

    mean: jax.Array
    matrix: jax.Array
    unmatrix: jax.Array
    variances: jax.Array
    keeps_shape: bool = dataclasses.field(metadata={"static": True})

    @ours()
    def __call__(self, x: ArrayLike) -> jax.Array:
        """Whitens inputs `(..., *features)`; "pca" gives `(..., components)`."""
        x, mean = alike(x, self.mean)
        rows = x.shape[: x.ndim - self.mean.ndim]
        flat = jnp.reshape(x - mean, (*rows, -1))
        y = jnp.matmul(flat, self.matrix, precision="highest")
        return y.reshape(x.shape) if self.keeps_shape else y

    @ours()
    def inverse(self, y: ArrayLike) -> jax.Array:
        """The inputs that are whitened to `y`, as far as components were kept."""
        y = jnp.asarray(y)
        rows = y.shape[: y.ndim - (self.mean.ndim if self.keeps_shape else 1)]
        flat = jnp.reshape(y, (*rows, -1))
        x = jnp.matmul(flat, self.unmatrix, precision="highest")
        x, mean = alike(x.reshape(*rows, *self.mean.shape), self.mean)
        return x + mean


@public("jinit.data", concrete=True)
def standardize(
    batches: Batches, *, per: Per = "feature", floor: Positive = 1e-3
) -> Standardization:
    """Learns mean and standard deviation, for inputs of mean 0 and variance 1.

        y = (x − mean) / std,   std ≥ floor · the largest std

    The floor keeps a feature that hardly ever changes, such as a pixel in the corner,
    from being blown up.

    Args:
        batches: All inputs `(rows, *features)`, or an iterable of such arrays; only one
            at a time is needed in memory.
        per: "feature" for a mean and std for each, "all" for one of both for all, as is
            usual for images.
        floor: The smallest std, as a share of the largest.

    Returns:
        A `Standardization`: a function of inputs, with `.inverse`.

    Raises:
        ValueError: For fewer than two rows, inputs that are not finite or do not vary,
            or rows of different shapes.

    Example:
        >>> import jax, jinit
        >>> x = 3 + 2 * jax.random.normal(jax.random.key(0), (1000, 5))
        >>> y = jinit.data.standardize(x)(x)
        >>> bool(abs(y.mean()) < 1e-5), round(float(y.std()), 5)
        (True, 1.0)

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. Section 4.3.
    """
    where = "jinit.data.standardize"
    found = _sums(where, batches, lambda x: np.square(x).sum(0))
    mean, variance = found.mean, found.squares / found.rows
    if per == "all":
        variance = np.mean(variance + np.square(mean - mean.mean()))
        mean = mean.mean()
    std = np.sqrt(variance)
    return Standardization(_float(mean), _float(np.maximum(std, floor * std.max())))


@public("jinit.data", concrete=True)
def whiten(
    batches: Batches,
    *,
    method: WhiteningMethod = "zca",
    components: Count | None = None,
    floor: Positive = 1e-5,
) -> Whitening:
    """Learns a linear map to uncorrelated inputs of variance 1.

        C = U Λ Uᵀ the covariance,   y = (x − mean) U Λ^(−1/2)      "pca"
                                     y = (x − mean) U Λ^(−1/2) Uᵀ   "zca"

    Of all that whiten, ZCA changes the inputs least: images stay images. Variances
    below `floor` times the largest count as that, so that directions that only noise
    fills are not blown up to 1, and the map has an inverse.

    Args:
        batches: All inputs `(rows, *features)`, or an iterable of such arrays; only one
            at a time is needed in memory, and the covariance.
        method: "zca" or "pca".
        components: For "pca", how many axes to keep; by default all.
        floor: The smallest variance, as a share of the largest.

    Returns:
        A `Whitening`: a function of inputs, with `.inverse`.

    Raises:
        ValueError: For fewer than two rows, inputs that are not finite or do not vary,
            rows of different shapes, or `components` with "zca".

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> x = jax.random.normal(jax.random.key(0), (1000, 3)) @ jnp.tri(3)
        >>> y = jinit.data.whiten(x)(x)
        >>> bool(jnp.allclose(y.T @ y / 1000, jnp.eye(3), atol=1e-4))
        True

    References:
        Bell, Sejnowski. The "independent components" of natural scenes are edge
        filters. Vision Research 37, 1997. (ZCA)
        Kessy, Lewin, Strimmer. Optimal whitening and decorrelation. The American
        Statistician 72, 2018. https://arxiv.org/abs/1512.00809
    """
    where = "jinit.data.whiten"
    if components is not None and method == "zca":
        raise ValueError(
            f"`{where}` needs `components` with method 'pca' only. Got "
            f"{components} with 'zca', which keeps the features."
        )
    found = _sums(where, batches, lambda x: x.T @ x, flat=True)
    variances, U = np.linalg.eigh(found.squares / found.rows)
    variances, U = variances[::-1], U[:, ::-1]
    scale = np.sqrt(np.maximum(variances, floor * variances[0]))
    forward, backward = U / scale, (U * scale).T
    if method == "zca":
        forward, backward = forward @ U.T, U @ backward
    return Whitening(
        _float(found.mean.reshape(found.shape)),
        _float(forward[:, :components]),
        _float(backward[:components]),
        _float(np.maximum(variances, 0)),
        method == "zca",
    )


@dataclasses.dataclass(frozen=True)
class _Sums:
    rows: int
    mean: np.ndarray
    squares: np.ndarray  # summed over rows, around the mean
    shape: tuple[int, ...]


def _sums(
    where: str,
    batches: Batches,
    square: Callable[[np.ndarray], np.ndarray],
    flat: bool = False,
) -> _Sums:
    """Mean and squares in float64, merged batch by batch (Chan et al. 1983)."""
    rows, mean, squares, shape = 0, np.zeros(()), np.zeros(()), ()
    for number, x in enumerate(_arrays(where, batches)):
        if rows and x.shape[1:] != shape:
            raise ValueError(
                f"`{where}` needs rows of one shape. Got {x.shape[1:]} in batch "
                f"{number} after {shape}."
            )
        if not np.isfinite(x).all():
            raise ValueError(
                f"`{where}` needs finite numbers. Got inf or nan in batch {number}."
            )
        shape, x = x.shape[1:], np.asarray(x, np.float64)
        x = x.reshape(len(x), -1) if flat else x
        own = x.mean(0)
        step, total = own - mean, rows + len(x)
        moved = square(np.expand_dims(step, 0) * math.sqrt(rows * len(x) / total))
        squares = squares + square(x - own) + (moved if rows else 0)
        rows, mean = total, mean + step * (len(x) / total)
    if rows < 2:
        raise ValueError(f"`{where}` needs two or more rows. Got {rows}.")
    if not np.any(squares):
        raise ValueError(f"`{where}` needs inputs that vary. Got {rows} equal rows.")
    return _Sums(rows, mean, squares, shape)


def _arrays(where: str, batches: Batches) -> Iterator[np.ndarray]:
    for batch in batches_of(batches):
        x = np.asarray(numbers(where, "batches", one_array(where, batch)))
        if not x.ndim or not (x.dtype == bool or jnp.can_cast(x.dtype, np.float64)):
            raise TypeError(
                f"`{where}` needs arrays of real numbers, rows first. Got {shown(x)}."
            )
        if len(x):
            yield x


def _float(x: Any) -> jax.Array:
    return jax.device_put(np.asarray(x, jax.dtypes.canonicalize_dtype(float)))
