"""A task: a model, its loss, and batches to train on and to be judged by."""

import dataclasses
from typing import Any

from .._training import Batch, Loss


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A small task to train a model on.

    Attributes:
        name: Its name.
        model: The model, as `jinit.initialize` takes it.
        loss: A function of `(outputs, targets)` to a scalar.
        batches: Pairs `(inputs, targets)` to train on, all of one shape.
        held_out: Others of the same shape, of examples that are not trained on.
        about: What is learned by what, in a line.
    """

    name: str
    model: Any = dataclasses.field(repr=False)
    loss: Loss = dataclasses.field(repr=False)
    batches: list[Batch] = dataclasses.field(repr=False)
    held_out: list[Batch] = dataclasses.field(repr=False)
    about: str = ""
