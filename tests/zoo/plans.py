"""What a recipe gives the models of the tests."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jinit

from .entry import ZOO


KEY = jax.random.key(0)


def laws(model, rules) -> dict[str, Any]:
    apply, params, *inputs = model
    plan = jinit.explain(apply, params, *inputs, rules=rules)
    return {choice.path: choice.initializer for choice in plan}


def of_zoo(name, rules) -> dict[str, Any]:
    """By path, what rules give a model of the zoo."""
    entry = ZOO[name]
    plan = jinit.explain(entry.model, *entry.inputs, rules=rules)
    return {choice.path.removeprefix("params/"): choice.initializer for choice in plan}


def draw(model, rules):
    apply, params, *inputs = model
    return jinit.initialize((apply, params), KEY, *inputs, rules=rules)


def filled(model, found) -> Any:
    """Normals of the mean and deviation of each law, by NumPy: nothing is compiled."""
    rng, _, params = np.random.default_rng(0), *model[:2]

    def fill(path: Any, leaf: Any) -> jax.Array:
        law = found["/".join(each.key for each in path)]
        z = rng.standard_normal(leaf.shape)
        return jnp.asarray(law.mean(leaf.shape) + law.std(leaf.shape) * z, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, params)
