"""How signals and gradients travel through a model at its present weights."""

import contextlib
from typing import Any

import jax

from .._core.draw import in_mesh
from .._core.progress import working
from .._reading import unmeasured
from .finite import require_finite
from .layers import layer_probes, of_each
from .program import Apply, Loss, read_program
from .results import Probe
from .scale import warn_of_scale


def probe(
    apply: Apply,
    params: Any,
    batch: Any,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
) -> Probe:
    """Measures how one batch travels through a model, forward and backward.

    At every layer, that is, every product of a kernel with a signal: the size of the
    pre-activation z, of the activation φ(z) that follows and of the gradient at z;
    how much of φ is saturated or dead; and the growth from layer to layer beside what
    mean-field theory predicts,

        E z² → σw² E φ(√q ξ)² + σb²,     E g² → σw² E φ′(√q ξ)² E g²,     q = E z²

    It reads the model's computation, so it takes any function and needs no hooks:
    linen, NNX, Equinox and plain JAX alike. A layer in a `scan` over stacked kernels
    gives one record for each; layers inside `while`, `cond` and `shard_map` are not
    seen, and the verdict names them.

    Args:
        apply: A function of `(params, batch)` that returns the outputs.
        params: The weights, a tree of arrays.
        batch: The input, an array or a tree of arrays; ideally of mean 0 and variance
            1, as the schemes assume.
        loss: A function from the outputs to a scalar, whose gradient is measured.
            Without it, the outputs are weighted by independent standard normal numbers,
            which sends back a gradient of unit variance.
        key: The key of these numbers; `jax.random.key(0)` if None.

    Returns:
        A `Probe`: print it, `.plot()` it, or read its `.layers` and `.verdict`.

    Raises:
        TypeError: When `params` holds something other than arrays, or a layer is
            complex.
        ValueError: When no layer is found, the loss is not a scalar, the batch is empty
            or a value is not finite; the message names the first such layer.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> def apply(params, x):
        ...     for w in params:
        ...         x = jnp.tanh(x @ w)
        ...     return x
        >>> x = jax.random.normal(jax.random.key(0), (256, 64))
        >>> probe = jinit.probe(apply, [jnp.zeros((64, 64))] * 3, x)
        >>> probe.condition
        'symmetric'

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, figures 6 and 7.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    result = examine(apply, params, batch, loss=loss, key=key)
    warn_of_scale(batch)
    return result


def examine(
    apply: Apply,
    params: Any,
    batch: Any,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
) -> Probe:
    """`probe` without the warning about the scale of the input."""
    key = jax.random.key(0) if key is None else key
    with working("probing"), _mesh_of((params, batch)):
        program = read_program(apply, loss, params, batch)
        seen = jax.device_get(program.measure(params, batch, key))
    layers = of_each(program.model, seen["layers"])
    require_finite(program, seen | {"layers": layers}, params, batch)
    input_std = float(layers[0]["signal"]["std"])
    unseen = unmeasured(program.model.graph, program.model.layers)
    return Probe(tuple(layer_probes(program, layers)), input_std, unseen)


def _mesh_of(tree: Any) -> contextlib.AbstractContextManager:
    shardings = (getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(tree))
    meshes = (each for each in shardings if getattr(each, "mesh", None) is not None)
    return in_mesh(next(meshes, None))
