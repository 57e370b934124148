"""How the models of a check are made and trained: every size alike."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import jax

from ..._core import shown
from ..._frameworks import Subject, with_batch


Over: TypeAlias = Literal["width", "depth", "batch"]
Loss: TypeAlias = Callable[[Any, Any], jax.Array]
Batch: TypeAlias = tuple[Any, Any]


def require_task(where: str, sizes: Sequence[int], batches: Sequence[Any]) -> None:
    """Refuses what is no pair of inputs and targets, and what does not compare."""
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise TypeError(
                f"`{where}` needs `batches` to be pairs `(inputs, targets)`. "
                f"Got {shown(batch)}."
            )
    if len(set(sizes)) < 2 or not batches:
        raise ValueError(
            f"`{where}` needs two or more sizes and a batch. Got sizes {sizes} and "
            f"{len(batches)} batches."
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
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"`{where}` needs `make` to return an optimizer with `init` and `update`, "
            f"as optax has them, in the end. Got {shown(optimizer)}."
        )
    return with_batch(where, model, params, None, inputs), optimizer


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """A step of training: weights and the optimizer's memory to the next.

    Attributes:
        subject: The model.
        optimizer: With `init` and `update`, as optax has them.
        loss: A function of `(outputs, targets)`.
    """

    subject: Subject
    optimizer: Any
    loss: Loss

    def __call__(
        self, weights: Any, memory: Any, inputs: tuple[Any, ...], targets: Any
    ) -> tuple[Any, Any, jax.Array]:
        """The next weights and memory, and the loss before them."""

        def objective(weights: Any) -> jax.Array:
            outputs = self.subject.apply(weights, self.subject.state, *inputs)
            return self.loss(outputs, targets)

        value, slope = jax.value_and_grad(objective)(weights)
        updates, memory = self.optimizer.update(slope, memory, weights)
        move = lambda w, update: (w + update).astype(w.dtype)
        return jax.tree.map(move, weights, updates), memory, value


def parted(where: str, batches: Sequence[Any], size: int, over: Over) -> list[Batch]:
    """The batches as a model of a size takes them, one per step.

    Where the size is that of batches, each is cut into parts of as many rows, so that
    all sizes see the same examples.
    """
    if over != "batch":
        return [(inputs, targets) for inputs, targets in batches]
    return [part for batch in batches for part in _parts(where, batch, size)]


def _parts(where: str, batch: Any, size: int) -> list[Batch]:
    rows = {x.shape[0] if getattr(x, "ndim", 0) else 0 for x in jax.tree.leaves(batch)}
    if len(rows) != 1 or 0 in rows or min(rows) % size:
        raise ValueError(
            f"`{where}` needs batches that can be cut into parts of each size: arrays "
            f"of as many rows, a multiple of {size}. Got {sorted(rows)} rows."
        )
    part = lambda i: jax.tree.map(lambda x: x[i : i + size], tuple(batch))
    return [part(i) for i in range(0, min(rows), size)]
