"""More layers out of those that there are: again from the first, or each again."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import named_arrays, public, require_entries, Tree
from ..settings import Count


@public("jinit.growth")
def stack_layers(layers: Tree, *, depth: Count) -> Any:
    """Stacking: a deeper network whose layers are the trained ones, over and over.

        layer i of the deep network = layer (i mod L) of the trained

    StackBERT doubles the depth this way, and does so again after some training; G_stack
    grows large language models in one step. The function is not kept: training goes on.

    Args:
        layers: A list of the layers' weights, or one tree of them stacked, whose axis 0
            counts the layers.
        depth: How many layers there shall be.

    Returns:
        A list of weights, or a tree of stacked weights, as was given.

    Raises:
        ValueError: For no layers, or stacked weights that do not agree on their number.
        TypeError: For stacked weights with something other than arrays.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> jinit.growth.stack_layers(jnp.array([1, 2]), depth=5).tolist()
        [1, 2, 1, 2, 1]

    References:
        Gong, He, Li, Qin, Wang, Liu. Efficient training of BERT by progressively
        stacking. ICML 2019.
        Du, Luo, Qiu, Huang, Shen, Cheng, Guo, Fu. Stacking your transformers: a closer
        look at model growth for efficient LLM pre-training. NeurIPS 2024.
        https://arxiv.org/abs/2405.15319
    """
    count = _count("jinit.growth.stack_layers", layers)
    return _taken(layers, np.arange(depth) % count)


@public("jinit.growth")
def interpolate_layers(layers: Tree, *, depth: Count) -> Any:
    """Interpolation: a deeper network in which each trained layer stands several times.

        layer i of the deep network = layer ⌊i L / depth⌋ of the trained

    Neighbors stay near each other, which `stack_layers` gives up at its seams. The
    function is not kept: training goes on.

    Args:
        layers: A list of the layers' weights, or one tree of them stacked, whose axis 0
            counts the layers.
        depth: How many layers there shall be.

    Returns:
        A list of weights, or a tree of stacked weights, as was given.

    Raises:
        ValueError: For no layers, or stacked weights that do not agree on their number.
        TypeError: For stacked weights with something other than arrays.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> jinit.growth.interpolate_layers(jnp.array([1, 2]), depth=5).tolist()
        [1, 1, 1, 2, 2]

    References:
        Wang, Panda, Hennigen, Greengard, Karlinsky, Feris, Cox, Wang, Kim. Learning to
        grow pretrained models for efficient transformer training. ICLR 2023.
        https://arxiv.org/abs/2303.00980 (as a baseline)
    """
    count = _count("jinit.growth.interpolate_layers", layers)
    return _taken(layers, np.arange(depth) * count // depth)


def _count(where: str, layers: Any) -> int:
    """How many layers there are."""
    if isinstance(layers, list | tuple):
        counts = {len(layers)}
    else:
        require_entries(where, "layers", layers)
        shapes = [leaf.shape for leaf in named_arrays(layers, where).values()]
        counts = {shape[0] if shape else 0 for shape in shapes}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            f"`{where}` needs a list of layers, or stacked ones with the same number "
            "in axis 0 of every weight. Got "
            f"{', '.join(map(str, sorted(counts))) or 'none'}."
        )
    return counts.pop()


def _taken(layers: Any, places: np.ndarray) -> Any:
    if isinstance(layers, list | tuple):
        return [layers[place] for place in places]
    return jax.tree.map(lambda leaf: jnp.take(jnp.asarray(leaf), places, 0), layers)
