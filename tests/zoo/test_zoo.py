"""The zoo itself: every model runs as its author starts it."""

import jax
import jax.numpy as jnp
import pytest

from . import ZOO
from .start import start


# These programs run once: XLA need not improve them, which takes most of its time.
QUICKLY = {"xla_backend_optimization_level": 0}


@pytest.mark.parametrize("name", ZOO)
def test_the_authors_own_start_is_finite(name):
    entry, model = ZOO[name], ZOO[name].make()

    def outputs(key, *inputs):
        """In training and in evaluation; XLA draws once what both start from."""
        modes = [start(model, key, inputs, train) for train in (True, False)]
        return [apply(weights, state, *inputs) for apply, weights, state in modes]

    run = jax.jit(outputs, compiler_options=QUICKLY)
    key = jax.random.key(0, impl="unsafe_rbg")  # compiles faster than threefry
    for y in jax.tree.leaves(run(key, *entry.batch(key))):
        assert jnp.isfinite(y).all()
