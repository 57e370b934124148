"""The zoo under `jinit.initialize`: what is told of it beside what is measured.

    python -m tests.zoo_table [NAME ...]

By model: leaves; layers; rows marked unsure; the worst ratio of predicted to measured
E z² among the others, on average over draws, and the same beyond chance: beyond three
standard errors of that average; starts of its author that were kept, of those that its
entry names; the loss over the first one, after 20 steps of Adam; and the seconds that
the plan took.
"""

import fnmatch
import functools
import os
import sys
import time
import warnings
from typing import Any


os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.table import Table

import jinit
from jinit._frameworks import read
from jinit._graph import evaluate
from jinit._reading import measurable, read_subject, trace_model
from tests.zoo import Entry, ZOO
from tests.zoo.parts import squared_error


DRAWS, STEPS = 16, 20
QUICKLY = {"xla_backend_optimization_level": 0}  # each program runs a few times
COLUMNS = (
    *("model", "leaves", "layers", "unsure", "worst", "beyond chance", "where"),
    *("kept", "loss", "seconds"),
)


def _state(subject: Any, inputs: Any) -> Any:
    """State as the model's author starts it."""
    if not subject.start:
        return subject.state
    first = len(jax.tree.leaves(subject.weights))

    @functools.partial(jax.jit, compiler_options=QUICKLY)
    def made(key: jax.Array) -> Any:
        return jax.tree.leaves(subject.start(key, *inputs))[first:]

    structure = jax.tree.structure(subject.state)
    return jax.tree.unflatten(structure, made(jax.random.key(0)))


def _second(value: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
    return value, jnp.mean(jnp.abs(value * jnp.ones((), jnp.float32)) ** 2)


def _measured(
    entry: Entry, draws: list[Any], state: Any, found: Any
) -> dict[Any, np.ndarray]:
    """E z² of every layer, by draw of weights and batch."""
    layers = [each for each in found.layers if measurable(found.graph, each)]
    visits = {layer.output: _second for layer in layers}
    run = jax.jit(
        lambda arrays: evaluate(found.graph, arrays, visits)[1],
        compiler_options=QUICKLY,
    )
    seen = []
    for seed, weights in enumerate(draws):
        inputs = _batch(entry, seed)
        seen.append(run(jax.tree.leaves((weights, state, inputs))))
    return {i: np.array([np.mean(each[i]) for each in seen]) for i in visits}


def _batch(entry: Entry, seed: int) -> Any:
    return entry.batch(jax.random.key(100 + seed))


def _trained(entry: Entry, weights: Any, state: Any, found: Any) -> float:
    """The loss after some steps of Adam on one batch, over the loss before."""
    judge, optimizer = entry.loss or squared_error, optax.adam(1e-3)
    inputs = _batch(entry, 0)

    def loss(weights: Any) -> jax.Array:
        outputs, _ = evaluate(found.graph, jax.tree.leaves((weights, state, inputs)))
        return judge(jax.tree.unflatten(found.structure, outputs), jax.random.key(1))

    def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
        weights, memory = carry
        value, slopes = jax.value_and_grad(loss)(weights)
        slopes = jax.tree.map(jnp.conj, slopes)  # down the slope of complex weights
        update, memory = optimizer.update(slopes, memory, weights)
        return (optax.apply_updates(weights, update), memory), value

    @functools.partial(jax.jit, compiler_options=QUICKLY)
    def train(weights: Any) -> jax.Array:
        first = (weights, optimizer.init(weights))
        return jax.lax.scan(step, first, length=STEPS)[1]

    losses = train(weights)
    return float(losses[-1] / losses[0])


def _off(told: float, seen: np.ndarray) -> tuple[float, float]:
    """The factor between what is told and what is seen, and how much of it no chance
    explains."""
    factor = max(told / seen.mean(), seen.mean() / told)
    chance = 3 * seen.std() / seen.mean() / DRAWS**0.5
    return factor, max(1.0, factor / np.exp(chance))


def _row(entry: Entry) -> tuple[str, ...]:
    start = time.perf_counter()
    plan = jinit.explain(entry.model, *entry.inputs)
    seconds = time.perf_counter() - start
    subject = read("jinit.explain", entry.model, None, entry.inputs)
    found = read_subject("jinit.explain", subject)
    state = _state(subject, _batch(entry, 0))
    draws = [plan.draw(jax.random.key(i), subject.weights) for i in range(DRAWS)]
    measured = _measured(entry, draws, state, found)
    choices = {choice.path: choice for choice in plan}
    layers = trace_model(found).source.layers()
    worst, beyond, where = 1.0, 1.0, ""
    for path, layer in layers.items():
        seen, choice = measured.get(layer.output), choices[path]
        if seen is not None and seen.any() and choice.makes and not choice.doubt:
            factor, surely = _off(choice.makes, seen)
            worst = max(worst, factor)
            beyond, where = max((beyond, where), (surely, path))
    unsure = sum(bool(choices[path].doubt) for path in layers)
    own = [c for c in plan for glob in entry.own if fnmatch.fnmatch(c.path, f"*{glob}")]
    kept = sum("model's own" in choice.reason for choice in own)
    try:
        loss = f"{_trained(entry, draws[0], state, found):.2f}"
    except Exception as error:
        loss = f"{type(error).__name__}: {error}"[:60]
    numbers = (len(plan), len(layers), unsure, f"{worst:.2f}", f"{beyond:.2f}", where)
    return (
        entry.name,
        *map(str, numbers),
        f"{kept}/{len(own)}",
        loss,
        f"{seconds:.1f}",
    )


def main(names: list[str]) -> None:
    """Prints the table, a row as soon as it is known."""
    table = Table(*COLUMNS)
    for name in names or [*ZOO]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                row = _row(ZOO[name])
            except Exception as error:
                row = (name, f"{type(error).__name__}: {error}"[:100])
        print(*row, sep="  ", flush=True)
        table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
