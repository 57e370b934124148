"""Weights that are there already: drawn anew in part, completed, or compared."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from .._core import (
    is_typed_key,
    named,
    named_leaves,
    nearest,
    public,
    replaced,
    shown,
    Tree,
)
from .._reading import Trace
from .by_rules import plan_by_rules
from .keys import key_for
from .rules import as_test, check_pattern, Leaf, no_trace, Rules, Selector
from .shardings import places
from .units import as_masks, mixed, without_outgoing
from .zeros import warn_of_zero_products


@public()
def reinit(
    tree: Tree,
    key: Any,
    where: str | Selector | Callable[[Leaf], bool],
    rules: Rules,
    *,
    units: Any = None,
    outgoing: bool = False,
    trace: Trace | None = None,
) -> Any:
    """The same weights, with some of them drawn anew: a new head, a dead layer.

    Args:
        tree: Weights of any framework. Its random streams and functions stay.
        key: A PRNG key; None if nothing is random.
        where: Which: a glob over paths or a condition, as in a rule.
        rules: What they get, as in `jinit.materialize`; the others need no rule.
        units: Which of their output units, True for those drawn anew, such as dormant
            ones: a mask for all chosen leaves, or a mapping of masks by path. Weights
            of all other units keep their bits.
        outgoing: Whether what the next kernels read from these units becomes 0, so that
            the outputs stay as they are. Kernels that read several layers, or a layer
            whose axes were reshaped, need the same of you.
        trace: `jinit.trace` of the model, for conditions that ask for roles or fans,
            for `outgoing`, and for `units` where they are not the last axis.

    Returns:
        The tree. New leaves keep shape, dtype and sharding; all other leaves are the
        same objects.

    Raises:
        ValueError: When `where` matches nothing, a mask does not fit, or the trace does
            not tell which kernel reads the units.
        UnmatchedError: When a chosen leaf matches no rule, or a rule no chosen leaf.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> tree = {"body": jnp.ones((4, 4)), "head": jnp.ones((4, 2))}
        >>> new = jinit.reinit(tree, None, "head", [("**", jinit.zeros)])
        >>> float(new["head"].sum()), new["body"] is tree["body"]
        (0.0, True)
        >>> dormant = jnp.array([True, False])
        >>> jinit.reinit(tree, None, "head", [("**", jinit.zeros)], units=dormant)[
        ...     "head"
        ... ][0].tolist()
        [0.0, 1.0]

    References:
        Sokar, Agarwal, Castro, Evci. The dormant neuron phenomenon in deep
        reinforcement learning. ICML 2023. https://arxiv.org/abs/2302.12902
    """
    name = "jinit.reinit"
    key = key_for(name, key, tree)
    found = chosen(name, tree, where, trace)
    read = no_trace(name) if trace is None else lambda: trace
    plan = plan_by_rules(found, rules, name, read)
    plan.require_key(name, key)
    drawn = plan.draw(key, found, _shardings(found))
    if units is None and not outgoing:
        return replaced(tree, drawn)
    masks = as_masks(found, units, trace)
    drawn = {p: mixed(masks[p], leaf, drawn[p]) for p, leaf in found.items()}
    if outgoing:
        drawn |= without_outgoing(_weights(tree) | drawn, masks, trace)
    return replaced(tree, drawn)


def chosen(
    name: str,
    tree: Any,
    where: str | Selector | Callable[[Leaf], bool],
    trace: Trace | None,
) -> dict[str, Any]:
    """The weights of a tree that `where` means, by path; refuses to choose none."""
    check_pattern(name, "`where`", where)
    read = no_trace(name) if trace is None else lambda: trace
    holds, leaves = as_test(where), _weights(tree)
    found = {
        path: leaf
        for path, leaf in leaves.items()
        if holds(Leaf(path, leaf.shape, leaf.dtype, read))
    }
    if not found:
        near = nearest(where, list(leaves)) if isinstance(where, str) else ""
        raise ValueError(
            f"`{name}` needs `where` to match a parameter. Got {shown(where)}{near}. "
            f"The paths are: {', '.join(leaves)}."
        )
    return found


@public()
def fill_missing(
    partial: Tree,
    key: Any,
    abstract: Tree,
    rules: Rules,
    shardings: Any = None,
    *,
    mesh: Any = None,
    trace: Trace | None = None,
) -> Any:
    """Completes weights, such as a checkpoint that lacks a head.

    Args:
        partial: Weights with parts missing: keys that are absent, or leaves that are
            None or `jax.ShapeDtypeStruct`s.
        key: A PRNG key; None if nothing is random.
        abstract: The whole tree, of arrays or shapes; functions and the like stay.
        rules: What missing leaves get, as in `jinit.materialize`. What is there needs
            none, but a rule must match something of `abstract`.
        shardings: Where missing leaves go, as in `jinit.materialize`.
        mesh: The mesh of `PartitionSpec`s.
        trace: `jinit.trace` of `abstract`, for rules that ask for roles or fans.

    Returns:
        A tree of the structure of `abstract`. What was there is the same object; what
        was missing is what `jinit.materialize(abstract, key, rules)` would draw.

    Warns:
        UserWarning: When all factors of a product are 0, as both of a LoRA pair: no
            gradient ever reaches either.

    Raises:
        ValueError: When `partial` has leaves that `abstract` lacks, or of another shape
            or dtype; it lists all of them.
        UnmatchedError: When a missing leaf matches no rule, or a rule no leaf.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> abstract = {"body": shape(4, 4), "head": shape(4, 2)}
        >>> loaded = {"body": jnp.ones((4, 4))}
        >>> full = jinit.fill_missing(loaded, None, abstract, [("head", 0.0)])
        >>> full["body"] is loaded["body"], full["head"].shape
        (True, (4, 2))
    """
    where = "jinit.fill_missing"
    key = key_for(where, key, partial)
    wanted = {p: x for p, x in named_leaves(abstract).items() if hasattr(x, "shape")}
    there = {
        path: leaf
        for path, leaf in named_leaves(partial).items()
        if not isinstance(leaf, jax.ShapeDtypeStruct)
        and (_is_array(leaf) or path in wanted)
    }
    wrong = [
        f"  {named(path)} {_kind(leaf)}, wanted {_kind(wanted.get(path))}"
        for path, leaf in there.items()
        if path not in wanted or _kind(leaf) != _kind(wanted[path])
    ]
    if wrong:
        raise ValueError(
            f"`{where}` needs leaves of the shapes and dtypes of `abstract`. Got:\n"
            + "\n".join(wrong)
            + "\nRemove or convert them first."
        )
    whole = replaced(abstract, there)
    is_kept = lambda x: not hasattr(x, "shape") or is_typed_key(x)
    arrays = jax.tree.map(lambda x: None if is_kept(x) else x, whole)
    read = no_trace(where) if trace is None else lambda: trace
    plan = plan_by_rules(arrays, rules, where, read, given=there)
    plan.require_key(where, key)
    drawn = plan.draw(key, arrays, places(arrays, shardings, mesh, where))
    full = replaced(whole, named_leaves(drawn))
    warn_of_zero_products(where, named_leaves(full), there, trace)
    return full


@public(concrete=True)
def duplicates(tree: Tree) -> list[tuple[str, ...]]:
    """Parameters that are equal to the bit, though they are not constant.

    Two random parameters that should differ but do not come from the same key, a shared
    template, or a copy.

    Args:
        tree: Weights of any framework.

    Returns:
        Groups of paths, each of two or more.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.he_normal(jax.random.key(0), (4, 4))
        >>> jinit.duplicates({"a": w, "b": w + 0, "c": -w, "d": jnp.ones(4)})
        [('a', 'b')]
    """
    groups: dict[Any, list[str]] = {}
    for path, leaf in (leaves := _weights(tree)).items():
        if leaf.size:
            groups.setdefault(_fingerprint(leaf), []).append(path)
    return [
        tuple(same)
        for paths in groups.values()
        if len(paths) > 1
        for same in _equal(paths, leaves)
    ]


def _fingerprint(leaf: Any) -> Any:
    # A few entries from all over: what differs at all, differs there or is compared.
    places = np.linspace(0, leaf.size - 1, 8).astype(int)
    few = np.asarray(jnp.ravel(leaf)[places])
    return leaf.shape, np.dtype(leaf.dtype).name, few.tobytes()


def _shardings(leaves: Mapping[str, Any]) -> list[Any]:
    found = [getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(leaves)]
    return [each if isinstance(each, NamedSharding) else None for each in found]


def _weights(tree: Any) -> dict[str, Any]:
    return {p: leaf for p, leaf in named_leaves(tree).items() if _is_weight(leaf)}


def _is_weight(leaf: Any) -> bool:
    return _is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray)


def _kind(leaf: Any) -> str:
    if leaf is None:
        return "nothing"
    is_array = hasattr(leaf, "shape")
    return f"{tuple(leaf.shape)} {leaf.dtype}" if is_array else type(leaf).__name__


def _equal(paths: list[str], leaves: Mapping[str, Any]) -> list[list[str]]:
    groups: list[list[str]] = []
    for path in paths:
        leaf = leaves[path]
        if bool(jnp.all(leaf == jnp.ravel(leaf)[0])):
            continue
        for group in groups:
            if bool(jnp.array_equal(leaves[group[0]], leaf)):
                group.append(path)
                break
        else:
            groups.append([path])
    return [group for group in groups if len(group) > 1]
