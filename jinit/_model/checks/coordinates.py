"""The coordinate check: how much training moves each layer, at growing sizes."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from ..._core import Count, Counts, Listed, NonNegative, public, track
from ..._frameworks import again, Subject
from ..._graph import evaluate
from ..._reading import Model, read_subject
from ..._training import Batch, bound, Loss, Step
from .alike import alike, Seen
from .record import CoordinateCheck, Curve, TOLERANCE
from .sizes import Over, parted, require_task
from .watched import Watched, watched


_WHERE = "jinit.coord_check"

Make: TypeAlias = Callable[[int, jax.Array], tuple[Any, ...]]
Features: TypeAlias = Callable[[Any, Any], list[jax.Array]]


@public(concrete=True)
def coord_check(
    make: Make,
    sizes: Counts,
    batches: Listed,
    loss: Loss,
    *,
    over: Over = "width",
    steps: Count = 3,
    seeds: Count = 1,
    tolerance: NonNegative = TOLERANCE,
) -> CoordinateCheck:
    """Whether training moves every layer as far in a large model as in a small one.

    At each size the model is trained for a few steps. With z_t a layer's output for the
    first batch after t steps, the slope of

        log √E (z_t − z_0)²   over   log size

    is 0 for every layer if the parametrization is right: muP over width, depth-muP and
    CompleteP over depth. Under the standard parametrization and Adam it is about 1/2 to
    1 over width in hidden layers and outputs, which is why the best learning rate falls
    with the width; over depth, what residual branches add to the stream grows with
    their number. It needs no hooks: layers are found as in `jinit.probe`.

    Beside layers it looks at what embeddings look up, at attention logits, at norms and
    at the residual stream after each branch. Over depth, layers whose names differ in
    numbers alone count as one, and all of a kind do where names do not match.

    Args:
        make: A function of a size and a key that returns `(model, params, optimizer)`:
            a model of any framework or a function of `(params, inputs)`, its weights,
            left out where the model holds them, and an optax optimizer. The key is for
            the weights alone.
        sizes: Widths, depths or batch sizes, two or more.
        batches: Pairs `(inputs, targets)`, one per step, begun anew when used up.
        loss: A function of `(outputs, targets)` to a scalar.
        over: What the sizes are. Over "batch" each batch is cut into parts of as many
            rows, with a step for each, so that all sizes see the same examples.
        steps: Steps of training; over "batch", batches.
        seeds: Models per size, over which squares are averaged.
        tolerance: The slope up to which a layer counts as flat.

    Returns:
        A `CoordinateCheck`: print it, `.plot()` it, or read its `.slopes`.

    Raises:
        ValueError: For fewer than two sizes, no batch, or layers that are not the same
            at all sizes; over depth, kinds of layers.

    Example:
        >>> import jax, jax.numpy as jnp, jinit, optax
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> shapes = lambda n: {"a": shape(8, n), "b": shape(n, n), "c": shape(n, 1)}
        >>> apply = lambda p, x: jnp.tanh(jnp.tanh(x @ p["a"]) @ p["b"]) @ p["c"]
        >>> def make(width, key):
        ...     scales = jinit.mup(shapes(32), shapes(width))
        ...     rules = scales.rules([("**", jinit.lecun_normal)])
        ...     params = jinit.materialize(shapes(width), key, rules)
        ...     return apply, params, scales.optimizer(optax.adam, 0.01)
        >>> x = jax.random.normal(jax.random.key(0), (64, 8))
        >>> mse = lambda outputs, targets: jnp.mean((outputs - targets) ** 2)
        >>> batches = [(x, x[:, :1])]
        >>> result = jinit.coord_check(make, [64, 256], batches, mse, seeds=4)
        >>> result.is_flat
        True

    References:
        Yang, Hu et al. Tensor Programs V: tuning large neural networks via zero-shot
        hyperparameter transfer. 2022. Appendix D.1. https://arxiv.org/abs/2203.03466
        Dey, Zhang, Noci, Li, Bordelon, Bergsma, Pehlevan, Hanin, Hestness. Don't be
        lazy: CompleteP enables compute-efficient deep transformers. NeurIPS 2025.
        https://arxiv.org/abs/2505.01618
    """
    sizes = tuple(sizes)
    require_task(_WHERE, sizes, batches)
    training = _Training(make, batches, loss, over, steps, seeds)
    found = [training.at(size) for size in track(sizes, len(sizes), "training")]
    rows = alike(_WHERE, over, sizes, found)
    return CoordinateCheck(tuple(map(_curve, rows)), sizes, over, tolerance)


def _curve(row: Sequence[Seen]) -> Curve:
    """What was seen of the same thing at each size."""
    changes = tuple(tuple(np.sqrt(each.squares).tolist()) for each in row)
    times = tuple(each.times for each in row)
    return Curve(row[0].name, row[0].kind, times, changes, row[0].low, row[0].why)


@dataclasses.dataclass(frozen=True)
class _Training:
    """How the models of every size are made and trained: see `coord_check`."""

    make: Make
    batches: Sequence[Batch]
    loss: Loss
    over: Over
    steps: int
    seeds: int

    def at(self, size: int) -> list[Seen]:
        """What is looked at, with E (z_t − z_0)² by step."""
        made = [self._made(size, seed) for seed in range(self.seeds)]
        subject, optimizer = made[0]
        model = read_subject(_WHERE, subject)
        places = watched(model)
        features = _features(model, places)
        starts = features(subject.weights, (subject.state, subject.inputs))
        theory = _theory(self.over, places, starts)
        step = jax.jit(Step(subject, optimizer, self.loss))
        batches = [parted(_WHERE, [each], size, self.over) for each in self.batches]
        runs = [list(self._run(features, step, batches, *each)) for each in made]
        squares = np.mean(runs, axis=0).T
        every = [*places, Watched("outputs", "outputs", model.graph.outputs[0])]
        return [
            Seen(place.name, place.kind, place.times, row, *expected)
            for place, row, expected in zip(every, squares, theory, strict=True)
        ]

    def _made(self, size: int, seed: int) -> tuple[Subject, Any]:
        key = jax.random.fold_in(jax.random.key(0), seed)
        return bound(_WHERE, self.make(size, key), self.batches[0][0])

    def _run(
        self,
        features: Features,
        step: Callable[..., Any],
        batches: Sequence[Sequence[Batch]],
        subject: Subject,
        optimizer: Any,
    ) -> Iterator[list[float]]:
        weights, memory = subject.weights, optimizer.init(subject.weights)
        others = subject.state, subject.inputs
        first = features(weights, others)
        for t in range(self.steps):
            for inputs, targets in batches[t % len(batches)]:
                seen = again(subject, inputs).inputs
                weights, memory, _ = step(weights, memory, seen, targets)
            yield list(map(float, _distances(features(weights, others), first)))


def _theory(
    over: Over, places: Sequence[Watched], starts: Sequence[jax.Array]
) -> list[tuple[float, str]]:
    """The lowest slope that theory expects of each place and the outputs, and why.

    A head whose weights are random, and do not start at 0, adds a sum of many terms of
    either sign; a table that is a head as well is always random. What closes a residual
    branch may have the branch's factor in its own output.
    """
    found = [(0.0, "")] * (len(places) + 1)
    for i, (place, z) in enumerate(zip(places, starts, strict=False)):
        if over == "depth" and place.kind == "closing":
            found[i] = -1.0, "what closes a branch may fall as 1/depth"
        if over == "width" and place.kind == "head" and bool(jnp.any(z)):
            head = "a tied table" if place.tied else "a random head"
            found[i] = -0.5, f"{head} of muP adds what falls as 1/√width"
    if bool(jnp.any(starts[-1])):
        heads = (found[i] for i, place in enumerate(places) if place.kind == "head")
        found[-1] = min(heads, default=found[-1])
    return found


def _features(model: Model, places: Sequence[Watched]) -> Features:
    """What is looked at, and the outputs, as a function of the weights."""
    taps = [place.value for place in places]

    @jax.jit
    def features(weights: Any, others: Any) -> list[jax.Array]:
        visits = dict.fromkeys(taps, lambda value, _: (value, value))
        arrays = jax.tree.leaves((weights, others))
        outputs, seen = evaluate(model.graph, arrays, visits)
        return [*(seen[i] for i in taps), _joined(outputs)]

    return features


def _joined(outputs: Sequence[jax.Array]) -> jax.Array:
    return jnp.concatenate([x.ravel().astype(jnp.float32) for x in outputs])


@jax.jit
def _distances(now: Sequence[jax.Array], first: Sequence[jax.Array]) -> list[jax.Array]:
    wide = lambda x: x.astype(jnp.float32)
    return [
        jnp.mean((wide(z) - wide(start)) ** 2)
        for z, start in zip(now, first, strict=True)
    ]
