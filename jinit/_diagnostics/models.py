"""The models of a report: a plain MLP, and any model with new kernels."""

import functools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._activations import activation_function
from .._core import Initializer
from .._frameworks import Flat, holds_weights, Subject, with_batch
from .._model import plan_model
from .._reading import Layer, Model


def made(where: str, model: Any, batch: jax.Array, key: jax.Array) -> Subject:
    """Any model with weights: its own where it has them, else those jinit gives it."""
    own = None
    if not holds_weights(model):
        subject, plan = plan_model(where, model, key, (batch,), None, {})
        own = subject.finish(plan.draw(key, subject.weights), None)
        model, own = (own, None) if holds_weights(own) else (model, own)
    subject = with_batch(where, model, own, key, batch)
    arguments = subject.weights, subject.state, *subject.inputs
    jax.eval_shape(Flat(subject.apply), *arguments)
    return subject


def mlp(
    activation: str,
    depth: int,
    width: int,
    batch_norm: bool,
    batch: jax.Array,
    key: jax.Array,
    outputs: int = 10,
) -> Subject:
    """A Flax linen MLP: `depth` hidden layers of `width` units and a linear readout."""
    from flax import linen as nn

    phi = activation_function(activation)

    # Every scheme draws the kernels anew, so their first values do not matter.
    kernel = functools.partial(nn.Dense, kernel_init=nn.initializers.zeros)

    class MLP(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            dense = functools.partial(kernel, param_dtype=x.dtype)
            for i in range(depth):
                x = dense(width, name=f"layer_{i + 1}")(x)
                if batch_norm:
                    x = nn.BatchNorm(use_running_average=False, param_dtype=x.dtype)(x)
                x = phi(x)
            return dense(outputs, name="readout")(x)

    model = MLP()
    params = jax.jit(model.init)(key, batch)
    return with_batch("jinit.report", model, params, key, batch)


def redraw(model: Model, params: Any, initializer: Initializer, key: jax.Array) -> Any:
    """`params` with every kernel drawn anew; biases, tables and scales stay.

    A kernel is drawn in the shape that its layer sees, `(in, out)` or
    `(*window, in, out)`, and put back in its own layout, so that fans are right for
    attention heads and for any framework.
    """
    leaves, structure = jax.tree.flatten(params)
    for i, order, shape in _kernels(model):
        leaf = leaves[i]
        drawn = initializer(jax.random.fold_in(key, i), shape, leaf.dtype)
        drawn = drawn.reshape([leaf.shape[axis] for axis in order])
        leaves[i] = jnp.transpose(drawn, np.argsort(order).tolist())
    return jax.tree.unflatten(structure, leaves)


def _kernels(model: Model) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Each kernel leaf once: its number, its axes in drawing order, the drawn shape."""
    seen = set()
    for layer in model.layers:
        i = model.paths.index(layer.path)
        if i not in seen:
            seen.add(i)
            yield i, *_order(model, layer, i)


def _order(
    model: Model, layer: Layer, i: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = model.graph.types[model.graph.inputs[i]].shape
    kernel, found = layer.kernel, layer.axes
    axes = (*kernel.window_axes, *kernel.in_axes, *kernel.out_axes)
    order = tuple(k for axis in axes for k in found.axes[axis]) if found else ()
    if sorted(order) != list(range(len(shape))):
        return tuple(range(len(shape))), shape
    sizes = tuple(shape[axis] for axis in order)
    if kernel.window_axes:
        return order, sizes
    rows = sum(len(found.axes[axis]) for axis in kernel.in_axes) if found else 0
    return order, (math.prod(sizes[:rows]), math.prod(sizes[rows:]))
