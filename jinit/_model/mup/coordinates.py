"""The coordinate check: how much training moves each layer, at growing widths."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from ..._core import Count, Counts, Listed, NonNegative, public, shown, track
from ..._frameworks import again, Subject, with_batch
from ..._graph import evaluate
from ..._reading import measurable, Model, read_subject
from .check import CoordinateCheck, TOLERANCE


OUTPUTS = "outputs"
_WHERE = "jinit.coord_check"

Make: TypeAlias = Callable[[int, jax.Array], tuple[Any, ...]]
Loss: TypeAlias = Callable[[Any, Any], jax.Array]
Features: TypeAlias = Callable[[Any, Any], list[jax.Array]]


@public(concrete=True)
def coord_check(
    make: Make,
    widths: Counts,
    batches: Listed,
    loss: Loss,
    *,
    steps: Count = 3,
    seeds: Count = 1,
    tolerance: NonNegative = TOLERANCE,
) -> CoordinateCheck:
    """Whether training moves every layer as far in a wide model as in a narrow one.

    At each width the model is trained for a few steps. With z_t a layer's output for
    the first batch after t steps, the slope of

        log √E (z_t − z_0)²   over   log width

    is 0 for every layer under muP. Under the standard parametrization and Adam it is
    about 1/2 to 1 in hidden layers and outputs, which is why the best learning rate
    falls with the width. It needs no hooks: layers are found as in `jinit.probe`.

    Args:
        make: A function of a width and a key that returns `(model, params, optimizer)`:
            a model of any framework or a function of `(params, inputs)`, its weights,
            left out where the model holds them, and an optax optimizer. The key is for
            the weights alone.
        widths: Widths, two or more.
        batches: Pairs `(inputs, targets)`, one per step, begun anew when used up.
        loss: A function of `(outputs, targets)` to a scalar.
        steps: Steps of training.
        seeds: Models per width, over which squares are averaged.
        tolerance: The slope up to which a layer counts as flat.

    Returns:
        A `CoordinateCheck`: print it, `.plot()` it, or read its `.slopes`.

    Raises:
        ValueError: For fewer than two widths, no batch, or layers that are not the same
            at all widths.

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
    """
    widths = tuple(widths)
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise TypeError(
                f"`{_WHERE}` needs `batches` to be pairs `(inputs, targets)`. "
                f"Got {shown(batch)}."
            )
    if len(set(widths)) < 2 or not batches:
        raise ValueError(
            "`jinit.coord_check` needs two or more widths and a batch. Got widths "
            f"{widths} and {len(batches)} batches."
        )
    training = _Training(make, batches, loss, steps, seeds)
    found = [training.at(width) for width in track(widths, len(widths), "training")]
    names = found[0][0]
    for width, (others, _) in zip(widths, found, strict=True):
        if others != names:
            raise ValueError(
                "`jinit.coord_check` needs the same layers at all widths. Got "
                f"{names} at {widths[0]} and {others} at {width}."
            )
    changes = np.sqrt([squares for _, squares in found]).transpose(2, 0, 1)
    rows = tuple(tuple(map(tuple, row)) for row in changes.tolist())
    heads = training.random_heads(widths[0])
    return CoordinateCheck(names, widths, rows, tolerance, heads)


@dataclasses.dataclass(frozen=True)
class _Training:
    """How the models of every width are made and trained: see `coord_check`."""

    make: Make
    batches: Sequence[tuple[Any, Any]]
    loss: Loss
    steps: int
    seeds: int

    def at(self, width: int) -> tuple[tuple[str, ...], np.ndarray]:
        """The layers at a width, and E (z_t − z_0)² by step and layer."""
        made = [self._made(width, seed) for seed in range(self.seeds)]
        subject, optimizer = made[0]
        names, features = _features(read_subject(_WHERE, subject))
        step = _step(subject, optimizer, self.loss)
        runs = [list(self._run(features, step, *each)) for each in made]
        return names, np.mean(runs, axis=0)

    def random_heads(self, width: int) -> tuple[str, ...]:
        """The last layers and the outputs, if these are not 0 at first."""
        subject, _ = self._made(width, 0)
        model = read_subject(_WHERE, subject)
        names, features = _features(model)
        first = features(subject.weights, (subject.state, subject.inputs))
        last = {layer.name for layer in model.layers if layer.place.last} | {OUTPUTS}
        found = zip(names, first, strict=True)
        return tuple(name for name, z in found if name in last and bool(jnp.any(z)))

    def _made(self, width: int, seed: int) -> tuple[Subject, Any]:
        key = jax.random.fold_in(jax.random.key(0), seed)
        return _made(self.make(width, key), self.batches[0][0])

    def _run(
        self,
        features: Features,
        step: Callable[..., Any],
        subject: Subject,
        optimizer: Any,
    ) -> Iterator[list[float]]:
        weights, memory = subject.weights, optimizer.init(subject.weights)
        others = subject.state, subject.inputs
        first = features(weights, others)
        for t in range(self.steps):
            inputs, targets = self.batches[t % len(self.batches)]
            seen = subject.state, again(subject, inputs).inputs
            weights, memory = step(weights, memory, seen, targets)
            yield list(map(float, _distances(features(weights, others), first)))


def _made(made: Any, inputs: Any) -> tuple[Subject, Any]:
    """The model that `make` returned, with inputs, and its optimizer."""
    if not isinstance(made, tuple) or len(made) not in {2, 3}:
        raise TypeError(
            f"`{_WHERE}` needs `make` to return (model, params, optimizer), or (model, "
            f"optimizer) where the model holds its weights. Got {shown(made)}."
        )
    model, *params, optimizer = made
    params = params[0] if params else None
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"`{_WHERE}` needs `make` to return an optimizer with `init` and `update`, "
            f"as optax has them, in the end. Got {shown(optimizer)}."
        )
    return with_batch(_WHERE, model, params, None, inputs), optimizer


def _features(model: Model) -> tuple[tuple[str, ...], Features]:
    """The layers that can be seen, and what they put out, as a function."""
    layers = [layer for layer in model.layers if measurable(model.graph, layer)]
    taps = [layer.output for layer in layers]

    @jax.jit
    def features(weights: Any, others: Any) -> list[jax.Array]:
        visits = dict.fromkeys(taps, lambda value, _: (value, value))
        arrays = jax.tree.leaves((weights, others))
        outputs, seen = evaluate(model.graph, arrays, visits)
        return [*(seen[i] for i in taps), _joined(outputs)]

    return (*(layer.name for layer in layers), OUTPUTS), features


def _step(subject: Subject, optimizer: Any, loss: Loss) -> Callable[..., Any]:
    """A step of training: weights and the optimizer's memory to the next.

    `others` is what the model reads beside its weights: its state and the inputs.
    """

    @jax.jit
    def step(weights: Any, memory: Any, others: Any, targets: Any) -> Any:
        state, inputs = others
        outputs = lambda weights: subject.apply(weights, state, *inputs)
        slope = jax.grad(lambda weights: loss(outputs(weights), targets))(weights)
        updates, memory = optimizer.update(slope, memory, weights)
        move = lambda w, update: (w + update).astype(w.dtype)
        return jax.tree.map(move, weights, updates), memory

    return step


def _joined(outputs: Sequence[jax.Array]) -> jax.Array:
    return jnp.concatenate([x.ravel().astype(jnp.float32) for x in outputs])


@jax.jit
def _distances(now: Sequence[jax.Array], first: Sequence[jax.Array]) -> list[jax.Array]:
    wide = lambda x: x.astype(jnp.float32)
    return [
        jnp.mean((wide(z) - wide(start)) ** 2)
        for z, start in zip(now, first, strict=True)
    ]
