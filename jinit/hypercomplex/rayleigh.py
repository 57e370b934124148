"""Complex weights: a Rayleigh modulus and a uniform phase."""

import math

import jax

from .. import marginal
from .._core import Fans, law, sampling
from ..marginal import Marginal
from ..settings import Axes, Count, Inexact
from .fans import Criterion, fans, variance


def _fans(shape, criterion, **axes) -> Fans:
    return fans("jinit.hypercomplex.rayleigh", shape, **axes)


def _marginal(shape, criterion, **axes) -> Marginal:
    return marginal.normal(
        0.0, variance(criterion, _fans(shape, criterion, **axes)) ** 0.5
    )


@law(marginal=_marginal, fans=_fans)
def rayleigh(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    criterion: Criterion = "glorot",
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
    *,
    groups: Count = 1,
) -> jax.Array:
    """Complex weights whose modulus is Rayleigh and whose phase is uniform.

        w = r exp(iφ),   r ~ Rayleigh(σ),   φ ~ U(−π, π),   E|w|² = 2σ²

        σ = 1 / √(fan_in + fan_out)  (glorot),   1 / √fan_in  (he)

    For complex layers, the dtype complex64. Such a w is a complex normal number: its
    parts are independent, N(0, σ²) each, which is how it is drawn; where a model keeps
    the parts as two real arrays, draw each with `jinit.normal(σ)`. Asked for a real
    dtype, as everywhere here, the weight has the same E w², all of it in one part.

    The authors' program takes 1 / (fan_in + fan_out) for σ, without the root that
    their derivation has: its layers lose nearly all of the signal.

    Args:
        criterion: "glorot" keeps the signal and the gradient where an activation is
            linear at 0; "he" makes up for one that takes half.
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts.
        dtype: The dtype to draw when a call names none.
        groups: Feature groups of a convolution.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Raises:
        ValueError: For an unknown criterion, or axes that are not in the shape.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.hypercomplex.rayleigh(
        ...     jax.random.key(0), (300, 100), jnp.complex64
        ... )
        >>> round(float((jnp.abs(w) ** 2).mean() * 200), 2)
        1.0

    References:
        Trabelsi et al. Deep complex networks. ICLR 2018, section 3.6.
        https://arxiv.org/abs/1705.09792
    """
    of = _fans(shape, criterion, in_axis=in_axis, out_axis=out_axis,
               batch_axis=batch_axis, groups=groups)  # fmt: skip
    return sampling.normal(key, shape, dtype, math.sqrt(variance(criterion, of)))
