"""Recipes of transformers whose stream is on a sphere, or several."""

import math
from collections.abc import Callable

import numpy as np

from .._core import glob, Initializer, Positive
from .._model import is_kernel, Leaf, path, role, Rule, traced
from .._schemes import constant, lecun_normal, normal, ones, zeros
from ..compose import normalized
from .leaves import part, width
from .recipe import Recipe, recipe, rules, UnfitError


@recipe
def ngpt(
    alpha: str = "*alpha*",
    sqk: str = "{*sqk*,*s_qk*}",
    suv: str = "{*suv*,s_u,s_v}",
    sz: str = "{sz,s_z}",
    scaling: Positive | None = None,
) -> tuple[Rule, ...]:
    """nGPT: every vector of a matrix along the stream, and of the table, of length 1.

        w = z / ‖z‖ along the axis of the stream's width d,   z ~ N(0, 1)
        α, s_qk and s_z are stored as 1/√d,   s_uv as 1

    The vectors are those that make each query, key, value and hidden unit and each
    logit, and those that each unit of a branch's end adds. The model multiplies what it
    stores by a number of its own, so that α begins as 0.05 and each s as 1.

    Assumes Adam without weight decay and without warm-up, matrices that are normalized
    again after each step, no norms but those of length 1, and a head of its own.

    Args:
        alpha: The glob of the learned rates of the two branches.
        sqk: Of the scales of queries and keys.
        suv: Of the scales of the MLP's hidden units.
        sz: Of the scales of the logits.
        scaling: What α, s_qk and s_z are stored as; 1/√d by default.

    Returns:
        A recipe.

    Raises:
        UnmatchedError: When the model has no α.

    References:
        Loshchilov, Hsieh, Sun, Ginsburg. nGPT: normalized transformer with
        representation learning on the hypersphere. ICLR 2025. Section 2, and its code
        at https://github.com/NVIDIA/ngpt. https://arxiv.org/abs/2410.01131
    """
    stored = lambda leaf: constant(scaling or width(leaf) ** -0.5)
    return (
        *rules((path(alpha), stored), required=True),
        *rules(
            (path(sqk) | path(sz), stored),
            (path(suv), ones),
            (role("embedding"), normalized(normal(stddev=1.0))),
            (part("end"), lambda leaf: _unit(leaf, leaf.row.out_axes)),
            (is_kernel(), lambda leaf: _unit(leaf, leaf.row.in_axes)),
        ),
    )


def _unit(leaf: Leaf, axes: tuple[int, ...] | None) -> Initializer:
    if not axes:
        raise UnfitError(
            "kernels whose inputs and outputs have axes of their own",
            f"{leaf.path} of shape {leaf.shape}. Give it a rule of its own.",
        )
    return normalized(normal(stddev=1.0), axis=axes)


@recipe
def hyper_connections(
    base: Recipe | None = None,
    static_alpha: str = "*static_alpha*",
    static_beta: str = "*static_beta*",
    dynamic: str = "*dynamic_{alpha,beta}_fn*",
    scale: str = "*dynamic_{alpha,beta}_scale*",
) -> tuple[Rule, ...]:
    """Hyper-connections: n streams that start as one residual stream.

        α = [e_(k mod n) | I],   β = (1, …, 1)   around the branch k = 0, 1, …
        0 for the kernels that make the dynamic parts of both, which count 0.01

    Each branch reads one stream, and is added to all: their mean is what a network
    with plain residual connections computes, as long as all start from the embedding.

    Assumes the optimizer of `base`, norms before branches, and arrays α of shape (n,
    1 + n), whose first column makes what the branch reads.

    Args:
        base: A recipe for all that is no hyper-connection, such as
            `jinit.recipes.olmo()`; by default what the model itself starts it with, or
            else kernels are LeCun normal.
        static_alpha: The glob of α.
        static_beta: Of β.
        dynamic: Of the kernels that make their dynamic parts.
        scale: Of the multipliers of these.

    Returns:
        A recipe.

    Raises:
        UnmatchedError: When the model has no α.
        ValueError: When α is of another shape.

    References:
        Zhu et al. Hyper-connections. ICLR 2025. Section 2.3 and appendix J.
        https://arxiv.org/abs/2409.19606
        Wang. hyper-connections. February 2026.
        https://github.com/lucidrains/hyper-connections
    """
    rest = base or rules((is_kernel(), traced(lecun_normal)), yields=True)
    return (
        *rules((path(static_alpha), _alpha(static_alpha)), required=True),
        *rules(
            (path(static_beta), ones),
            (path(dynamic), zeros),
            (path(scale), constant(0.01)),
        ),
        *rest,
    )


def _alpha(named: str) -> Callable[[Leaf], Initializer]:
    def law(leaf: Leaf) -> Initializer:
        *_, streams, columns = leaf.shape if len(leaf.shape) > 1 else (0, 0)
        if columns != streams + 1:
            raise UnfitError(
                "α of shape (n, 1 + n)",
                f"{leaf.path} of shape {leaf.shape}. Give it a rule of its own.",
            )
        numbers = _branches(leaf, named)
        first = np.eye(streams)[numbers % streams][..., None]
        both = np.concatenate([first, [np.eye(streams)] * len(numbers)], -1)
        return constant(both.reshape(leaf.shape))

    return law


def _branches(leaf: Leaf, named: str) -> np.ndarray:
    """The number of the branch that each slice of an α is of, in order of computation.

    Those in one loop take turns.
    """
    alike = glob(named).matches
    rows = [row for row in leaf.trace.in_order if alike(row.path)]
    turns = lambda row: math.prod(row.shape[:-2])
    own = [row for row in rows if leaf.shape[:-2] and row.shape == leaf.shape]
    own = own or [leaf.row]
    earlier = sum(map(turns, rows[: rows.index(own[0])]))
    return earlier + own.index(leaf.row) + len(own) * np.arange(turns(leaf.row))
