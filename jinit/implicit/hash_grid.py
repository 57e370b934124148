"""Features on the corners of a grid."""

import jax

from .. import marginal
from .._core import law, sampling, scalar
from ..settings import Floating, NonNegative


@law(marginal=lambda shape, bound: marginal.uniform(-bound, bound))
def hash_grid(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    bound: NonNegative = 1e-4,
    dtype: Floating = None,
) -> jax.Array:
    """Uniform features, nearly zero, for the tables of a multiresolution hash encoding.

        features ~ U[−bound, bound)

    The network starts as nearly the same at every place, and places that share an entry
    by accident start without a bias; entries that differ have gradients that differ.
    The small network after it takes `jinit.glorot_uniform`.

    Args:
        bound: The half width.
        dtype: The dtype to draw when a call names none.

    Returns:
        Features of shape `(levels, entries, features)`, or any other.

    Example:
        >>> from jinit import implicit
        >>> implicit.hash_grid.support((16, 2**14, 2))
        (-0.0001, 0.0001)

    References:
        Müller, Evans, Schied, Keller. Instant neural graphics primitives with a
        multiresolution hash encoding. SIGGRAPH 2022. https://arxiv.org/abs/2201.05989
    """
    return sampling.symmetric_uniform(key, shape, dtype) * scalar(bound, dtype)
