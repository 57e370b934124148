"""A model drawn and probed on noise: `jinit check`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._frameworks import as_key, holds_weights, with_batch
from .._model import Plan, plan_model
from .probe import examine
from .results import Probe


def check_model(
    where: str, model: Any, x: jax.ShapeDtypeStruct, rules: Any, own: Any, seed: int
) -> Probe:
    """The probe of a model whose weights are drawn, beside the plan they come from.

    Args:
        where: The public function or command that asks.
        model: A model of any kind.
        x: The shape and dtype of its input.
        rules: As in `jinit.initialize`.
        own: As in `jinit.initialize`.
        seed: Fixes the weights and the batch.
    """
    key = jax.random.key(seed)
    subject, plan = plan_model(where, model, key, (x,), rules, {}, own, predicts=True)
    made = subject.finish(plan.draw(key, subject.weights), None)
    model, params = (made, None) if holds_weights(made) else (model, made)
    batch = noise(x, plan, seed)
    return examine(
        with_batch(where, model, params, key, batch), as_key(where, None), plan=plan
    )


def noise(x: jax.ShapeDtypeStruct, plan: Plan, seed: int) -> jax.Array:
    """Unit normals, or tokens that every table of the model has."""
    random = np.random.default_rng(seed)
    if jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.asarray(random.standard_normal(x.shape), x.dtype)
    tables = [choice.shape[0] for choice in plan if choice.role == "embedding"]
    below = 2 if x.dtype == bool else min(tables, default=2)
    return jnp.asarray(random.integers(0, below, x.shape), x.dtype)
