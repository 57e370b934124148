"""Random computations: read without a crash, and sized as they are measured.

JINIT_TEST_PROGRAMS=3000 takes more of them than CI has time for.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._graph import evaluate
from jinit._reading import measurable, read_model, trace_model
from tests.zoo.programs import BATCH, LENGTH, program, WIDTH


COUNT = int(os.environ.get("JINIT_TEST_PROGRAMS", "80"))
BLOCK, DRAWS = 20, 6
OFF = 1.5  # a factor that no prediction should be off by
SHARE = 0.1  # of the rows of a block that are, of those that no doubt marks
X = jax.ShapeDtypeStruct((BATCH, LENGTH, WIDTH), "float32")


def _drawn(rng, choice):
    """A draw of the law's moments, which costs no compilation."""
    law, shape = choice.initializer, choice.shape
    noise = rng.standard_normal(shape)
    return (law.mean(shape) + law.std(shape) * noise).astype(np.float32)


def _measured(model, plan, rng):
    """E z² of every layer, by draw."""
    layers = [each for each in model.layers if measurable(model.graph, each)]
    square = lambda value, _: (value, jnp.mean(jnp.abs(value) ** 2))
    visits = {layer.output: square for layer in layers}
    draws = []
    for _ in range(DRAWS):
        weights = [_drawn(rng, choice) for choice in plan]
        x = rng.standard_normal(X.shape).astype(np.float32)
        draws.append(evaluate(model.graph, [*weights, x], visits)[1])
    return {i: [float(np.mean(seen[i])) for seen in draws] for i in visits}


def _off(seed):
    """The rows of a program, and those whose prediction is off, beyond chance."""
    made = program(seed)
    plan = jinit.explain(made.forward, made.shapes, X)
    model = read_model(made.forward, made.shapes, X)
    seen = _measured(model, plan, np.random.default_rng(seed))
    rows, off = 0, []
    choices = {choice.path: choice for choice in plan}
    for path, layer in trace_model(model).source.layers().items():
        choice = choices[path]
        if choice.doubt or layer.output not in seen:
            continue
        sizes = np.array(seen[layer.output])
        chance = 3 * sizes.std() / sizes.mean() / DRAWS**0.5
        rows += 1
        factor = abs(np.log(choice.makes / sizes.mean()))
        if factor > np.log(OFF) + chance:
            off.append(f"{seed}: {made}: {path} off {np.exp(factor):.2g}x")
    return rows, off


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_random_computations_are_read_and_sized(first):
    found = [_off(seed) for seed in range(first, first + BLOCK)]
    rows = sum(rows for rows, _ in found)
    off = [line for _, lines in found for line in lines]
    assert len(off) <= SHARE * rows, "\n".join(off)


@pytest.mark.filterwarnings("ignore:`jinit.initialize` is not sure")
@pytest.mark.parametrize("seed", range(0, COUNT, 40))
def test_a_random_computation_is_initialized(seed):
    made = program(seed)
    weights = jinit.initialize((made.forward, made.shapes), jax.random.key(seed), X)
    assert {path: w.shape for path, w in weights.items()} == {
        path: shape.shape for path, shape in made.shapes.items()
    }
    assert all(jnp.isfinite(w).all() for w in weights.values())
