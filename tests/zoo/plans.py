"""What a recipe gives the models of the tests."""

from typing import Any

import jax

import jinit


KEY = jax.random.key(0)


def laws(model, rules) -> dict[str, Any]:
    apply, params, *inputs = model
    plan = jinit.explain(apply, params, *inputs, rules=rules)
    return {choice.path: choice.initializer for choice in plan}


def draw(model, rules):
    apply, params, *inputs = model
    return jinit.initialize((apply, params), KEY, *inputs, rules=rules)
