"""What a recipe gives each kernel of a decoder, layer by layer."""

import functools
from typing import Any

import numpy as np
import pytest

import jinit
from jinit._model.by_rules import plan_by_rules
from tests.recipes.decoders import decoder


DEPTH, D = 3, 16
# σ after the cut at ±3 over σ before.
CUT = jinit.truncated_normal(1.0, lower=-3.0, upper=3.0).std((2, 2))


def deviations(law, slices=DEPTH):
    """The standard deviation before a cut in each slice of a stack."""
    factor = np.ravel(law.settings.get("factor", 1.0))
    base = law.settings.get("base", law)
    std = base.std((2, 2)) / (CUT if base.settings.get("lower") == -3 else 1)
    return std * np.broadcast_to(factor, slices)


@functools.cache
def traced(make, *sizes, **model):
    """The parameters of a model, and its trace: read once for all recipes."""
    apply, params, *inputs = make(*sizes, **model)
    return params, jinit.trace(apply, params, *inputs)


def planned(recipe, make, *sizes, **model) -> dict[str, Any]:
    """The law of each parameter of a model, which `make` makes, without predictions."""
    params, trace = traced(make, *sizes, **model)
    plan = plan_by_rules(params, recipe, "jinit.explain", lambda: trace)
    return {choice.path: choice.initializer for choice in plan}


def by_kernel(recipe, depth=DEPTH, make=decoder, **model):
    """The standard deviations of a kernel in all layers, by its name."""
    found = planned(recipe, make, depth, D, **model)
    if model.get("scanned"):
        inside = {p[7:]: deviations(law) for p, law in found.items() if p[:3] == "lay"}
    else:
        names = [path[9:] for path in found if path.startswith("layers/0/")]
        of = lambda i, name: deviations(found[f"layers/{i}/{name}"], 1)[0]
        inside = {name: [of(i, name) for i in range(depth)] for name in names}
    short = lambda path: path.removeprefix("attention/")
    others = {
        path: deviations(law, 1) for path, law in found.items() if "/" not in path
    }
    return {short(path): list(std) for path, std in (inside | others).items()}


def check(found, expected):
    for names, std in expected.items():
        for name in names.split():
            wanted = std if isinstance(std, list) else [std] * len(found[name])
            assert found[name] == pytest.approx(wanted, rel=1e-6), name
