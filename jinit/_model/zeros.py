"""Products of parameters whose factors all are 0: no gradient ever reaches any."""

from collections.abc import Container, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from .._core import bare, warn
from .._reading import Trace


# What the two kernels of a low-rank pair are called: LoRA in its many versions.
PAIRS = (("lora_a", "lora_b"), ("A", "B"), ("a", "b"), ("down", "up"), ("U", "V"))


def warn_of_zero_products(
    where: str, leaves: Mapping[str, Any], given: Container[str], trace: Trace | None
) -> None:
    """Warns of products of which all factors are 0, if one of them was drawn now."""
    for factors in _products(leaves, trace):
        drawn = not all(path in given for path in factors)
        if drawn and all(_is_zero(leaves[path]) for path in factors):
            warn(
                f"`{where}` left all factors of a product at 0: {', '.join(factors)}. "
                "No gradient ever reaches any of them. Draw one, as LoRA does its A.",
            )


def _products(
    leaves: Mapping[str, Any], trace: Trace | None
) -> Iterator[tuple[str, ...]]:
    if trace is not None:
        yield from _chained(leaves, trace)
        return
    for path in leaves:
        parts = path.split("/")
        for first, second in PAIRS:
            if first in parts:
                other = "/".join(second if x == first else x for x in parts)
                if other in leaves and _fit(leaves[path], leaves[other]):
                    yield path, other


def _chained(leaves: Mapping[str, Any], trace: Trace) -> Iterator[tuple[str, ...]]:
    """Kernels that read another's output as it is: x · A · B is x · (A B)."""
    paths = {bare(path): path for path in leaves}
    for row in trace:
        pair = bare(row.follows or ""), bare(row.path)
        if row.activation_name == "identity" and paths.keys() >= {*pair}:
            yield paths[pair[0]], paths[pair[1]]


def _fit(first: Any, second: Any) -> bool:
    """Whether two matrices share their inner axis, in either order."""
    matrices = len(first.shape) == len(second.shape) >= 2
    return matrices and (
        first.shape[-1] == second.shape[-2] or first.shape[-2] == second.shape[-1]
    )


def _is_zero(leaf: Any) -> bool:
    if not hasattr(leaf, "shape") or isinstance(leaf, Tracer):
        return False
    with jax.ensure_compile_time_eval():
        return not bool(jnp.any(leaf))
