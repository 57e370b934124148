"""What a recipe gives the models of the tests."""

import jax

import jinit


KEY = jax.random.key(0)


def laws(model, rules):
    apply, params, *inputs = model
    plan = jinit.initialize((apply, params), None, *inputs, rules=rules, dry_run=True)
    return {choice.path: choice.initializer for choice in plan}


def draw(model, rules):
    apply, params, *inputs = model
    return jinit.initialize((apply, params), KEY, *inputs, rules=rules)
