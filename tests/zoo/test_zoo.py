"""The zoo itself: every model runs as its author starts it."""

import jax
import jax.numpy as jnp
import pytest

from . import ZOO
from .start import start


# These programs run once: XLA need not improve them, which takes most of its time.
QUICKLY = {"xla_backend_optimization_level": 0}


@pytest.mark.parametrize("train", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", ZOO)
def test_the_authors_own_start_is_finite(name, train):
    entry, model = ZOO[name], ZOO[name].make()

    def outputs(key, *inputs):
        apply, weights, state = start(model, key, inputs, train)
        return apply(weights, state, *inputs)

    run = jax.jit(outputs, compiler_options=QUICKLY)
    key = jax.random.key(0, impl="unsafe_rbg")  # compiles faster than threefry
    for y in jax.tree.leaves(run(key, *entry.batch(key))):
        assert jnp.isfinite(y).all()
