"""Quaternion weights: a random length, turned about a random axis."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from .._core import Fans, law, sampling, scalar
from ..marginal import Marginal
from ..settings import Axes, Axis, Count, Floating
from .fans import Criterion, fans, variance


_NAME = "jinit.hypercomplex.quaternion"


def _numbers(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape counted in quaternions: without the axis of their four parts."""
    if not -len(shape) <= axis < len(shape) or shape[axis] != 4:
        raise ValueError(
            f"`{_NAME}` needs an axis of the four parts, such as `(4, in, out)`. "
            f"Got axis {axis} of {shape}."
        )
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def _fans(shape, criterion, axis, **axes) -> Fans:
    return fans(_NAME, _numbers(shape, axis), **axes)


def _marginal(shape, criterion, axis, **axes) -> Marginal:
    """The real part has the density (x² + 1) φ(x) / 2, the others that times U(−1, 1).

    Moments of the four: E a² = 2σ², ⅔σ² three times; E a⁴ = 9σ⁴, 9/5 σ⁴ three times.
    """
    of = _fans(shape, criterion, axis, **axes)
    sigma = math.sqrt(variance(criterion, of) / 4)
    cdf = lambda x: _cdf(np.asarray(x) / sigma) if sigma else np.heaviside(x, 1.0)
    return Marginal(0.0, sigma, (-math.inf, math.inf), 3.6, cdf)


def _cdf(x: np.ndarray) -> np.ndarray:
    from scipy import special

    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    real = special.ndtr(x) - x * density / 2
    # ∫ₓ^∞ (t + 1/t) φ(t) / 2 dt, which is the density of the imaginary parts.
    tail = special.exp1(np.maximum(x**2 / 2, 1e-300)) / math.sqrt(2 * math.pi) / 4
    return real + 0.75 * x * (density / 2 + tail)


@law(marginal=_marginal, fans=_fans)
def quaternion(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    criterion: Criterion = "glorot",
    axis: Axis = 0,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
    *,
    groups: Count = 1,
) -> jax.Array:
    """Quaternions of a random length and angle about a uniformly random axis.

        w = r (cos θ + (u₁ i + u₂ j + u₃ k) sin θ)

        r ~ σ χ₄,   θ ~ U(−π, π),   u uniform on the sphere,   E|w|² = 4σ²

        σ = 1 / √(2 (fan_in + fan_out))  (glorot),   1 / √(2 fan_in)  (he)

    For quaternion layers, whose four real arrays are read as parts of one number. They
    stand along one axis, in the order 1, i, j, k, and the fans are counted in
    quaternions. The parts are not alike: that of 1 has three times the variance of each
    other, since the angle is uniform and not the point on the four-dimensional sphere.
    (For that, draw all four with `jinit.normal(σ)`.)

    Public programs take a uniform point of a cube for the axis, which prefers its
    corners; here no direction is preferred.

    Args:
        criterion: "glorot" keeps the signal and the gradient where an activation is
            linear at 0; "he" makes up for one that takes half.
        axis: The axis of the four parts.
        in_axis: Input axis or axes, counted without the axis of the parts.
        out_axis: Output axis or axes, likewise.
        batch_axis: Axes of independent kernels, likewise.
        dtype: The dtype to draw when a call names none.
        groups: Feature groups of a convolution.

    Returns:
        Weights of shape `(4, *spatial, in, out)`, or as the axes say.

    Raises:
        ValueError: For an unknown criterion, or an `axis` that has not four entries.

    Example:
        >>> import jax, jinit
        >>> w = jinit.hypercomplex.quaternion(jax.random.key(0), (4, 300, 100))
        >>> round(float((w**2).sum(0).mean() * 200), 1)
        1.0

    References:
        Gaudet, Maida. Deep quaternion networks. IJCNN 2018.
        https://arxiv.org/abs/1712.04604
        Parcollet et al. Quaternion recurrent neural networks. ICLR 2019.
        https://arxiv.org/abs/1806.04418
    """
    of = _fans(shape, criterion, axis, in_axis=in_axis, out_axis=out_axis,
               batch_axis=batch_axis, groups=groups)  # fmt: skip
    draws = sampling.uniform(key, (5, *_numbers(shape, axis)), dtype)
    first, second, theta, phi, height = draws
    # χ₄² / 2 is the sum of two exponential variables.
    r = jnp.sqrt(-2 * (jnp.log1p(-first) + jnp.log1p(-second)))
    theta, phi, height = 2 * np.pi * theta, 2 * np.pi * phi, 2 * height - 1
    # A slice of a sphere has as much area as height (Archimedes).
    across = jnp.sqrt(1 - height**2)
    u = height, across * jnp.cos(phi), across * jnp.sin(phi)
    parts = [r * jnp.cos(theta), *(r * jnp.sin(theta) * each for each in u)]
    sigma = math.sqrt(variance(criterion, of) / 4)
    return scalar(sigma, dtype) * jnp.stack(parts, axis)
