"""Units whose incoming weights sum to zero."""

import math

import jax

from .._core import Base, Initializer, law, resolve_axes
from ..marginal import Marginal, normal
from ..settings import Axes, Inexact
from .base import fans_of_base, one_weight
from .laws import averaged_out, is_normal
from .sums import apart, summed


WHERE = "jinit.centered"


def _incoming(shape: tuple[int, ...], out_axis, batch_axis) -> tuple[int, ...]:
    """The axes that a unit sums over."""
    of = resolve_axes(shape, (), out_axis, batch_axis, WHERE)
    axes = tuple(
        axis
        for axis in range(len(shape))
        if axis not in of.out_axis and axis not in of.batch_axis
    )
    if math.prod(shape[axis] for axis in axes) == 1:
        raise ValueError(
            f"`{WHERE}` needs units with two or more incoming weights. Got {shape} "
            f"with out_axis={out_axis} and batch_axis={batch_axis}. For a bias, use "
            "`jinit.zeros`."
        )
    return axes


def _marginal(shape, base: Initializer, out_axis, batch_axis) -> Marginal:
    axes = _incoming(shape, out_axis, batch_axis)
    n = math.prod(shape[axis] for axis in axes)
    of = one_weight(WHERE, base, shape)
    return normal(0.0, of.std) if is_normal(of) else averaged_out(of, n)


@law(marginal=_marginal, fans=fans_of_base)
def centered(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    base: Base,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
) -> jax.Array:
    """Weights that sum to 0 in every unit, with the variance of another initializer.

        w = √(n / (n − 1)) (w₀ − mean of a unit's n incoming w₀),    w₀ ~ base

    A unit then does not see what its inputs have in common, such as the positive mean
    that ReLU leaves in all of them: the layer's outputs have mean 0 over any input.
    Taking the mean away takes 1/n of the variance of independent weights, and the
    factor gives it back. A normal law stays normal. Of another law, mean, deviation and
    kurtosis are stated exactly, and the distribution function as if the other weights
    of a unit added up to a normal number, which few of them do not.

    Args:
        base: The other initializer, or what `jinit.get` takes for one.
        out_axis: The axis or axes of units.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `base` takes in which a unit sums over two weights or
        more: all axes but those of units and kernels are summed over.

    Raises:
        ValueError: For a shape whose units have one incoming weight, as those of a
            bias.

    Example:
        >>> import jax, jinit
        >>> init = jinit.centered(jinit.lecun_normal)
        >>> w = init(jax.random.key(0), (64, 32))
        >>> bool(abs(w.sum(0)).max() < 1e-5)
        True
        >>> init.std(w.shape)
        0.125

    References:
        Huang, Liu, Liu, Lang, Tao. Centered weight normalization in accelerating
        training of deep neural networks. ICCV 2017.
    """
    axes = _incoming(shape, out_axis, batch_axis)
    n = math.prod(shape[axis] for axis in axes)
    w = apart(base(key, shape, dtype))
    mean = summed(w, axes) / n
    return math.sqrt(n / (n - 1)) * apart(w - apart(mean))
