"""How dense each layer of a sparse network is, for a density of the whole."""

import math
from typing import Any, Literal

import jax
import numpy as np

from .._core import Fraction, public, refuse_traced, Tree
from .shapes import is_thinned, shapes_of


@public("jinit.sparsity")
def erk(tree: Tree, density: Fraction, *, method: Literal["erk", "er"] = "erk") -> Any:
    """Densities of the layers of a sparse network: Erdős-Rényi, kernels included.

        density_l = min(1, ε · ∑ sizes / ∏ sizes),   ∑ density_l n_l = density · ∑ n_l

    A small layer has few weights for each unit and is left dense, a large one has many
    and is thinned most: units of all layers keep about as many connections. A layer
    that would be denser than 1 is dense, and ε is found again for the others from what
    is left, so that the total is exact.

    Args:
        tree: Arrays or their shapes, in any tree, such as the parameters of a model, or
            a list of shapes. Vectors, such as biases, are left dense and not counted.
        density: The fraction of all weights that is kept.
        method: "erk" counts all axes of a kernel; "er" only the last two, its inputs
            and outputs.

    Returns:
        The same tree, with a density in the place of each array.

    Raises:
        TypeError: If the tree holds something other than arrays and shapes.

    Example:
        >>> import jinit
        >>> found = jinit.sparsity.erk([(784, 300), (300, 100), (100, 10)], 0.1)
        >>> [round(each, 3) for each in found]
        [0.08, 0.23, 1.0]

    References:
        Mocanu et al. Scalable training of artificial neural networks with adaptive
        sparse connectivity inspired by network science. Nature Communications 2018.
        https://arxiv.org/abs/1707.04780
        Evci, Gale, Menick, Castro, Elsen. Rigging the lottery: making all tickets
        winners. ICML 2020. https://arxiv.org/abs/1911.11134
    """
    refuse_traced("jinit.sparsity.erk", density)
    shapes, structure = shapes_of("jinit.sparsity.erk", tree)
    thinned = np.array([is_thinned(shape) for shape in shapes])
    kernels = [shape for shape in shapes if is_thinned(shape)]
    sizes = np.array([math.prod(shape) for shape in kernels], np.float64)
    read = [shape if method == "erk" else shape[-2:] for shape in kernels]
    raw = np.array([sum(shape) / math.prod(shape) for shape in read])
    densities = np.ones(len(shapes))
    densities[thinned] = _solved(raw, sizes, density)
    return jax.tree.unflatten(structure, densities.tolist())


def _solved(raw: np.ndarray, sizes: np.ndarray, density: float) -> np.ndarray:
    """min(1, ε raw), with the ε at which that many of all weights are kept."""
    dense = np.zeros(len(raw), bool)
    while not dense.all():
        left = density * sizes.sum() - sizes[dense].sum()
        scaled = raw * max(left, 0.0) / (raw * sizes)[~dense].sum()
        beyond = ~dense & (scaled > 1)
        if not beyond.any():
            return np.where(dense, 1.0, scaled)
        dense |= beyond
    return np.ones(len(raw))
