"""What a model reaches that has learned nothing: the best of constant outputs."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from .._frameworks import again, Flat, Subject
from .._training import Batch, Loss


def chance(
    subject: Subject, loss: Loss, batches: Sequence[Batch], judged: Sequence[Batch]
) -> float:
    """The loss of outputs that are the same for every example, the best of such.

    They are what is along the first axis of all outputs, the axis of examples.

    Args:
        subject: The model, of which only the shapes of the outputs count.
        loss: A function of `(outputs, targets)`.
        batches: What the outputs are fitted to.
        judged: What their loss is taken of.

    Returns:
        The loss; NaN where outputs have no such axis, or their loss is no number.
    """
    from scipy.optimize import minimize

    shapes = [_outputs(subject, inputs) for inputs, _ in batches]
    if not all(each.ndim and each.size for each in shapes[0].leaves):
        return float("nan")
    one = [jnp.zeros(each.shape[1:], each.dtype) for each in shapes[0].leaves]
    flat, back = ravel_pytree(one)

    def value(flat: jax.Array, pairs: Sequence[Any]) -> jax.Array:
        losses = [loss(_constant(back(flat), like), y) for like, y in pairs]
        return jnp.stack(losses).mean()

    fitted = [(like, y) for like, (_, y) in zip(shapes, batches, strict=True)]
    slope = jax.jit(jax.value_and_grad(lambda flat: value(flat, fitted)))
    objective = functools.partial(_numbers, slope)
    found = minimize(objective, np.asarray(flat, float), jac=True, method="L-BFGS-B")
    if not np.isfinite(found.fun):
        return float("nan")
    at = [(_outputs(subject, inputs), y) for inputs, y in judged]
    return float(value(jnp.asarray(found.x, flat.dtype), at))


def _outputs(subject: Subject, inputs: Any) -> Any:
    """The shapes of the outputs for a batch, apart."""
    own = again(subject, inputs)
    return jax.eval_shape(Flat(own.apply), own.weights, own.state, *own.inputs)


def _constant(one: Sequence[jax.Array], like: Any) -> Any:
    """Outputs that are the same for every example."""
    pairs = zip(one, like.leaves, strict=True)
    every = [jnp.broadcast_to(x, each.shape) for x, each in pairs]
    return like.structure.unflatten(every)


def _numbers(slope: Any, x: np.ndarray) -> tuple[float, np.ndarray]:
    value, gradient = slope(jnp.asarray(x, "float32"))
    return float(value), np.asarray(gradient, float)
