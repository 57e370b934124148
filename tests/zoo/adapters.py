"""Modules of any framework as `(apply, params, input)`: shapes alone, or drawn."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from flax import linen as nn, nnx

from .entry import image


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
    """A linen module in training, with its own weights and an input of unit normals."""
    x = jax.random.normal(jax.random.key(1), shape)
    variables = jax.jit(module.init)(jax.random.key(0), x)
    return jax.jit(lambda v, x: module.apply(v, x, mutable=True)[0]), variables, x
