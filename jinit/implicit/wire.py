"""Kernels of layers whose activation is a complex wavelet."""

from typing import Any

import jax

from .._core import Fans, law, sampling, scalar
from .._schemes import fan_of, fans_from
from ..settings import Axes, Inexact


_NAME = "jinit.implicit.wire"


def _fans(shape, in_axis, out_axis, batch_axis) -> Fans:
    return fans_from(_NAME, shape, in_axis, out_axis, batch_axis, 1, None)


@law(fans=_fans)
def wire(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Inexact = None,
) -> jax.Array:
    """Uniform real and imaginary parts, for layers exp(i w0 z − |s0 z|²), z = x W + b.

        W = u + i v,   u, v ~ U[−c, c),   c = 1 / √fan_in

    WIRE leaves its layers as PyTorch makes them, and PyTorch draws both parts of a
    complex weight from the whole interval: E|w|² = 2c² / 3, twice that of a real
    weight and of complex `jinit.fan_in_uniform`. The first layer is real and has u
    alone. Biases are drawn alike with the fan of their kernel.

    The authors' layers take w0 = 10 and s0 = 40, their networks 30 and 10, and the copy
    in FINER 20 and 10: say which. A hidden width is divided by √2, as a complex unit
    counts twice.

    Args:
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, signals.
        dtype: The dtype to draw when a call names none: complex, or real in the first
            layer.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit import implicit
        >>> w = implicit.wire(jax.random.key(0), (100, 1000), jnp.complex64)
        >>> bool(abs(w.real).max() <= 0.1), bool(abs(w).max() > 0.1)  # a square
        (True, True)

    References:
        Saragadam, LeJeune, Tan, Balakrishnan, Veeraraghavan, Baraniuk. WIRE: wavelet
        implicit neural representations. CVPR 2023. https://arxiv.org/abs/2301.05187
    """
    fan = fan_of(_NAME, shape, "fan_in", in_axis, out_axis, batch_axis, 1, None)
    bound = scalar(fan**-0.5, sampling.real(dtype))

    def part(key: jax.Array) -> Any:
        return bound * sampling.symmetric_uniform(key, shape, bound.dtype)

    if sampling.is_complex(dtype):
        return jax.lax.complex(*map(part, jax.random.split(key)))
    return part(key)
