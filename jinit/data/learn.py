"""Scales of parameters that gradients learn: their directions stay as they are."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core import alike, digits, last, leaf_paths, shared, track, warn
from .records import LayerScale, LayerScales, Learned
from .task import Task


Step = Callable[["Scalable", list[jax.Array], Any, Any], tuple[Any, Any, Any]]


SMALLEST = 0.01  # of a scale: none may reach 0 or turn a parameter round


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Scalable:
    """Parameters times one number each, for those at `places` among all leaves.

    With the state of their model, which is an argument of a step as they are.
    """

    leaves: list[jax.Array]
    state: Any
    structure: Any = dataclasses.field(metadata={"static": True})
    places: tuple[int, ...] = dataclasses.field(metadata={"static": True})
    paths: tuple[str, ...] = dataclasses.field(metadata={"static": True})

    @property
    def ones(self) -> list[jax.Array]:
        """The scales to begin with."""
        return shared(lambda: [jnp.ones(()) for _ in self.places])()

    def times(self, scales: Sequence[jax.Array]) -> Any:
        """The parameters with the scales in."""
        leaves = list(self.leaves)
        for place, scale in zip(self.places, scales, strict=True):
            leaf, scale = alike(leaves[place], scale)
            leaves[place] = (leaf * scale).astype(leaves[place].dtype)
        return self.structure.unflatten(leaves)

    @property
    def norms(self) -> list[jax.Array]:
        """The norms of the parameters to be scaled."""
        return [jnp.linalg.norm(self.leaves[place]) for place in self.places]


class Rescaled(NamedTuple):
    """Weights whose norms were learned, and the record of it."""

    params: Any
    record: Learned


def scalable(task: Task, which: Callable[[jax.Array], bool]) -> Scalable:
    """The parameters that can be scaled: those that are not 0, and are `which`."""
    leaves, structure = jax.tree.flatten(task.weights)
    places = tuple(
        place
        for place, leaf in enumerate(leaves)
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and which(leaf) and _is_drawn(leaf)
    )
    if not places:
        raise ValueError(
            f"`{task.where}` needs a parameter to scale. Got {len(leaves)}, all of "
            "them 0 or without a matrix. Draw weights first."
        )
    every = leaf_paths(task.weights)
    paths = tuple(every[place] for place in places)
    return Scalable(leaves, task.state, structure, places, paths)


def learn(
    task: Task,
    objective: str,
    own: Scalable,
    step: Step,
    memory: Any,
    data: Iterator[Any],
    steps: int,
) -> Rescaled:
    """Runs `(own, scales, memory, batch) → (scales, memory, value)` over the data."""
    where = task.where

    def states() -> Iterator[list[jax.Array]]:
        scales, kept, run = own.ones, memory, shared(step)
        name = where.removeprefix("jinit.")
        for _, batch in track(zip(range(steps), data, strict=False), steps, name):
            scales, kept, value = run(own, scales, kept, batch)
            history.append(float(jax.device_get(value)))
            if not np.isfinite([history[-1], *jax.device_get(scales)]).all():
                raise _not_finite(where, objective, history, batch)
            yield scales

    history: list[float] = []
    scales = last(where, states())
    pairs = zip(own.paths, own.places, jax.device_get(scales), strict=True)
    still = [path for path, i, s in pairs if s == 1 and own.leaves[i].ndim > 1]
    if still:
        warn(
            f"`{where}` found no gradient in {', '.join(still)}, and left it as it was:"
            " its units are dead, or the loss does not read it.",
        )
    weights = task.finish(own.times(scales))
    return Rescaled(weights, _record(own, scales, objective, history))


def _not_finite(
    where: str, objective: str, history: Sequence[float], batch: Any
) -> ValueError:
    step, found = len(history), f"{objective} {digits(history[-1])}"
    if not all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(batch)):
        return ValueError(
            f"`{where}` needs finite numbers. Got inf or nan in the batch of step "
            f"{step}."
        )
    if np.isfinite(history[-1]):
        return ValueError(
            f"`{where}` needs finite derivatives. Got inf or nan of a {found} in step "
            f"{step}. A root has none at 0: give `optax.adam` an `eps_root`, such as "
            "1e-8."
        )
    return ValueError(
        f"`{where}` needs a finite loss with finite derivatives. Got {found} in step "
        f"{step}. Scale the weights first, with `jinit.initialize` or `jinit.lsuv`."
    )


def _record(
    own: Scalable, scales: Sequence[Any], objective: str, history: Sequence[float]
) -> Learned:
    numbers = jax.device_get((shared(lambda own: own.norms)(own), scales))
    layers = tuple(
        LayerScale(path, path, float(norm), float(scale), float(norm * scale))
        for path, norm, scale in zip(own.paths, *numbers, strict=True)
    )
    return Learned(LayerScales(layers, "norm"), objective, tuple(history))


def _is_drawn(leaf: jax.Array) -> bool:
    return bool(np.any(jax.device_get(leaf)))
