"""Every width times a whole number, by cloning what is there."""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from .._core import (
    Axis,
    check,
    Key,
    Listed,
    named_arrays,
    public,
    replaced,
    require_entries,
    sampling,
    shown,
    Tree,
)
from .._model import chosen
from .._reading import Trace
from ..settings import Count, Finite


Axes: TypeAlias = tuple[int | None, int | None]


@public("jinit.growth")
def hyperclone(
    tree: Tree,
    key: Key | None = None,
    *,
    factor: Count,
    axes: Listed = (),
    snr: Finite | None = None,
    trace: Trace | None = None,
) -> Any:
    """HyperCloning: a model several times as wide that computes what it did.

        W′ = the k × k tiles of W / k,   b′ = k tiles of b

    All hidden units stand k times in a row of copies, and what reads them reads a k-th
    of each. What the data and the outputs are does not grow: it is for you to say, with
    `axes`, which weights meet them. Norms keep their statistics; more heads of the size
    that they had attend as they did, which takes `axes` too.

    Tied embeddings need the division that a head of its own gets: the outputs are k
    times as large.

    Args:
        tree: Weights of any framework.
        key: A PRNG key, for `snr` alone.
        factor: k.
        axes: Pairs of weights, a glob or a condition as in `jinit.reinit`, and the axes
            `(in, out)` that are cloned, None for one that is not; the first that
            matches counts. What matches none has `(-2, -1)`, and with one axis
            `(None, -1)`. So an embedding has `(None, -1)`, a head `(-2, None)` and its
            bias `(None, None)`; queries `(features, heads, size)` have `(0, 1)`.
        snr: How much louder than its noise a weight is, in decibels. Noise is added to
            one copy and taken from the next, so that the model is kept, and copies
            learn apart. By default there is none.
        trace: `jinit.trace` of the model, for conditions that ask for roles.

    Returns:
        The tree, with every cloned axis k times as long.

    Raises:
        ValueError: When a pair matches nothing, or its axes are not in a weight.
        TypeError: For `snr` without a key, or `axes` that are no pairs.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> draw = lambda seed, *n: jax.random.normal(jax.random.key(seed), n)
        >>> tree = {"in": draw(0, 3, 4), "mid": draw(1, 4, 4), "out": draw(2, 4, 2)}
        >>> axes = [("in", (None, -1)), ("out", (-2, None))]
        >>> wide = jinit.growth.hyperclone(tree, factor=2, axes=axes)
        >>> jax.tree.map(jnp.shape, wide)
        {'in': (3, 8), 'mid': (8, 8), 'out': (8, 2)}
        >>> tanh = jnp.tanh
        >>> network = lambda t, x: tanh(tanh(x @ t["in"]) @ t["mid"]) @ t["out"]
        >>> x = jnp.ones(3)
        >>> bool(jnp.allclose(network(wide, x), network(tree, x), atol=1e-5))
        True

    References:
        Samragh, Mirzadeh, Alizadeh Vahid, Faghri, Cho, Nabi, Naik, Farajtabar. Scaling
        smart: accelerating large language model pre-training with small model
        initialization. 2024. https://arxiv.org/abs/2409.12903
    """
    where = "jinit.growth.hyperclone"
    if snr is not None and key is None:
        raise TypeError(f"`{where}` needs a key for `snr`. Got None.")
    require_entries(where, "tree", tree)
    leaves, ruled = named_arrays(tree, where), _ruled(where, tree, axes, trace)
    cloned = {}
    for number, (path, leaf) in enumerate(leaves.items()):
        inward, outward = ruled.get(path, (-2 if leaf.ndim > 1 else None, -1))
        each = None if key is None else jax.random.fold_in(key, number)
        inward, outward = (
            _within(where, path, leaf, axis) for axis in (inward, outward)
        )
        cloned[path] = _cloned(jnp.asarray(leaf), factor, inward, outward, each, snr)
    return replaced(tree, cloned)


def _ruled(where: str, tree: Any, axes: Any, trace: Trace | None) -> dict[str, Axes]:
    """The axes that the pairs give to weights, the first pair before the others."""
    found: dict[str, Axes] = {}
    for rule in axes:
        is_pair = isinstance(rule, tuple | list) and len(rule) == 2
        if not is_pair or not isinstance(rule[1], tuple | list) or len(rule[1]) != 2:
            raise TypeError(
                f"`{where}` needs `axes` as pairs of weights and `(in, out)`. "
                f"Got {shown(rule)}."
            )
        pattern = rule[0]
        both = tuple(check(where, "axes", Axis | None, each) for each in rule[1])
        found = dict.fromkeys(chosen(where, tree, pattern, trace), both) | found
    return found


def _within(where: str, path: str, leaf: Any, axis: int | None) -> int | None:
    """An axis counted from 0."""
    if axis is None or -leaf.ndim <= axis < leaf.ndim:
        return None if axis is None else axis % leaf.ndim
    raise ValueError(
        f"`{where}` needs axes of its weights. Got {axis} for {path} of shape "
        f"{tuple(leaf.shape)}."
    )


def _cloned(
    w: jax.Array, k: int, inward: int | None, outward: int | None, key: Any, snr: Any
) -> jax.Array:
    if outward is not None:
        w = jnp.concatenate([w] * k, outward)
    if inward is None:
        return w
    part = w / k
    if snr is None or k < 2:
        return jnp.concatenate([part] * k, inward)
    # Each copy of an input has the noise that the next has with the other sign.
    loud = jnp.sqrt(jnp.mean(jnp.square(jnp.abs(part))) * 10 ** (-snr / 10))
    copies = []
    for each in jax.random.split(key, k // 2):
        noise = loud.astype(w.dtype) * sampling.normal(each, w.shape, w.dtype)
        copies += [part + noise, part - noise]
    return jnp.concatenate([*copies, *[part] * (k % 2)], inward)
