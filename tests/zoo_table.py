"""The zoo under `jinit.initialize`: what is told of it beside what is measured.

    python -m tests.zoo_table [NAME ...]

By model: leaves; layers; rows marked unsure; the worst ratio of predicted to measured
E z² among the others, on average over draws; starts of its author that were kept, of
those that its entry names; and the seconds that the plan took.
"""

import fnmatch
import os
import sys
import time
import warnings
from typing import Any


os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

import jinit
from jinit._frameworks import read
from jinit._graph import evaluate
from jinit._reading import measurable, read_subject, trace_model
from tests.zoo import Entry, ZOO


DRAWS = 4
COLUMNS = ("model", "leaves", "layers", "unsure", "worst", "where", "kept", "seconds")


def _given(path: Any, leaf: Any) -> Any:
    """State as it starts: averages 0, variances 1, keys of 0."""
    if not isinstance(leaf, jax.ShapeDtypeStruct):
        return leaf
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0), leaf.shape)
    return jnp.full(leaf.shape, "mean" not in str(path[-1]), leaf.dtype)


def _second(value: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
    return value, jnp.mean(jnp.abs(value * jnp.ones((), jnp.float32)) ** 2)


def _measured(entry: Entry, plan: Any, subject: Any, found: Any) -> dict[Any, float]:
    """E z² of every layer, on average over draws and batches."""
    layers = [each for each in found.layers if measurable(found.graph, each)]
    state = jax.tree_util.tree_map_with_path(_given, subject.state)
    visits = {layer.output: _second for layer in layers}
    quickly = {"xla_backend_optimization_level": 0}
    run = jax.jit(
        lambda arrays: evaluate(found.graph, arrays, visits)[1],
        compiler_options=quickly,
    )
    seen = []
    for seed in range(DRAWS):
        weights = plan.draw(jax.random.key(seed), subject.weights)
        inputs = entry.batch(jax.random.key(100 + seed))
        seen.append(run(jax.tree.leaves((weights, state, inputs))))
    mean = lambda i: float(np.mean([np.mean(each[i]) for each in seen]))
    return {i: mean(i) for i in visits}


def _row(entry: Entry) -> tuple[str, ...]:
    start = time.perf_counter()
    plan = jinit.explain(entry.model, *entry.inputs)
    seconds = time.perf_counter() - start
    subject = read("jinit.explain", entry.model, None, entry.inputs)
    found = read_subject("jinit.explain", subject)
    measured = _measured(entry, plan, subject, found)
    choices = {choice.path: choice for choice in plan}
    layers = trace_model(found).source.layers()
    worst, where = 1.0, ""
    for path, layer in layers.items():
        seen, choice = measured.get(layer.output), choices[path]
        if seen and choice.makes and not choice.doubt:
            ratio = max(choice.makes / seen, seen / choice.makes)
            worst, where = max((worst, where), (ratio, path))
    unsure = sum(bool(choices[path].doubt) for path in layers)
    own = [c for c in plan for glob in entry.own if fnmatch.fnmatch(c.path, f"*{glob}")]
    kept = sum("model's own" in choice.reason for choice in own)
    numbers = (len(plan), len(layers), unsure, f"{worst:.2f}", where)
    return (entry.name, *map(str, numbers), f"{kept}/{len(own)}", f"{seconds:.1f}")


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
