"""Kernels to begin with: drawn anew, all else as it was."""

import dataclasses
from typing import Any

import jax

from .._core import Initializer
from .._model import Plan
from .._model.auto import plan_of
from .._reading import KERNELS, Model


def draw_kernels(
    where: str,
    model: Model,
    weights: Any,
    key: jax.Array | None,
    law: Initializer | None = None,
) -> Any:
    """The weights with kernels drawn from `law`, by default orthonormal ones.

    Every kernel is made where the one given was put.
    """
    if key is None:
        raise ValueError(
            f"`{where}` needs a key to draw kernels with. Got None. Give one before "
            "the batch, or `start='given'` to fit the weights as they are."
        )
    plan = plan_of(where, model, weights, law="orthogonal", mirror=False)
    chosen = (
        dataclasses.replace(
            choice,
            initializer=(law or choice.initializer) if choice.role in KERNELS else None,
        )
        for choice in plan
    )
    put = lambda leaf: leaf.sharding if getattr(leaf, "committed", False) else None
    places = list(map(put, jax.tree.leaves(weights)))
    return Plan(tuple(chosen)).draw(key, weights, places)
