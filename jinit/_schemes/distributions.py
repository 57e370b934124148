"""One plain distribution for every weight, whatever the shape."""

import math
from collections.abc import Callable
from typing import Any

import jax

from .. import marginal
from .._core import Flag, law, sampling, scalar, warn
from ..marginal import Marginal
from ..settings import Bound, Finite, Floating, Inexact, NonNegative


def _ordered(low: str, high: str) -> Callable[..., None]:
    def check(where: str, **settings: Any) -> None:
        if not settings[low] < settings[high]:
            raise ValueError(
                f"`{where}` needs `{low}` below `{high}`. "
                f"Got {low}={settings[low]!r} and {high}={settings[high]!r}."
            )

    return check


@law(marginal=lambda shape, scale: marginal.uniform(0.0, scale))
def uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: NonNegative = 1e-2,
    dtype: Floating = None,
) -> jax.Array:
    """Uniform on one side of zero, as `jax.nn.initializers.uniform`.

        W ~ U[0, scale)

    Kernels mostly want a law around zero: `jinit.symmetric_uniform`.

    Args:
        scale: The upper end.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: For a negative or non-finite `scale`.

    Example:
        >>> import jax, jinit
        >>> bool((jinit.uniform(0.5)(jax.random.key(0), (100,)) >= 0).all())
        True
    """
    return sampling.uniform(key, shape, dtype) * scalar(scale, dtype)


@law(
    marginal=lambda shape, minval, maxval: marginal.uniform(minval, maxval),
    check=_ordered("minval", "maxval"),
)
def uniform_range(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    minval: Finite = 0.0,
    maxval: Finite = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """Uniform between two bounds.

        W ~ U[minval, maxval)

    Args:
        minval: The lower end, included.
        maxval: The upper end, excluded.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless `minval < maxval`, both finite.

    Example:
        >>> import jinit
        >>> jinit.uniform_range(-1.0, 3.0).mean((5,))
        1.0
    """
    return sampling.uniform(key, shape, dtype, minval, maxval)


def _one_width(where: str, bound: float | None, stddev: float | None) -> None:
    if (bound is None) == (stddev is None):
        raise TypeError(
            f"`{where}` needs either `bound` or `stddev`. "
            f"Got bound={bound!r} and stddev={stddev!r}."
        )


def _half_width(bound: Any, stddev: Any) -> Any:
    return bound if bound is not None else math.sqrt(3) * stddev


def _symmetric(shape: tuple[int, ...], bound, stddev) -> Marginal:
    _one_width("jinit.symmetric_uniform", bound, stddev)
    width = _half_width(bound, stddev)
    return marginal.uniform(-width, width)


@law(marginal=_symmetric, check=_one_width)
def symmetric_uniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    bound: NonNegative | None = None,
    dtype: Inexact = None,
    *,
    stddev: NonNegative | None = None,
) -> jax.Array:
    """Uniform around zero, given its bound or its standard deviation.

        W ~ U[−b, b),   b = bound or √3 · stddev,   σ² = b² / 3

    A complex weight is uniform on the disk with the same E|w|².

    Args:
        bound: The half width b. PyTorch, Keras and Lasagne state it so.
        dtype: The dtype to draw when a call names none.
        stddev: The standard deviation, instead of `bound`.

    Returns:
        Weights of any shape.

    Raises:
        TypeError: Unless exactly one of `bound` and `stddev` is given.
        ValueError: If it is negative or not finite.

    Example:
        >>> import jinit
        >>> jinit.symmetric_uniform(0.05).std((10,))
        0.0288675
    """
    _one_width("jinit.symmetric_uniform", bound, stddev)
    width = _half_width(bound, stddev)
    if sampling.is_complex(dtype):
        width = width * math.sqrt(2 / 3)  # a unit disk has E|w|² = 1/2, not 1/3
    draw = sampling.symmetric_uniform(key, shape, dtype)
    return draw * scalar(width, dtype)


@law(marginal=lambda shape, stddev, mean: marginal.normal(mean, stddev))
def normal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    stddev: NonNegative = 1e-2,
    dtype: Inexact = None,
    *,
    mean: Finite = 0.0,
) -> jax.Array:
    """Normal weights, the same spread for every shape.

        W ~ N(mean, stddev²)

    Hinton's recommendation for the weights of a restricted Boltzmann machine is the
    default, 0.01; transformers use 0.02. In a deep network a spread that ignores the
    fan lets the signal die or explode: prefer `jinit.lecun_normal` and its kin.

    Args:
        stddev: The standard deviation.
        dtype: The dtype to draw when a call names none. A complex weight has
            independent parts and E|w − mean|² = stddev².
        mean: The mean.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: For a negative or non-finite `stddev`.

    Example:
        >>> import jax, jinit
        >>> w = jinit.normal(0.02)(jax.random.key(0), (1000, 1000))
        >>> round(float(w.std()), 3)
        0.02

    References:
        Hinton. A practical guide to training restricted Boltzmann machines.
        UTML TR 2010-003, section 8.
    """
    return _shifted(sampling.normal(key, shape, dtype, stddev), mean)


# Cuts within it are rarely meant in standard deviations: PyTorch's are absolute.
NARROW = 0.5


def _cuts(
    where: str, stddev: Any, lower: Any, upper: Any, corrected: bool, **_: Any
) -> None:
    _ordered("lower", "upper")(where, lower=lower, upper=upper)
    if max(abs(lower), abs(upper)) <= NARROW and not corrected:
        factor = marginal.truncated_std(lower, upper)
        warn(
            f"`{where}` takes `lower` and `upper` in standard deviations. Got {lower} "
            f"and {upper}, which leave weights of {factor:.2g} times `stddev`. For "
            f"absolute bounds as in PyTorch, divide by it: `lower={lower} / {stddev}`.",
        )


def _truncated(shape, stddev, lower, upper, mean, corrected) -> Marginal:
    scale = stddev / marginal.truncated_std(lower, upper) if corrected else stddev
    return marginal.truncated_normal(mean, scale, lower, upper)


@law(marginal=_truncated, check=_cuts)
def truncated_normal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    stddev: NonNegative = 1e-2,
    dtype: Floating = None,
    lower: Bound = -2.0,
    upper: Bound = 2.0,
    *,
    mean: Finite = 0.0,
    corrected: Flag = False,
) -> jax.Array:
    """Normal weights without the tails.

        W = mean + s z,   z ~ N(0, 1) given lower < z < upper

    where s is `stddev`, as in `jax.nn.initializers`: the result then has a smaller
    standard deviation (0.88 of it, at ±2). With `corrected`, s is chosen so that the
    result has the standard deviation `stddev`.

    Args:
        stddev: The standard deviation, before the cut or, if `corrected`, after it.
        dtype: The dtype to draw when a call names none.
        lower: The lower cut, in units of s; may be infinite. (PyTorch's are absolute.)
        upper: The upper cut, in units of s; may be infinite.
        mean: What is added to every weight.
        corrected: Whether `stddev` is the standard deviation of the result.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless `lower < upper`, or for a negative `stddev`.

    Warns:
        UserWarning: When both cuts lie within ±0.5, as absolute bounds would, and the
            result is not `corrected`.

    Example:
        >>> import jinit
        >>> jinit.truncated_normal(1.0).std((5,))
        0.8796257
        >>> jinit.truncated_normal(1.0, corrected=True).std((5,))
        1.0
    """
    if corrected:
        stddev = stddev / marginal.truncated_std(lower, upper)
    draw = sampling.truncated_normal(key, shape, dtype, lower, upper)
    return _shifted(draw * scalar(stddev, dtype), mean)


def _shifted(draw: jax.Array, mean: float) -> jax.Array:
    """`draw + mean`; without a mean, the draw to the bit."""
    if isinstance(mean, float | int) and mean == 0:
        return draw
    return draw + scalar(mean, draw.dtype)
