"""Modules of any framework as `(apply, params, input)`: shapes alone, or drawn."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn, nnx

from .entry import image, normals


def shapes(module: nn.Module, x: Any) -> tuple[Any, Any, Any]:
    """A linen module in training, as shapes: nothing is allocated."""
    params = jax.eval_shape(module.init, jax.random.key(0), x)
    return lambda v, x: module.apply(v, x, mutable=True)[0], params, x


def linen_shapes(module: nn.Module, *shape: int) -> tuple[Any, Any, Any]:
    """A linen module in training that reads one input of reals, as shapes."""
    return shapes(module, image(*shape))


def nnx_shapes(make: Callable[[nnx.Rngs], Any], *shape: int) -> tuple[Any, Any, Any]:
    """An NNX module, as shapes."""
    graph, state = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
    return lambda state, x: nnx.merge(graph, state)(x), state, image(*shape)


def eqx_shapes(make: Callable[[Any, Any], Any], *shape: int) -> tuple[Any, Any, Any]:
    """An Equinox module, `make(eqx.nn, key)`, mapped over a batch, as shapes."""
    module = eqx.filter_eval_shape(lambda key: make(eqx.nn, key), jax.random.key(0))
    params, static = eqx.partition(module, lambda leaf: hasattr(leaf, "shape"))
    apply = lambda p, x: jax.vmap(eqx.combine(p, static))(x)
    return apply, params, image(*shape)


def drawn(module: nn.Module, *shape: int) -> tuple[Any, Any, Any]:
    """A linen module in training, started, and an input of unit normals."""
    x = normals(*shape, seed=1)
    apply = jax.jit(lambda v, x: module.apply(v, x, mutable=True)[0])
    return apply, started(module, x), x


def started(module: nn.Module, *inputs: Any) -> Any:
    """Variables as most modules start them, by NumPy: XLA has nothing to compile.

    Kernels are normal of variance 1/fan_in, scales and variances 1, all else 0.
    """
    rng = np.random.default_rng(0)

    def start(path: Any, leaf: Any) -> jax.Array:
        name = path[-1].key
        if name.endswith(("kernel", "embedding")):
            fan_in = math.prod(leaf.shape[:-1])
            value = rng.standard_normal(leaf.shape) / fan_in**0.5
        else:
            value = np.full(leaf.shape, name.endswith(("scale", "var")))
        return jnp.asarray(value, leaf.dtype)

    made = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    return jax.tree_util.tree_map_with_path(start, made)
