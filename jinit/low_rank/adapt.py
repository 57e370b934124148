"""The weights of a whole model, adapted: factors by path, and a tree of bases."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp

from .._core import (
    bare,
    check,
    check_key,
    Count,
    named_leaves,
    public,
    replaced,
    shown,
    Tree,
    Whole,
)
from .._model import chosen, key_for, Leaf, path_keys, Selector
from .._reading import Trace
from .axes import Matrices
from .corda import corda
from .dora import dora
from .eva import eva
from .factors import Adapted
from .loftq import loftq
from .lora import lora
from .lora_ga import lora_ga
from .olora import olora
from .orthogonal import orthogonal
from .pissa import milora, pissa
from .randlora import randlora
from .vera import vera


Method = Literal[
    "lora", "pissa", "milora", "olora", "corda", "lora_ga", "loftq", "eva", "dora",
    "vera", "randlora", "orthogonal",
]  # fmt: skip

_METHODS: dict[str, Callable[..., Adapted]] = {
    "lora": lora, "pissa": pissa, "milora": milora, "olora": olora, "corda": corda,
    "lora_ga": lora_ga, "loftq": loftq, "eva": eva, "dora": dora, "vera": vera,
    "randlora": randlora, "orthogonal": orthogonal,
}  # fmt: skip

# Settings that are given by path: one for each weight.
_BY_PATH = ("gradient", "covariance", "inputs")

_WHERE = "jinit.low_rank.adapt"


@public("jinit.low_rank")
def adapt(
    tree: Tree,
    key: Any,
    where: str | Selector | Callable[[Leaf], bool],
    *,
    method: Method = "lora",
    rank: Any,
    trace: Trace | None = None,
    **settings: Any,
) -> Adapted:
    """A model's weights in two parts: a frozen tree, and factors of some of its leaves.

    `merge(base, factors)` is the tree that the model runs with. It is a function of the
    factors, so that they alone are trained, in any framework and without another layer.

    Args:
        tree: Weights of any framework.
        key: A PRNG key; None if nothing is random. Each weight draws from its own key,
            by its path; those of "vera" and "randlora" share one.
        where: Which weights: a glob over paths or a condition, as in `jinit.reinit`.
        method: The function of `jinit.low_rank` that adapts each.
        rank: The rank, or a dictionary of ranks by path such as `eva_ranks` makes;
            weights of rank 0, or without one, stay as they are.
        trace: `jinit.trace` of the model: conditions may ask for roles, and the axes of
            a weight are those that the computation gives them, such as heads or a
            window. Without it a weight is read as `(..., in, out)`.
        **settings: What the method takes beside the rank. `gradient`, `covariance` and
            `inputs` are trees of the same paths.

    Returns:
        `(base, factors)`: a tree like the one given, and a dictionary of factors by
        path. Leaves without factors are the same objects.

    Raises:
        ValueError: When `where` matches nothing, or a weight of one axis; when a rank,
            or what is given by path, is missing or does not fit.
        TypeError: When the method draws and there is no key, or it lacks a setting.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> tree = {"body": {"kernel": jnp.eye(4), "bias": jnp.ones(4)}}
        >>> base, factors = jinit.low_rank.adapt(
        ...     tree, jax.random.key(0), "**/kernel", method="lora", rank=2
        ... )
        >>> {path: each.a.shape for path, each in factors.items()}
        {'body/kernel': (4, 2)}
        >>> x = jnp.arange(4.0)
        >>> model = lambda tree, x: x @ tree["body"]["kernel"] + tree["body"]["bias"]
        >>> adapted = lambda factors: model(jinit.low_rank.merge(base, factors), x)
        >>> grads = jax.grad(lambda factors: adapted(factors).sum())(factors)
        >>> bool(grads["body/kernel"].b.any()), bool(grads["body/kernel"].a.any())
        (True, False)
    """
    function = _METHODS[method]
    key, asked = key_for(_WHERE, key, tree), inspect.signature(function).parameters
    weights = chosen(_WHERE, tree, where, trace)
    axes = {path: _matrices(path, leaf, trace) for path, leaf in weights.items()}
    ranks = _ranks(rank, weights)
    weights = {path: leaf for path, leaf in weights.items() if path in ranks}
    given = _by_path(settings, weights, axes)
    if "key" in asked and asked["key"].default is inspect.Parameter.empty:
        check_key(_WHERE, key)
    if "size" in asked:
        settings.setdefault("size", _largest(weights, axes))
    keys = _keys(key, list(weights), "size" in asked)
    base, factors = {}, {}
    for path, leaf in weights.items():
        own = settings | given[path] | ({"key": keys[path]} if "key" in asked else {})
        base[path], factors[path] = _adapted(
            functools.partial(function, rank=ranks[path], **own), leaf, axes[path]
        )
    return Adapted(replaced(tree, base), factors)


def _matrices(path: str, leaf: Any, trace: Trace | None) -> Matrices:
    """How a weight is read: as the trace says, or else `(..., in, out)`."""
    if leaf.ndim < 2:
        raise ValueError(
            f"`{_WHERE}` needs `where` to match weights of two or more axes. Got "
            f"{path} of shape {tuple(leaf.shape)}. Match kernels alone, as with "
            "'**/kernel'."
        )
    *stack, last, columns = range(leaf.ndim)
    row = trace.find(path) if trace else None
    if row is None or not row.in_axes or not row.out_axes:
        return Matrices(tuple(leaf.shape), tuple(stack), (last,), (columns,))
    rows = (*(row.window_axes or ()), *row.in_axes)
    stack = [axis for axis in range(leaf.ndim) if axis not in (*rows, *row.out_axes)]
    return Matrices(tuple(leaf.shape), tuple(stack), rows, tuple(row.out_axes))


def _adapted(method: Callable[..., Adapted], leaf: Any, axes: Matrices) -> Adapted:
    """The parts of a weight that is read by its axes."""
    if axes.is_plain:
        return method(leaf)
    base, factors = method(axes.read(jnp.asarray(leaf)))
    return Adapted(axes.write(base), dataclasses.replace(factors, axes=axes))


def _ranks(rank: Any, weights: Mapping[str, Any]) -> dict[str, int]:
    if not isinstance(rank, Mapping):
        return dict.fromkeys(weights, int(check(_WHERE, "rank", Count, rank)))
    by_path = {bare(str(path)): each for path, each in rank.items()}
    unknown = by_path.keys() - {bare(path) for path in weights}
    if unknown:
        raise ValueError(
            f"`{_WHERE}` needs ranks of weights that `where` matches. Got "
            f"{shown(sorted(unknown))}, and these are: {', '.join(weights)}."
        )
    found: dict[str, int] = {}
    for path in weights:
        each = check(_WHERE, "rank", Whole, by_path.get(bare(path), 0))
        found |= {path: each} if each else {}
    return found


def _by_path(
    settings: dict[str, Any], weights: Mapping[str, Any], axes: Mapping[str, Matrices]
) -> dict[str, dict[str, Any]]:
    """What is given for each weight, taken out of the settings of all."""
    found: dict[str, dict[str, Any]] = {path: {} for path in weights}
    for name in [name for name in _BY_PATH if name in settings]:
        leaves = named_leaves(settings.pop(name))
        leaves = {bare(path): leaf for path, leaf in leaves.items()}
        missing = [path for path in weights if bare(path) not in leaves]
        if missing:
            raise ValueError(
                f"`{_WHERE}` needs `{name}` for each weight, by path. Got none for "
                f"{', '.join(missing)}."
            )
        for path, leaf in weights.items():
            each = leaves[bare(path)]
            alike = name == "gradient" and jnp.shape(each) == leaf.shape
            own = axes[path].read(jnp.asarray(each)) if alike else each
            found[path][name] = own
    return found


def _largest(
    weights: Mapping[str, Any], axes: Mapping[str, Matrices]
) -> tuple[int, int]:
    sizes = [axes[path].size[-2:] for path in weights]
    return max(rows for rows, _ in sizes), max(columns for _, columns in sizes)


def _keys(key: jax.Array | None, paths: list[str], is_shared: bool) -> dict[str, Any]:
    if key is None or is_shared or not paths:
        return dict.fromkeys(paths, key)
    return dict(zip(paths, path_keys(key, paths), strict=True))
