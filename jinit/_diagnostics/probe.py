"""How signals and gradients travel through a model at its present weights."""

import contextlib
from typing import Any

import jax

from .._core import first_of, in_mesh, public, working
from .._frameworks import as_key, given, Subject, with_batch
from .._model import Plan
from .._reading import unmeasured
from .finite import require_finite
from .foretold import with_plan
from .layers import layer_probes, of_each
from .program import Loss, read_program
from .results import Probe
from .scale import warn_of_scale


@public(concrete=True)
def probe(
    model: Any,
    params: Any = None,
    batch: Any = None,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
    plan: Plan | None = None,
) -> Probe:
    """Measures how one batch travels through a model, forward and backward.

    At every layer, that is, every product of a kernel with a signal: the size of the
    pre-activation z, of the activation φ(z) that follows and of the gradient at z;
    how much of φ is saturated or dead; and the growth from layer to layer beside what
    mean-field theory predicts,

        E z² → σw² E φ(√q ξ)² + σb²,     E g² → σw² E φ′(√q ξ)² E g²,     q = E z²

    It reads the model's computation, so it takes models of any framework and needs no
    hooks. A layer in a `scan` over stacked kernels
    gives one record for each; layers inside `while`, `cond` and `shard_map` are not
    seen, and the verdict names them. `.require_healthy()` raises with the verdict, for
    a job that checks a model or the first line of a training script.

    Args:
        model: A model of any framework, in training unless it says otherwise, such as
            `functools.partial(module, train=False)`; or a function of `(params, batch)`
            that returns the outputs.
        params: The weights, a tree of arrays; left out where the model holds them.
        batch: The input, an array or a tuple or dict of arrays; ideally of mean 0 and
            variance 1, as the schemes assume. Of a list or any other iterable of such,
            the first is taken.
        loss: A function from the outputs to a scalar, whose gradient is measured.
            Without it, the outputs are weighted by independent standard normal numbers,
            which sends back a gradient of unit variance.
        key: The key of these numbers and of dropout; `jax.random.key(0)` if None.
        plan: What `jinit.explain` says of the model: its predictions stand beside what
            is measured, and the first layer where they part is named.

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
    where = "jinit.probe"
    has = given(where, model, params, batch)
    if key is None and has.key is not None:
        raise TypeError(
            f"`{where}` needs params or a batch behind the model. Got a key. Give it "
            "by name: `key=key`."
        )
    first, key = first_of(where, has.batch), as_key(where, key)
    result = examine(with_batch(where, model, has.params, key, first), key, loss, plan)
    warn_of_scale(first)
    return result


def examine(
    subject: Subject,
    key: jax.Array,
    loss: Loss | None = None,
    plan: Plan | None = None,
) -> Probe:
    """`probe` of a model with its inputs, without the warning about their scale."""
    weights, others = subject.weights, (subject.state, subject.inputs)
    with working("probing"), _mesh_of((weights, others)):
        program = read_program(subject, loss)
        seen = jax.device_get(program.measure(weights, others, key))
    layers = of_each(program.model, seen["layers"])
    require_finite(program, seen | {"layers": layers}, weights, others)
    input_std = float(layers[0]["signal"]["std"])
    unseen = unmeasured(program.model.graph, program.model.layers)
    records = tuple(layer_probes(program, layers))
    records = records if plan is None else with_plan(records, plan)
    return Probe(records, input_std, unseen)


def _mesh_of(tree: Any) -> contextlib.AbstractContextManager:
    shardings = (getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(tree))
    meshes = (each for each in shardings if getattr(each, "mesh", None) is not None)
    return in_mesh(next(meshes, None))
