"""Passes over a model, one after another, until all its layers are at a goal."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from .._core import working
from .._frameworks import again, Subject
from .._reading import first_not_finite, Model, read_alike
from .directions import Choose
from .passes import Goal, Pass
from .records import LayerScales, scales_of
from .units import Handle, handles, unit_axes


class Fit:
    """Runs passes, records what they do and refuses what they can not mend.

    A pass is one program for each shape of batches.
    """

    def __init__(
        self,
        where: str,
        subject: Subject,
        model: Model,
        goal: Goal,
        choose: Choose | None = None,
    ):
        self.where, self.subject = where, subject
        self.first, program = _pass(where, model, goal, choose)
        self.programs = {_kind(subject.inputs): (self.first, program)}

    def run(
        self,
        weights: Any,
        batches: Iterable[Any],
        *,
        tolerance: float = 0.1,
        max_passes: int = 10,
        key: jax.Array | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[Any, LayerScales[Any]]]:
        """What each pass leaves, until all variances are within `tolerance`."""
        leaves, structure = jax.tree.flatten(weights)
        name, seen = self.where.removeprefix("jinit."), []
        for number, batch in zip(range(max_passes + 1), batches, strict=False):
            if progress:
                progress(f"{name}: pass {number + 1}")
            subject = again(self.subject, batch)
            one, program = self._program(subject)
            with working(f"{name}: pass {number + 1}"):
                others = jax.tree.leaves((subject.state, subject.inputs))
                scaled, outcome = program(leaves, others, None if number else key)
                found, stds = jax.device_get(outcome)
            _require_sound(self.where, one, stds, leaves, others)
            seen.append((stds, found))
            target, wide = one.goal.std, [np.asarray(std, float) for std in stds]
            off = max(abs((std / (target or std)) ** 2 - 1).max() for std in wide)
            done = (number and off <= tolerance) or number == max_passes
            leaves = leaves if done else scaled
            yield structure.unflatten(leaves), self._record(seen, bool(done))
            if done:
                return

    def _program(self, subject: Subject) -> tuple[Pass, Callable[..., Any]]:
        """The pass for batches of this shape, and its compiled form."""
        kind = _kind(subject.inputs)
        if kind not in self.programs:
            model = read_alike(self.where, subject)
            goal, choose = self.first.goal, self.first.choose
            self.programs[kind] = _pass(self.where, model, goal, choose)
        return self.programs[kind]

    def _record(self, seen: Sequence[Any], measured: bool) -> LayerScales[Any]:
        """What the passes did; the last has only measured, or is not measured yet."""
        layers = []
        goal = self.first.goal
        for i, handle in enumerate(self.first.handles):
            stds = [np.asarray(found[i]) for found, _ in seen]
            factors = [(goal.std or 1.0) / std for std in stds]
            scale = np.prod(factors[:-1] if measured else factors, axis=0)
            scale = np.broadcast_to(scale, stds[0].shape)
            after, mean = stds[-1], np.asarray(seen[-1][1][i].mean)
            if not measured:
                after, mean = np.full_like(after, np.nan), np.full_like(mean, np.nan)
            means = mean if goal.per == "unit" else None
            path = self.first.model.paths[handle.leaf]
            layers += scales_of(handle.name, path, stds[0], scale, after, means)
        return LayerScales(tuple(layers))


def _pass(
    where: str, model: Model, goal: Goal, choose: Choose | None
) -> tuple[Pass, Callable[..., Any]]:
    """A pass over a model, if it has layers and enough values, and its program."""

    def make(model: Model) -> tuple[Pass, Callable[..., Any]]:
        one = Pass(model, handles(model), goal, choose)
        return one, jax.jit(one.measured)

    one, program = model.once((goal, choose), make)
    if not one.handles:
        raise ValueError(
            f"`{where}` needs a model with a layer: a product of a parameter with the "
            "data. Got none. Pass the weights as `params` instead of closing over them."
        )
    empty = [each.name for each in one.handles if _is_empty(model, each)]
    if empty:
        raise ValueError(
            f"`{where}` needs layers with inputs and outputs. Got none in {empty[0]}."
        )
    if goal.per == "unit":
        _require_samples(where, one)
    return one, program


def _is_empty(model: Model, handle: Handle) -> bool:
    values = (i for layer in handle.layers for i in (layer.kernel.value, layer.output))
    return any(0 in model.graph.types[i].shape for i in values)


def _require_samples(where: str, one: Pass) -> None:
    graph = one.model.graph
    for handle in one.handles:
        shape = graph.types[handle.layers[0].op.outputs[0]].shape
        units = unit_axes(graph, handle.layers[0])
        values = math.prod(n for k, n in enumerate(shape) if k not in units)
        if values < 2:
            raise ValueError(
                f"`{where}` needs a batch with two or more values of every unit. Got "
                f"{values} in {handle.name}. Use a larger batch."
            )


def _require_sound(
    where: str,
    one: Pass,
    stds: Sequence[np.ndarray],
    weights: Sequence[Any],
    others: Sequence[Any],
) -> None:
    """Refuses standard deviations that are not finite, or 0."""
    for handle, std in zip(one.handles, stds, strict=True):
        if not np.isfinite(std).all():
            place = first_not_finite(one.model, weights, others)
            place = place or f"the scaled output of {handle.name}"
            raise ValueError(
                f"`{where}` needs finite numbers. Got inf or nan first in {place}."
            )
        if not std.all():
            unit = f"unit {std.argmin() % std.shape[-1]}" if std.any() else "output"
            raise ValueError(
                f"`{where}` needs outputs that vary over the batch. Got a constant "
                f"{unit} of {handle.name}. Its input is constant, or its weights are 0."
            )


def _kind(inputs: Any) -> tuple[Any, ...]:
    """What batches have in common that one program can read."""
    leaves, structure = jax.tree.flatten(inputs)
    return structure, *map(jax.typeof, leaves)
