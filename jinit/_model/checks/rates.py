"""Does the learning rate that is best for a small model stay best for a large one?"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from ..._core import (
    Count,
    Counts,
    File,
    Listed,
    Positive,
    public,
    Reals,
    stoppable,
    track,
)
from ..._training import (
    Batch,
    Kept,
    kept,
    Loss,
    PARTS,
    Reached,
    reached,
    require_rates,
    Run,
    Runs,
    side_by_side,
)
from .sizes import Over, parted, require_task
from .sweep import Transfer


_WHERE = "jinit.transfer"

Make: TypeAlias = Callable[[int, Any, jax.Array], tuple[Any, ...]]


@public(concrete=True)
def transfer(
    make: Make,
    sizes: Counts,
    learning_rates: Reals,
    batches: Listed,
    loss: Loss,
    *,
    over: Over = "width",
    steps: Count = 100,
    seeds: Count = 3,
    tolerance: Positive = 2.0,
    path: File | None = None,
) -> Transfer:
    """Whether the best learning rate of a small model is that of a large one.

    It trains a model of every size at every learning rate from several seeds, and finds
    the best rate of each size: the figure with which muP was introduced. A seed draws
    the weights and the order of the batches. What counts is the mean loss of the last
    tenth of the steps. A run whose loss is no number has diverged, which is a result.

    All learning rates and seeds of a size are trained in one program, as many side by
    side as there is memory for; `make` is traced for it. One that needs its rate as a
    number is given it, and costs a program for each.

    Args:
        make: A function of a size, a learning rate and a key that returns
            `(model, params, optimizer)`, as for `jinit.coord_check`.
        sizes: Widths, depths or batch sizes, two or more.
        learning_rates: Three or more, by factors that are alike: `2.0 ** np.arange(n)`.
        batches: Pairs `(inputs, targets)` of one shape, begun anew when used up.
        loss: A function of `(outputs, targets)` to a scalar.
        over: What the sizes are. Over "batch" each batch is cut into parts of as many
            rows, with a step for each, so that all sizes see the same examples.
        steps: Steps of training; over "batch", batches.
        seeds: Runs per size and rate. One allows no claim.
        tolerance: The factor within which the best rate counts as the same.
        path: A file that keeps what is done. A call with the same model, data and steps
            goes on from it, with more sizes, rates or seeds as well.

    Returns:
        A `Transfer`: print it, `.plot()` it, or read its `.best` and `.verdict`. A
        Ctrl-C ends it with a warning, and it holds the sizes that were done.

    Raises:
        ValueError: For fewer than two sizes or three rates, no batch, batches of more
            than one shape, or a file of other runs.

    Example:
        >>> import jax, jax.numpy as jnp, jinit, optax
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> shapes = lambda n: {"a": shape(8, n), "b": shape(n, n), "c": shape(n, 1)}
        >>> apply = lambda p, x: jnp.tanh(jnp.tanh(x @ p["a"]) @ p["b"]) @ p["c"]
        >>> def make(width, learning_rate, key):
        ...     scales = jinit.mup(shapes(16), shapes(width))
        ...     rules = scales.rules([("c", jinit.zeros), ("**", jinit.lecun_normal)])
        ...     params = jinit.materialize(shapes(width), key, rules)
        ...     return apply, params, scales.optimizer(optax.adam, learning_rate)
        >>> x = jax.random.normal(jax.random.key(0), (64, 8))
        >>> mse = lambda outputs, targets: jnp.mean((outputs - targets) ** 2)
        >>> rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
        >>> batches = [(x, jnp.sin(x[:, :1] + x[:, 1:2]))]
        >>> found = jinit.transfer(make, [16, 64], rates, batches, mse, steps=20)
        >>> [len(found.best), found.is_complete]
        [2, True]

    References:
        Yang, Hu et al. Tensor Programs V: tuning large neural networks via zero-shot
        hyperparameter transfer. 2022. Figure 1. https://arxiv.org/abs/2203.03466
    """
    sizes, rates = tuple(sorted({*sizes})), np.unique(learning_rates.ravel())
    require_task(_WHERE, sizes, batches)
    require_rates(_WHERE, rates)
    plans = {size: _runs(make, size, batches, loss, over, steps) for size in sizes}
    pairs = [(float(rate), seed) for rate in rates for seed in range(seeds)]
    store = kept(_WHERE, path)
    with stoppable(_WHERE):
        for i, (size, runs) in enumerate(plans.items(), 1):
            label = f"{over} {size}, {i} of {len(plans)}"
            _train(str(size), runs, pairs, store, label)
    done = [[store.done.get(Run(str(size), *pair)) for pair in pairs] for size in sizes]
    if not any(map(any, done)):
        raise KeyboardInterrupt
    return _result(sizes, rates, done, over, steps, tolerance)


def _runs(
    make: Make, size: int, batches: Sequence[Batch], loss: Loss, over: Over, steps: int
) -> Runs:
    own = parted(_WHERE, batches, size, over)
    steps = steps * len(own) // len(batches)
    return Runs(_WHERE, functools.partial(make, size), own, loss, steps)


def _train(
    size: str,
    runs: Runs,
    pairs: Sequence[tuple[float, int]],
    store: Kept,
    label: str,
) -> None:
    """Trains what is not done yet, and keeps it."""
    store.require_same(size, runs)
    left = [Run(size, *pair) for pair in pairs if Run(size, *pair) not in store.done]
    if not left:
        return
    rates, seeds = (np.array(each) for each in list(zip(*left, strict=True))[1:])
    parts = side_by_side(runs, rates.astype(np.float32), seeds.astype(np.int32))
    for losses in track(parts, PARTS + 1, label):
        if losses is not None:
            ends = reached(losses, curves=False)
            store.add(dict(zip(left, ends, strict=True)))


def _result(
    sizes: tuple[int, ...],
    rates: np.ndarray,
    done: Sequence[Sequence[Reached | None]],
    over: Over,
    steps: int,
    tolerance: float,
) -> Transfer:
    """What is done as numbers, NaN for what is not."""
    unknown = (np.nan, np.nan)
    numbers = [[each[:2] if each else unknown for each in row] for row in done]
    table = np.array(numbers, float).reshape(len(sizes), len(rates), -1, 2)
    first = tuple(_mean(row) for row in table[..., 0])
    last = tuple(tuple(map(tuple, row)) for row in table[..., 1].tolist())
    return Transfer(sizes, tuple(rates.tolist()), last, first, over, steps, tolerance)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
