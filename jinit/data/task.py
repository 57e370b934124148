"""What gradients learn from: a loss of the weights of a model on batches."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax

from .._core import require_arrays, stream
from .._frameworks import again, as_key, given, with_batch


Loss: TypeAlias = Callable[[Any, Any], jax.Array]


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A loss of `(weights, state, batch)`, what it begins with, and the data.

    Attributes:
        where: The public function that asks, for errors.
        loss: The loss.
        weights: The weights.
        state: What else the model reads: statistics, random streams.
        data: The batches.
        finish: The model's own form, given weights.
    """

    where: str
    loss: Callable[[Any, Any, Any], jax.Array]
    weights: Any
    state: Any
    data: Iterator[Any]
    finish: Callable[[Any], Any]


def learnable(
    where: str, loss: Loss | None, key: Any, model: Any, params: Any, batches: Any
) -> Task:
    """The task of a model, its loss and data; without one, its output is the loss."""
    has = given(where, model, params, batches)
    first, data = stream(where, has.batch)
    if loss is not None and not (isinstance(first, tuple) and len(first) == 2):
        raise TypeError(
            f"`{where}` needs batches of `(inputs, targets)` for a loss. Got "
            f"{type(first).__name__}. Without `loss`, the model's output is the loss."
        )
    key = as_key(where, has.key if key is None else key)
    inputs = first if loss is None else first[0]
    subject = with_batch(where, model, has.params, key, inputs)
    require_arrays((subject.weights,), where)

    def value(weights: Any, state: Any, batch: Any) -> jax.Array:
        inputs, targets = (batch, None) if loss is None else batch
        outputs = subject.apply(weights, state, *again(subject, inputs).inputs)
        return outputs if loss is None else loss(outputs, targets)

    finish = lambda weights: subject.finish(weights, None)
    return Task(where, value, subject.weights, subject.state, data, finish)
