"""More units in a layer, by copies that share what they say."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import Key, public, replaced, sampling, Tree
from .._reading import Trace
from ..settings import Count, NonNegative
from .units import beside, units_of, Where


@public("jinit.growth")
def net2wider(
    tree: Tree,
    key: Key,
    *,
    incoming: Where,
    outgoing: Where,
    width: Count,
    noise: NonNegative = 0.0,
    trace: Trace | None = None,
) -> Any:
    """Net2WiderNet: a layer with more units that computes what it did.

        W₁′ = W₁[:, g],   W₂′ = W₂[g] / n(g)

    The first units stay, each new one is a copy of one picked at random, g; what reads
    a unit with n copies reads an n-th of each. A norm over the units, such as a layer
    norm, keeps its statistics only where all have as many copies.

    Args:
        tree: Weights of any framework.
        key: A PRNG key.
        incoming: The weights that make the units: a glob over paths or a condition, as
            in `jinit.reinit`, for kernel, bias and the scale of a norm together. Units
            are the last axis.
        outgoing: The kernels that read them. Units are the last axis but one.
        width: How many units there shall be.
        noise: What is added to incoming kernels of new units, as a share of the
            kernel's standard deviation: without it, or dropout, copies stay alike.
        trace: `jinit.trace` of the model, for weights with other axes and conditions
            that ask for roles.

    Returns:
        The tree. All other leaves are the same objects.

    Raises:
        ValueError: When nothing matches, units are not read one for one, or there are
            more than `width` already.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> relu, draw = jax.nn.relu, jax.random.normal
        >>> tree = {"up": draw(jax.random.key(0), (3, 4)), "down": jnp.ones((4, 2))}
        >>> wider = jinit.growth.net2wider(
        ...     tree, jax.random.key(1), incoming="up", outgoing="down", width=6
        ... )
        >>> network = lambda tree, x: relu(x @ tree["up"]) @ tree["down"]
        >>> x = jnp.ones(3)
        >>> bool(jnp.allclose(network(wider, x), network(tree, x), atol=1e-6))
        True

    References:
        Chen, Goodfellow, Shlens. Net2Net: accelerating learning via knowledge transfer.
        ICLR 2016. https://arxiv.org/abs/1511.05641
    """
    where = "jinit.growth.net2wider"
    units = units_of(where, tree, incoming, outgoing, trace)
    if not 0 < units.width <= width:
        raise ValueError(
            f"`{where}` needs a `width` of at least the {units.width} units that there "
            f"are. Got {width}."
        )
    key_copies, key_noise = jax.random.split(key)
    copied = jax.random.randint(key_copies, (width - units.width,), 0, units.width)
    g = jnp.concatenate([jnp.arange(units.width), copied])
    new = dict(units.leaves)
    for number, (path, axis) in enumerate(units.makes.items()):
        each = jax.random.fold_in(key_noise, number)
        copies = jnp.take(jnp.asarray(new[path]), copied, axis)
        new[path] = beside(new[path], _disturbed(copies, each, new[path], noise), axis)
    for path, axis in units.reads.items():
        new[path] = _shared(new[path], g, units.width, axis)
    return replaced(tree, new)


def _shared(leaf: Any, g: jax.Array, count: int, axis: int) -> jax.Array:
    """A kernel that reads all copies of a unit, and of each its part."""
    leaf = jnp.asarray(leaf)
    copies = jnp.bincount(g, length=count)[g].astype(leaf.dtype)
    return jnp.take(leaf, g, axis) / copies.reshape(_along(leaf.ndim, axis))


def _disturbed(copies: jax.Array, key: Any, leaf: Any, noise: Any) -> jax.Array:
    if leaf.ndim < 2 or (not isinstance(noise, jax.Array) and noise == 0):
        return copies
    drawn = sampling.normal(key, copies.shape, copies.dtype)
    return copies + (noise * jnp.std(leaf)).astype(copies.dtype) * drawn


def _along(ndim: int, axis: int) -> list[int]:
    return [-1 if i == axis else 1 for i in range(ndim)]
