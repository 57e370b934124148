"""What a comparison may start from, each by its name."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from .._core import as_initializer, Initializer, shown
from .._diagnostics import redraw
from .._frameworks import holds_weights, inputs_of, read, with_batch
from .._model import plan_model
from .._reading import read_subject
from .._training import Batch, Loss
from ..data import gradinit, lsuv, metainit, weight_norm_init, within_layer
from ..recipes import Recipe, RECIPES


class Trained(NamedTuple):
    """What is trained: a model, on what, and what counts.

    Attributes:
        where: The public function that asks.
        model: The model.
        batches: Pairs `(inputs, targets)`.
        loss: A function of `(outputs, targets)`.
    """

    where: str
    model: Any
    batches: Sequence[Batch]
    loss: Loss

    @property
    def batch(self) -> Any:
        """The inputs of the first batch."""
        return self.batches[0][0]

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The same as arguments of the model."""
        return inputs_of(self.where, self.model, self.batch)


class Start(NamedTuple):
    """A way to start.

    Attributes:
        draw: Gives the weights in the model's own form, from a task and a key.
        has_cost: Whether it takes work that counts, beside drawing.
    """

    draw: Callable[[Trained, jax.Array], Any]
    has_cost: bool = False


def with_weights(task: Trained, made: Any) -> tuple[Any, Any]:
    """A model and its weights; None beside a model that holds them."""
    return (made, None) if holds_weights(made) else (task.model, made)


def _planned(
    task: Trained, key: jax.Array, rules: Any = None, own: Any = "keep"
) -> Any:
    """What a plan draws: jinit's, that of rules, or the model's own."""
    inputs = task.where, task.model, key, task.inputs
    subject, plan = plan_model(*inputs, rules, {}, own)
    return subject.finish(plan.draw(key, subject.weights), None)


def _says_how(task: Trained) -> bool:
    """Whether the model says how it starts, or holds weights."""
    subject = read(task.where, task.model, None, task.inputs)
    is_shape = lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct)
    return bool(subject.start) or not any(
        map(is_shape, jax.tree.leaves(subject.weights))
    )


def _own(task: Trained, key: jax.Array) -> Any:
    """What the model itself starts with; given weights, where it does not say."""
    if not _says_how(task):
        raise ValueError(
            f"`{task.where}` needs a model that says how it starts, for its own start. "
            "Got shapes beside a function. Give other `starts`: ['initialize', "
            "'lecun_normal']."
        )
    return _planned(task, key, own="**")


def _base(task: Trained, key: jax.Array) -> tuple[Any, Any]:
    """A model and weights to start from: its own where it has them."""
    made = (_own if _says_how(task) else _planned)(task, key)
    return with_weights(task, made)


def _by_law(task: Trained, key: jax.Array, law: Initializer) -> Any:
    """The model's own start with every kernel drawn anew."""
    model, params = _base(task, key)
    subject = with_batch(task.where, model, params, None, task.batch)
    layers = read_subject(task.where, subject)
    return subject.finish(redraw(layers, subject.weights, law, key), None)


def _from_batch(task: Trained, key: jax.Array, fit: Callable[..., Any]) -> Any:
    """The model's own start, fitted to the first batch."""
    model, params = _base(task, key)
    return fit(model, params, key, task.batch).params


def _from_batches(task: Trained, key: jax.Array, fit: Callable[..., Any]) -> Any:
    """The model's own start, fitted to batches and their loss."""
    model, params = _base(task, key)
    batches = [tuple(batch) for batch in task.batches]
    return fit(model, params, batches, loss=task.loss, key=key).params


STARTS = {
    "own": Start(_own),
    "initialize": Start(_planned),
    **{
        fit.__name__: Start(functools.partial(way, fit=fit), has_cost=True)
        for way, fits in {
            _from_batch: (lsuv, weight_norm_init, within_layer),
            _from_batches: (metainit, gradinit),
        }.items()
        for fit in fits
    },
}


def named(where: str, starts: Any) -> dict[str, Start]:
    """Starts by their names, whatever stands for each."""
    if isinstance(starts, Mapping):
        pairs = [*starts.items()]
    else:
        every = starts if isinstance(starts, list | tuple) else [starts]
        pairs = [(_name(each), each) for each in every]
    found = {str(name): _start(where, each) for name, each in pairs}
    if not found or len(found) < len(pairs):
        raise ValueError(
            f"`{where}` needs `starts` to be one or more, each of another name. Got "
            f"{shown(starts)}. A dict gives them names."
        )
    return found


def _name(start: Any) -> str:
    if isinstance(start, Recipe):
        return repr(start).removeprefix("jinit.recipes.")
    is_named = isinstance(start, str | Initializer)
    return str(start) if is_named else getattr(start, "__name__", shown(start))


def _start(where: str, start: Any) -> Start:
    if isinstance(start, str) and start in STARTS:
        return STARTS[start]
    if isinstance(start, str) and start.partition("(")[0] in RECIPES:
        start = Recipe.from_text(where, "starts", start)
    if isinstance(start, Recipe | list | tuple):
        return Start(functools.partial(_planned, rules=start))
    if isinstance(start, str | Initializer):
        return Start(functools.partial(_by_law, law=as_initializer(where, start)))
    if callable(start):
        return Start(lambda task, key: start(task.model, key, *task.inputs))
    raise TypeError(
        f"`{where}` needs each of `starts` to be a name, a law, a recipe, rules or a "
        f"function. Got {shown(start)}."
    )
