"""MetaInit: weights where the gradient changes little over a step."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import (
    alike,
    Count,
    NonNegative,
    Positive,
    public,
    require_arrays,
    shared,
    shown,
    Tree,
)
from .learn import learn, Rescaled, Scalable, scalable, SMALLEST
from .task import learnable, Loss


@public("jinit.data")
def gradient_quotient(
    loss: Loss, params: Tree, batch: Any, *, eps: Positive = 1e-5
) -> jax.Array:
    """How much the gradient changes along itself: 0 where the loss is linear.

        GQ = (1/N) ‖ (g − H g) / (g + ε sgn g) − 1 ‖₁

    with the gradient g and the Hessian H of the loss, taken entry by entry over all N
    parameters; sgn 0 = 1.

    Args:
        loss: A function of `(params, batch)` with one number as its value.
        params: The weights, a tree of floating-point arrays.
        batch: A batch of data.
        eps: ε.

    Returns:
        GQ, a scalar.

    Example:
        >>> import jax.numpy as jnp
        >>> from jinit.data import gradient_quotient
        >>> curvatures = jnp.array([0.5, 1.0, 2.0])
        >>> loss = lambda w, _: jnp.sum(curvatures * w**2) / 2
        >>> float(gradient_quotient(loss, jnp.ones(3), None))  # their mean
        1.16666

    References:
        Dauphin, Schoenholz. MetaInit: initializing learning by learning to initialize.
        NeurIPS 2019. Equation 1.
        https://proceedings.neurips.cc/paper/2019/hash/876e8108f87eb61877c6263228b67256-Abstract.html
    """
    where = "jinit.data.gradient_quotient"
    require_arrays(((), params), where)
    odd = [leaf for leaf in jax.tree.leaves(params) if not _has_slope(leaf)]
    if odd:
        raise TypeError(f"`{where}` needs floating `params`. Got {shown(odd[0])}.")
    gradient = jax.grad(lambda params: loss(params, batch))
    g = gradient(params)
    _, Hg = jax.jvp(gradient, (params,), (g,))
    far = lambda g, Hg: jnp.abs((g - Hg) / (g + eps * jnp.where(g < 0, -1, 1)) - 1)
    return jnp.concatenate(
        [each.ravel() for each in jax.tree.leaves(jax.tree.map(far, g, Hg))]
    ).mean()


@public(concrete=True)
def metainit(
    model: Any,
    params: Any = None,
    batches: Any = None,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
    steps: Count = 500,
    learning_rate: Positive = 0.1,
    momentum: NonNegative = 0.9,
    eps: Positive = 1e-5,
) -> Rescaled:
    """Weights whose norms make the gradient quotient small.

    A start is good when the gradient still points the right way after a step. Of every
    kernel the norm alone is learned, by the sign of the gradient quotient's derivative
    with momentum; its direction, and biases, stay:

        v ← momentum · v − learning_rate · sgn ∂GQ/∂‖W‖,   ‖W‖ ← ‖W‖ + v

    and no norm falls below a hundredth of what it was.

    It needs no labels: random inputs and targets do. For networks with no known scheme;
    where there is one, `jinit.initialize` costs nothing.

    Args:
        model: A model of any framework, whose state, such as statistics and random
            streams, is carried along; or a function of `(params, inputs)`.
        params: The weights, a tree of floating-point arrays; left out where the model
            holds them. Arrays of two and more axes are scaled.
        batches: `(inputs, targets)` for a loss, used in every step; or a list or any
            other iterable of such. When an iterator ends, so does learning.
        loss: A function of `(outputs, targets)` with one number as its value. Without
            it the model's output is that number: a loss of `(params, batch)` is such a
            model.
        key: The key of dropout; `jax.random.key(0)` if None.
        steps: How many steps.
        learning_rate: The step, in units of a norm.
        momentum: What is kept of the step before.
        eps: ε of the gradient quotient.

    Returns:
        `(params, record)`: the weights, or the module that holds them, and norms and
        gradient quotient by step. After a Ctrl-C, with a warning, what the last step
        left; before the first is done, it is raised. A kernel without a gradient is
        named in a warning.

    Raises:
        TypeError: When `params` or a batch hold something other than arrays.
        ValueError: When there is no matrix that is not 0, a setting is out of range, or
            a batch or the gradient quotient is not finite.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp, jinit
        >>> model = nn.Sequential([nn.Dense(32), nn.relu, nn.Dense(32), nn.relu])
        >>> x = jax.random.normal(jax.random.key(0), (64, 16))
        >>> params = jax.tree.map(lambda w: 3 * w, model.init(jax.random.key(1), x))
        >>> loss = lambda outputs, targets: ((outputs - targets) ** 2).sum(1).mean()
        >>> batch = x, jnp.zeros((64, 32))
        >>> params, record = jinit.metainit(model, params, batch, loss=loss, steps=50)
        >>> record.history[-1] < record.history[0] / 2
        True

    References:
        Dauphin, Schoenholz. MetaInit: initializing learning by learning to initialize.
        NeurIPS 2019. Algorithm 1.
        https://proceedings.neurips.cc/paper/2019/hash/876e8108f87eb61877c6263228b67256-Abstract.html
    """
    where = "jinit.metainit"
    task = learnable(where, loss, key, model, params, batches)
    own = scalable(task, lambda leaf: leaf.ndim > 1)

    def step(own: Scalable, scales: Any, velocity: Any, batch: Any) -> Any:
        loss = lambda weights, batch: task.loss(weights, own.state, batch)
        quotient = lambda s: gradient_quotient(loss, own.times(s), batch, eps=eps)
        value, slopes = jax.value_and_grad(quotient)(scales)
        norms = [alike(norm, s)[0] for norm, s in zip(own.norms, scales, strict=True)]
        rates = [learning_rate / norm for norm in norms]  # of a scale, not a norm
        velocity = [
            momentum * v - rate * jnp.sign(slope)
            for v, rate, slope in zip(velocity, rates, slopes, strict=True)
        ]
        moved = [
            jnp.maximum(s + v, SMALLEST) for s, v in zip(scales, velocity, strict=True)
        ]
        return moved, velocity, value

    start = shared(lambda: [jnp.zeros(()) for _ in own.places])()
    return learn(task, "gradient quotient", own, step, start, task.data, steps)


def _has_slope(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.inexact)
