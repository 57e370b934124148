"""Activation normalization: a scale and a bias for each channel, from a first batch."""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from .._core import numbers, public, shown, widened
from ..settings import Axis, Positive


class ActNorm(NamedTuple):
    """The parameters of an activation normalization, `y = (x + bias) exp(f log_scale)`.

    Attributes:
        bias: What is added to each channel.
        log_scale: The logarithm of what each is multiplied by, over the factor f.
    """

    bias: jax.Array
    log_scale: jax.Array


def _channels(batch: Any, axis: int) -> jax.Array:
    """The batch as `(values, channels)`, in at least float32."""
    x = widened(batch)
    if not -x.ndim <= axis < x.ndim or not x.size or jnp.iscomplexobj(x):
        raise ValueError(
            "`jinit.flow.actnorm` needs a batch of real numbers with an axis of "
            f"channels. Got {shown(batch)} and axis {axis}."
        )
    if not isinstance(x, Tracer) and not jnp.isfinite(x).all():
        raise ValueError(
            f"`jinit.flow.actnorm` needs a finite batch. Got {shown(batch)} with "
            f"{int((~jnp.isfinite(x)).sum())} values that are not."
        )
    return jnp.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])


@public("jinit.flow")
def actnorm(
    batch: Annotated[Any, numbers],
    *,
    axis: Axis = -1,
    scale: Positive = 1.0,
    factor: Positive = 3.0,
    eps: Positive = 1e-6,
) -> ActNorm:
    """Scale and bias of each channel, under which a batch has mean 0 and a set scale.

        y = (x + b) exp(f s),   b = −mean,   s = log(scale / (std + eps)) / f

    In place of batch normalization, which flows can not invert: the first batch sets
    b and s, and from then on they are parameters like any other. That batch is what the
    layer gets to see with all before it started likewise.

    Args:
        batch: What goes into the layer, of any shape.
        axis: The axis of channels.
        scale: The standard deviation of each channel afterward.
        factor: f, which makes s learn that many times as fast; Glow has 3.
        eps: What keeps the scale of a channel that does not vary finite.

    Returns:
        An `ActNorm`, a tuple of `bias` and `log_scale`, both of shape `(channels,)`.

    Raises:
        ValueError: For a batch that is empty, not finite, or has no such axis.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> x = 5 + 3 * jax.random.normal(jax.random.key(0), (64, 8, 8, 4))
        >>> bias, log_scale = jinit.flow.actnorm(x)
        >>> y = (x + bias) * jnp.exp(3 * log_scale)
        >>> bool(jnp.allclose(y.std((0, 1, 2)), 1, atol=1e-4))
        True

    References:
        Kingma, Dhariwal. Glow: generative flow with invertible 1×1 convolutions.
        NeurIPS 2018, section 3.1. https://arxiv.org/abs/1807.03039
    """
    x = _channels(batch, axis)
    mean = x.mean(0)
    x, tiny = x - mean, jnp.finfo(x.dtype).tiny
    most = jnp.abs(x).max(0) + tiny  # whose square may be more than a float holds
    std = most * jnp.sqrt(((x / most) ** 2).mean(0))
    std = std + jnp.maximum(eps, tiny)
    log_scale = (jnp.log(scale) - jnp.log(std)) / factor
    dtype = batch.dtype if jnp.issubdtype(batch.dtype, jnp.floating) else x.dtype
    return ActNorm(-mean.astype(dtype), log_scale.astype(dtype))
