"""New units that learn as fast as units can."""

from typing import Any

import jax
import jax.numpy as jnp

from .._core import Key, Numbers, public, replaced, sampling, Tree, widened
from .._reading import Trace
from ..settings import Count, NonNegative, Positive
from .units import beside, units_of, Where


@public("jinit.growth")
def gradmax(
    tree: Tree,
    key: Key | None = None,
    *,
    incoming: Where,
    outgoing: Where,
    gradient: Numbers,
    units: Count,
    scale: Positive = 1.0,
    epsilon: NonNegative = 0.0,
    trace: Trace | None = None,
) -> Any:
    """GradMax: new units that change nothing, and have the largest gradient.

        W₁′ = 0,   W₂′ = c Vₖᵀ,   M = U Σ Vᵀ = ∂L/∂A at A = 0

    with A an extra linear map from what the first layer reads to what the second adds
    up, and c the mean length of the outgoing weights that there are. The gradient of
    the new W₁′ is M W₂′ᵀ, whose norm is then c √(σ₁² + … + σₖ²): no outgoing weights of
    these lengths have more.

    The activation should be 0 at 0 and not flat there. JAX's ReLU has the slope 0 at 0:
    with `epsilon` above 0 the new units have inputs, at random, and the function
    changes by as much.

    Args:
        tree: Weights of any framework.
        key: A PRNG key, for `epsilon` alone.
        incoming: The weights that make the units: a glob over paths or a condition, as
            in `jinit.reinit`, for kernel and bias together. Units are the last axis.
        outgoing: The kernel that reads them. Units are the last axis but one.
        gradient: M, `(in, out)`: the inputs of the first layer times the gradient of
            the second layer's sums, summed over a batch. For a convolution `out` are
            the window and the outputs, as in the kernel without its axis of units.
        units: How many units to add; at most the smaller side of M.
        scale: What c is multiplied by.
        epsilon: The length of the new units' incoming weights, as a share of the mean
            length of those that there are.
        trace: `jinit.trace` of the model, for weights with other axes and conditions
            that ask for roles.

    Returns:
        The tree. All other leaves are the same objects.

    Raises:
        ValueError: When nothing matches, units are not read one for one, the gradient
            does not fit, or more units are asked for than it has directions.
        TypeError: For `epsilon` without a key.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> draw = lambda seed, *n: jax.random.normal(jax.random.key(seed), n)
        >>> tree = {"up": draw(0, 3, 4), "down": draw(1, 4, 2)}
        >>> x, y = draw(2, 8, 3), draw(3, 8, 2)
        >>> network = lambda tree, x: jnp.tanh(x @ tree["up"]) @ tree["down"]
        >>> loss = lambda tree, A: jnp.sum((network(tree, x) + x @ A - y) ** 2)
        >>> M = jax.grad(loss, argnums=1)(tree, jnp.zeros((3, 2)))
        >>> grown = jinit.growth.gradmax(
        ...     tree, incoming="up", outgoing="down", gradient=M, units=1
        ... )
        >>> bool(jnp.allclose(network(grown, x), network(tree, x), atol=1e-6))
        True

    References:
        Evci, van Merriënboer, Unterthiner, Vladymyrov, Pedregosa. GradMax: growing
        neural networks using gradient information. ICLR 2022.
        https://arxiv.org/abs/2201.05125
    """
    where = "jinit.growth.gradmax"
    found = units_of(where, tree, incoming, outgoing, trace)
    if key is None and not (isinstance(epsilon, int | float) and epsilon == 0):
        raise TypeError(f"`{where}` needs a key for `epsilon`. Got None.")
    new = dict(found.leaves)
    for number, (path, axis) in enumerate(found.makes.items()):
        each = None if key is None else jax.random.fold_in(key, number)
        fresh = _incoming(new[path], axis, units, each, epsilon)
        new[path] = beside(new[path], fresh, axis)
    for path, axis in found.reads.items():
        fresh = _outgoing(where, path, new[path], axis, gradient, units, scale)
        new[path] = beside(new[path], fresh, axis)
    return replaced(tree, new)


def _incoming(leaf: Any, axis: int, units: int, key: Any, epsilon: Any) -> jax.Array:
    """Weights of the new units: zeros, or short and in random directions."""
    shape = [units if i == axis else size for i, size in enumerate(leaf.shape)]
    if key is None or leaf.ndim < 2:
        return jnp.zeros(shape, leaf.dtype)
    wide = widened(leaf)
    drawn = sampling.normal(key, shape, wide.dtype)
    length = epsilon * jnp.mean(_lengths(wide, axis))
    return drawn * (length / _lengths(drawn, axis)).astype(wide.dtype)


def _outgoing(
    where: str, path: str, leaf: Any, axis: int, M: Any, units: int, scale: Any
) -> jax.Array:
    """The leading right singular vectors, as long as other units' weights."""
    rows = jnp.moveaxis(widened(leaf), axis, 0)
    M = widened(M)
    if M.ndim != 2 or M.shape[1] != rows[0].size or units > min(M.shape):
        raise ValueError(
            f"`{where}` needs a `gradient` of shape (in, {rows[0].size}) for {path}, "
            f"and at least as many of each as the {units} new units. Got {M.shape}."
        )
    _, _, Vh = jnp.linalg.svd(M, full_matrices=False)
    c = scale * jnp.mean(_lengths(rows, 0))
    fresh = c.astype(rows.dtype) * Vh[:units].conj().astype(rows.dtype)
    return jnp.moveaxis(fresh.reshape(units, *rows.shape[1:]), 0, axis)


def _lengths(w: jax.Array, axis: int) -> jax.Array:
    """The length of every unit's weights, with all axes to spread over them."""
    others = tuple(i for i in range(w.ndim) if i != axis)
    return jnp.sqrt(jnp.sum(jnp.square(jnp.abs(w)), others, keepdims=True))
