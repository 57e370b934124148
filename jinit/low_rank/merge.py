"""A frozen base and its factors, put together."""

from typing import Any

from .._core import named_leaves, numbers, public, replaced, shown, Tree
from .factors import Factors
from .weight import weight_of


@public("jinit.low_rank")
def merge(base: Tree, factors: Any) -> Any:
    """The weights that a frozen base and its factors make: what a model computes with.

    As a function of the factors it has a gradient, which is all that adapting a model
    takes: `jax.grad(lambda factors: loss(merge(base, factors)))(factors)`. The same
    call folds trained factors into the weights.

    Args:
        base: A weight, or a tree of any framework.
        factors: Its factors; of a tree, a dictionary of them by path.

    Returns:
        The weight, or the tree, in the dtypes of the base. Leaves without factors are
        the same objects.

    Raises:
        ValueError: When a path is none of the tree's.
        TypeError: When `factors` are none.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> base, factors = jinit.low_rank.pissa(w, rank=2)
        >>> bool(jnp.allclose(jinit.low_rank.merge(base, factors), w, atol=1e-5))
        True
    """
    where = "jinit.low_rank.merge"
    if isinstance(factors, Factors):
        return factors.merged(weight_of(where, numbers(where, "base", base)))
    if not isinstance(factors, dict) or not all(
        isinstance(each, Factors) for each in factors.values()
    ):
        raise TypeError(
            f"`{where}` needs `factors` as `jinit.low_rank` makes them, or a "
            f"dictionary of them by path. Got {shown(factors)}."
        )
    leaves = named_leaves(base)
    unknown = [path for path in factors if path not in leaves]
    if unknown:
        raise ValueError(
            f"`{where}` needs factors of leaves of `base`. Got {shown(unknown)}, and "
            f"the paths are: {', '.join(leaves)}."
        )
    return replaced(
        base, {path: each.merged(leaves[path]) for path, each in factors.items()}
    )
