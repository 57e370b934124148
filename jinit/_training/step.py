"""A model that learns: its weights and its optimizer, one step at a time."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np

from .._core import shown
from .._frameworks import is_key, Subject, with_batch


Loss: TypeAlias = Callable[[Any, Any], jax.Array]
Batch: TypeAlias = tuple[Any, Any]


def require_pairs(where: str, batches: Any, what: str = "batches") -> None:
    """Refuses what is no pair of inputs and targets."""
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise TypeError(
                f"`{where}` needs `{what}` to be pairs `(inputs, targets)`. "
                f"Got {shown(batch)}."
            )


def require_rates(where: str, rates: np.ndarray) -> None:
    """Refuses learning rates that are none, or too few to have a best one."""
    if len(rates) < 3 or not np.isfinite(rates).all() or (rates <= 0).any():
        raise ValueError(
            f"`{where}` needs `learning_rates` to be three or more different numbers "
            f"above 0. Got {shown(rates.tolist())}."
        )


def bound(where: str, made: Any, inputs: Any) -> tuple[Subject, Any]:
    """The model that `make` returned, with inputs, and its optimizer."""
    if not isinstance(made, tuple) or len(made) not in {2, 3}:
        raise TypeError(
            f"`{where}` needs `make` to return (model, params, optimizer), or (model, "
            f"optimizer) where the model holds its weights. Got {shown(made)}."
        )
    model, *params, optimizer = made
    params = params[0] if params else None
    require_optimizer(where, "`make` to return", optimizer)
    return with_batch(where, model, params, None, inputs), optimizer


def require_optimizer(where: str, what: str, optimizer: Any) -> None:
    """Refuses what does not train."""
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"`{where}` needs {what} an optimizer with `init` and `update`, as optax "
            f"has them. Got {shown(optimizer)}."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """A step of training: weights and the optimizer's memory to the next.

    Attributes:
        subject: The model. Its random streams are new in every step.
        optimizer: With `init` and `update`, as optax has them.
        loss: A function of `(outputs, targets)`.
    """

    subject: Subject
    optimizer: Any
    loss: Loss

    def __call__(
        self,
        weights: Any,
        memory: Any,
        inputs: tuple[Any, ...],
        targets: Any,
        turn: Any = 0,
    ) -> tuple[Any, Any, jax.Array]:
        """The next weights and memory, and the loss before them."""
        state = _renewed(self.subject.state, turn)

        def objective(weights: Any) -> jax.Array:
            return self.loss(self.subject.apply(weights, state, *inputs), targets)

        value, slope = jax.value_and_grad(objective)(weights)
        updates, memory = self.optimizer.update(slope, memory, weights)
        move = lambda w, update: (w + update).astype(w.dtype)
        return jax.tree.map(move, weights, updates), memory, value


def _renewed(state: Any, turn: Any) -> Any:
    """What a model reads beside its weights, with other keys."""
    fold = lambda key: jax.random.fold_in(key, turn)

    def renew(leaf: Any) -> Any:
        if not is_key(leaf):
            return leaf
        every = fold
        for _ in leaf.shape:
            every = jax.vmap(every)
        return every(leaf)

    return jax.tree.map(renew, state)
