"""A recipe: the rules of a publication or a framework, for any model."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

from .._core.initializer import Initializer
from .._model.auto.choice import default
from .._model.rules import Leaf, role, Rule, Selector
from .._reading.trace import Row
from .._schemes.distributions import normal
from .._schemes.given import ones, zeros


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Rules that read roles from the computation; iterates over them.

    Rules of your own go before them, as in `[("head/kernel", jinit.zeros), *recipe]`.
    """

    name: str
    rules: tuple[Rule, ...]

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __repr__(self) -> str:
        return f"jinit.recipes.{self.name}"


RECIPES: dict[str, Callable[..., Recipe]] = {}


def recipe(function: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """Registers a recipe under its name."""
    RECIPES[function.__name__] = function
    return function


def claim(function: Callable[..., Recipe]) -> str:
    """The first line of a recipe's docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def rules(*pairs: tuple[Selector, Any], required: bool = False) -> tuple[Rule, ...]:
    """Rules for whatever a model has: none of them needs to match, by default."""
    return tuple(Rule(selector, value, required) for selector, value in pairs)


REST = rules(
    (role("norm scale", "gate"), ones),
    (role("bias", "norm offset"), zeros),
    (role("embedding"), normal(stddev=1.0)),
    (role("positional", "token"), normal(stddev=0.02)),
    (role("norm statistic", "unused"), lambda leaf: default(leaf.row)),
)

weights = Selector(
    "kernels and embeddings",
    lambda leaf: (
        leaf.row.is_kernel or leaf.row.role in {"embedding", "positional", "token"}
    ),
)
in_branch = Selector("in a residual branch", lambda leaf: leaf.row.branches > 0)


def _is_query_or_key(leaf: Leaf) -> bool:
    row = leaf.row
    if row.attention == "scores" and row.branches and not _has_values(leaf):
        raise ValueError(
            "The recipe needs values in a kernel of their own, as it scales them apart "
            f"from queries and keys. Got {leaf.path} of shape {leaf.shape}, in an "
            "attention where no kernel makes values alone. Give it a rule of its own, "
            f"before the recipe: `[({leaf.path!r}, ...), *recipe]`."
        )
    return row.attention == "scores"


def _has_values(leaf: Leaf) -> bool:
    """Whether a kernel makes values beside those that make queries and keys."""
    rows = _attention(leaf)
    depth = max(row.depth or 0 for row in rows if row.attention == "scores")
    return any(row.attention == "values" and (row.depth or 0) <= depth for row in rows)


def _attention(leaf: Leaf) -> list[Row]:
    """The kernels of the attention that a kernel is in, in order."""
    found: list[Row] = []
    for row in leaf.trace.in_order:
        found += [row] * bool(row.attention)
        if row.attention and row.closes_residual:
            if leaf.row in found:
                break
            found = []
    return found


queries_and_keys = Selector("queries and keys", _is_query_or_key)


def of_branches(rule: Callable[[int], Initializer]) -> Callable[[Leaf], Initializer]:
    """An initializer that depends on the number of branches of the stream."""
    return lambda leaf: rule(leaf.row.branches)


def layers(leaf: Leaf) -> float:
    """The layers of a transformer stream, of two branches each."""
    return leaf.row.branches / 2


def width(leaf: Leaf) -> float:
    """The width of the residual stream: what the layers that close a branch put out."""
    closing = [row for row in leaf.trace if row.is_kernel and row.closes_residual]
    fans = [row.fan_out for row in closing if row.fan_out]
    if not fans:
        raise ValueError(
            "The recipe needs a model with residual branches, whose width it takes. "
            f"Got none, for {leaf.path}. Use a recipe for networks without them."
        )
    return max(set(fans), key=fans.count)


def published_fans(row: Row) -> tuple[float, float]:
    """(k² · in, k² · out), as publications count them: a stride does not matter."""
    sizes = lambda axes: math.prod(row.shape[axis] for axis in axes or ())
    window = sizes(row.window_axes)
    return window * sizes(row.in_axes), window * sizes(row.out_axes)


def root(value: float, power: float) -> float:
    """value^(1/power)."""
    return math.pow(value, 1 / power)
