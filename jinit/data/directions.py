"""Kernels that are told from what they read: principal axes, or centers of clusters."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .._graph import Graph
from .._reading import Layer
from .units import Handle, placed, unit_axes


Choose = Callable[[jax.Array, int, jax.Array], jax.Array]
FLOOR = 1e-5  # of a variance, as a share of the largest
ROUNDS = 10  # of k-means


def can_choose(graph: Graph, handle: Handle) -> bool:
    """Whether a parameter is a kernel all of whose units read the same inputs."""
    layer, leaf = handle.layers[0], graph.inputs[handle.leaf]
    axes, kernel = layer.axes, layer.kernel
    if not handle.alone or axes is None or axes.leaf != leaf:
        return False
    read = (*kernel.window_axes, *kernel.in_axes, *kernel.out_axes)
    grouped = max(kernel.groups, layer.op.params.get("batch_group_count", 1)) > 1
    own = [*handle.loops, *(k for i in read for k in axes.axes[i])]
    every = list(range(len(graph.types[leaf].shape)))
    return not grouped and len(read) == len(axes.axes) and sorted(own) == every


def samples(graph: Graph, layer: Layer, signal: jax.Array) -> jax.Array:
    """All inputs of one unit of the layer, wherever it looks: `(samples, fan_in)`.

    They are what the layer makes of the signal when its kernel is the identity.
    """
    op, kernel = layer.op, layer.kernel
    shape = graph.types[kernel.value].shape
    inner = (*kernel.window_axes, *kernel.in_axes)
    n, first = math.prod(shape[k] for k in inner), kernel.out_axes[0]
    sizes = [n if k == first else size for k, size in enumerate(shape)]
    eye = placed(jnp.eye(n, dtype=signal.dtype), (*inner, first), sizes)
    operands = [eye if i == kernel.value else signal for i in op.inputs]
    (read,) = op.bind(*operands)
    place = unit_axes(graph, layer)[0]
    return jnp.moveaxis(read, place, -1).reshape(-1, n).astype(jnp.float32)


def principal(x: jax.Array, units: int, key: jax.Array) -> jax.Array:
    """Whitened principal axes, `(fan_in, units)`; beyond those, random mixtures."""
    axes = _whitening(x)
    mixtures = axes @ jax.random.normal(key, (len(axes), units), x.dtype)
    whole = jnp.pad(axes, ((0, 0), (0, units)))[:, :units]
    return jnp.where(whole.any(0), whole, mixtures)


def clusters(x: jax.Array, units: int, key: jax.Array) -> jax.Array:
    """Centers of spherical k-means on whitened inputs, `(fan_in, units)`."""
    whitening = _whitening(x)
    y = (x - x.mean(0, keepdims=True)) @ whitening
    y /= jnp.linalg.norm(y, axis=1, keepdims=True) + 1e-12
    start = jax.random.choice(key, y, (units,), replace=len(y) < units)

    def step(centers: jax.Array, _: Any) -> tuple[jax.Array, None]:
        own = jax.nn.one_hot((y @ centers.T).argmax(1), units, dtype=y.dtype)
        sums = own.T @ y
        size = jnp.linalg.norm(sums, axis=1, keepdims=True)
        return jnp.where(size > 0, sums / size, centers), None

    centers, _ = jax.lax.scan(step, start, length=ROUNDS)
    return whitening @ centers.T


def as_kernel(kernel: jax.Array, layer: Layer, kind: Any) -> jax.Array:
    """A kernel `(fan_in, units)` as the layer's operation reads it."""
    read = layer.kernel
    axes = (*read.window_axes, *read.in_axes, *read.out_axes)
    return placed(kernel, axes, kind.shape).astype(kind.dtype)


def as_parameter(kernel: jax.Array, handle: Handle, shape: Sequence[int]) -> jax.Array:
    """Kernels `(*loops, fan_in, units)` in the layout of the parameter."""
    axes, read = handle.layers[0].axes, handle.layers[0].kernel
    assert axes is not None
    order = (*read.window_axes, *read.in_axes, *read.out_axes)
    axes = [*handle.loops, *(k for i in order for k in axes.axes[i])]
    return placed(kernel, axes, shape)


def _whitening(x: jax.Array) -> jax.Array:
    """Principal axes over their standard deviations, largest first; 0 for none."""
    x = x - x.mean(0, keepdims=True)
    variances, U = jnp.linalg.eigh(x.T @ x / len(x))
    varies = variances > FLOOR * variances[-1]
    stds = jnp.sqrt(jnp.where(varies, variances, 1))
    return jnp.where(varies, U / stds[None], 0)[:, ::-1]
