"""What one batch shows at every layer, in one compiled computation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core.sampling import normal
from ..graph.elementwise import Activation
from ..graph.taps import Layer, Model


BINS = 100
REACH = 6.0  # standard deviations that a histogram covers
FLAT = 0.05  # of the largest slope in the batch: below it an activation is saturated

Tree = dict[str, Any]


def measure(
    model: Model, loss: Callable[[Any], jax.Array] | None, params: Any, batch: Any, key
) -> Tree:
    """Every statistic of a probe, as a tree of arrays.

    `loss` maps the outputs to a scalar; without one, each output is weighted by an
    independent standard normal number, drawn from `key`.
    """
    scalar = lambda outputs: _scalar(loss, outputs, key)
    values, gradients = model.tap(params, batch, scalar)
    layers = [_layer(each, values, gradients[each.output]) for each in model.layers]
    outputs = [values[i] for i in model.graph.outputs]
    return {
        "params": _finite(params),
        "batch": _finite(batch),
        "layers": layers,
        "outputs": _finite(outputs),
    }


def _layer(layer: Layer, values: dict[int, Any], gradient: jax.Array) -> Tree:
    z, kernel = _real(values[layer.output]), _real(values[layer.kernel.value])
    bias = 0.0 if layer.bias is None else _real(values[layer.bias])
    gradient = _real(gradient)
    seen = layer.activation
    return {
        "signal": _moments(_real(values[layer.signal])),
        "kernel_rms": _rms(kernel),
        "bias_rms": _rms(jnp.asarray(bias)),
        "z": _moments(z),
        "gradient": _moments(gradient),
        "equal_units": _equal(kernel, layer.kernel.out_axes) & _equal(gradient, (-1,)),
        "activation": _activation(seen, values) if seen and seen.ops else None,
        "activation_histogram": _histogram(_real(values[seen.result]) if seen else z),
        "gradient_histogram": _histogram(gradient),
        "finite": jnp.isfinite(z).all(),
        "gradient_finite": jnp.isfinite(gradient).all(),
    }


def _activation(activation: Activation, values: dict[int, Any]) -> Tree:
    z = values[activation.source]
    slope = _real(jnp.abs(jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]))
    silent = (slope == 0).all(axis=tuple(range(slope.ndim - 1)))
    return {
        "moments": _moments(_real(values[activation.result])),
        "saturated": jnp.mean(slope <= FLAT * slope.max()),
        "dead": jnp.mean(silent),
    }


def _scalar(
    loss: Callable[[Any], jax.Array] | None, outputs: Any, key: jax.Array
) -> jax.Array:
    value = jnp.asarray(loss(outputs) if loss else _project(_floating(outputs), key))
    if value.shape != ():
        raise ValueError(
            "`jinit.probe` needs `loss` to return a scalar. Got an array of shape "
            f"{value.shape}. Take its mean or its sum."
        )
    return value


def _project(outputs: list[jax.Array], key: jax.Array) -> jax.Array:
    if not outputs:
        raise ValueError(
            "`jinit.probe` needs an output of a floating dtype. Got none. Return the "
            "logits, not the class."
        )
    every = jnp.concatenate([_real(y).ravel() for y in outputs])
    return jnp.vdot(normal(key, every.shape, every.dtype), every)


def _moments(x: jax.Array) -> Tree:
    mean = jnp.mean(x)
    return {"mean": mean, "std": _rms(x - mean), "rms": _rms(x)}


def _rms(x: jax.Array) -> jax.Array:
    # Of x / max|x|: a square must neither overflow nor vanish before the signal does.
    largest = jnp.max(jnp.abs(x))
    scale = jnp.where(largest > 0, largest, 1.0)
    return scale * jnp.sqrt(jnp.mean(jnp.square(x / scale)))


def _histogram(x: jax.Array) -> Tree:
    # To the extremes, or as far as most of a heavy tail: rarer entries join the ends.
    mean, reach = jnp.mean(x), REACH * _rms(x - jnp.mean(x))
    low = jnp.maximum(jnp.min(x), mean - reach)
    high = jnp.minimum(jnp.max(x), mean + reach)
    width = jnp.where(high > low, high - low, 1.0)
    bins = jnp.clip((x - low) / width * BINS, 0, BINS - 1).astype(jnp.int32)
    counts = jnp.zeros(BINS, jnp.int32).at[bins.ravel()].add(1)
    return {"counts": counts, "low": low, "high": high}


def _equal(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    # Sums of equal terms may differ in rounding; one unit alone says nothing.
    if all(x.shape[axis] == 1 for axis in axes):
        return jnp.asarray(False)
    spread = jnp.max(jnp.max(x, axis=axes) - jnp.min(x, axis=axes))
    return spread <= 1e-5 * jnp.max(jnp.abs(x))


def _finite(tree: Any) -> list[jax.Array]:
    return [jnp.isfinite(x).all() for x in _floating(tree)]


def _floating(tree: Any) -> list[jax.Array]:
    leaves = map(jnp.asarray, jax.tree.leaves(tree))
    return [x for x in leaves if jnp.issubdtype(x.dtype, jnp.floating)]


def _real(x: jax.Array) -> jax.Array:
    return jnp.asarray(x).astype(jnp.promote_types(jnp.asarray(x).dtype, jnp.float32))
