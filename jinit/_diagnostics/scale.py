"""Inputs that are not of mean 0 and variance 1, as every scheme assumes them."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import warn
from .._frameworks import is_key


def warn_of_scale(batch: Any) -> None:
    """Warns of an input that is not of mean 0 and variance 1, beyond chance."""
    numbers = [leaf for leaf in jax.tree.leaves(batch) if not is_key(leaf)]
    leaves = [np.asarray(leaf) for leaf in numbers]
    for x in [x for x in leaves if jnp.issubdtype(x.dtype, jnp.floating)][:1]:
        mean, variance = float(x.mean(dtype=float)), float(x.var(dtype=float))
        slack = 0.1 + 5 / math.sqrt(x.size)
        if abs(mean) > slack or abs(variance - 1) > slack * math.sqrt(2):
            second = mean**2 + variance
            warn(
                f"The input has mean {mean:.2g} and variance {variance:.2g}. Schemes "
                "assume 0 and 1: the variance of a pre-activation scales with E x², "
                f"here {second:.2g}, so every signal of the first layer is "
                f"{math.sqrt(second):.2g}x what the scheme intends. Standardize the "
                "input: (x - x.mean()) / x.std().",
            )
