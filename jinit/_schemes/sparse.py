"""Kernels most of whose weights are zero, the same number in every unit."""

import math

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import law, sampling
from ..marginal import Marginal
from ..settings import Count, Fraction, Inexact, NonNegative


def _one_amount(where: str, sparsity, stddev, connections) -> None:
    if (sparsity is None) == (connections is None):
        raise TypeError(
            f"`{where}` needs either `sparsity` or `connections`. "
            f"Got sparsity={sparsity!r} and connections={connections!r}."
        )


def _inputs_kept(shape, sparsity, connections) -> int:
    """How many weights of each output unit are not zero."""
    if len(shape) < 2:
        raise ValueError(
            "`jinit.sparse` needs a shape of two or more axes, `(*spatial, in, out)`. "
            f"Got {shape}. For a bias, use `jinit.zeros`."
        )
    rows = math.prod(shape[:-1])
    if connections is not None:
        return min(connections, rows)
    return rows - math.ceil(sparsity * rows)


def _stddev(stddev: float | None, connections: int | None) -> float:
    if stddev is not None:
        return stddev
    return 0.01 if connections is None else 1.0


def _marginal(shape, sparsity, stddev, connections) -> Marginal:
    kept = _inputs_kept(shape, sparsity, connections)
    law = marginal.normal(0.0, _stddev(stddev, connections))
    return marginal.sparse(kept / max(math.prod(shape[:-1]), 1), law)


@law(marginal=_marginal, check=_one_amount)
def sparse(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    sparsity: Fraction | None = None,
    stddev: NonNegative | None = None,
    dtype: Inexact = None,
    *,
    connections: Count | None = None,
) -> jax.Array:
    """Sparse normal weights: every output unit has the same number of nonzero inputs.

        w ~ N(0, stddev²) in k random rows of each column, else 0

        k = rows − ⌈sparsity · rows⌉    or    k = min(connections, rows)

    Martens' form, `sparse(connections=15)`, lets a unit sum 15 inputs however many it
    has, so that it is neither saturated nor alike to its neighbors.

    Args:
        sparsity: The fraction of zeros in each column, as in PyTorch. (Lasagne's is
            the fraction kept.)
        stddev: The standard deviation of what is not zero. By default 0.01, as in
            PyTorch, or, with `connections`, Martens' 1.
        dtype: The dtype to draw when a call names none.
        connections: The number of nonzero weights in each column.

    Returns:
        Weights of shape `(*spatial, in, out)`; the rows are all axes but the last.

    Raises:
        TypeError: Unless exactly one of `sparsity` and `connections` is given.
        ValueError: For a `sparsity` outside [0, 1], or a shape of fewer than two axes.

    Example:
        >>> import jax, jinit
        >>> w = jinit.sparse(connections=15)(jax.random.key(0), (100, 50))
        >>> set((w != 0).sum(0).tolist())
        {15}

    References:
        Martens. Deep learning via Hessian-free optimization. ICML 2010, section 5.
    """
    _one_amount("jinit.sparse", sparsity, stddev, connections)
    kept = _inputs_kept(shape, sparsity, connections)
    key_values, key_places = jax.random.split(key)
    stddev = _stddev(stddev, connections)
    w = sampling.normal(key_values, shape, dtype, stddev).reshape(-1, shape[-1])
    chosen = sampling.chosen(key_places, w.shape, kept)
    return jnp.where(chosen, w, 0).reshape(shape)
