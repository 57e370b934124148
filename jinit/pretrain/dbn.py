"""Deep belief networks: machines stacked on machines."""

import inspect
from typing import Any

from .._core import arguments, choose, Counts, Key, public
from .greedy import Pretrained
from .machine import RBM
from .rbm import machines, rbm


@public("jinit.pretrain", concrete=True)
def dbn(data: Any, widths: Counts, key: Key, **settings: Any) -> Pretrained[RBM]:
    """Weights of a deep belief network, trained greedily from the data up.

        layer 1 models v₁ = data,   layer l + 1 models vₗ₊₁ = P(hₗ = 1 | vₗ)

    The weights of a deep sigmoid network where labels are few: give them to the network
    with `jinit.pretrain.transfer` and train on. As an autoencoder: `unroll`.

    Args:
        data: Rows `(rows, features)` or an iterable of such arrays, as in
            `jinit.pretrain.rbm`.
        widths: How many hidden units each layer has, from the data up.
        key: Fixes all that is random. A layer does not depend on those above.
        **settings: The settings of `jinit.pretrain.rbm`, for every layer; `visible` is
            of the first alone, since all others see probabilities.

    Returns:
        `(layers, record)`: an `RBM` for each width, and what was reached by epoch.
        After a Ctrl-C, with a warning, the layers that have finished an epoch or more.

    Raises:
        TypeError: When `data` are no arrays of real numbers.
        ValueError: As `jinit.pretrain.rbm` does; it names layer and epoch.

    Example:
        >>> import jax, jinit.pretrain
        >>> v = jax.random.bernoulli(jax.random.key(0), 0.3, (200, 12))
        >>> layers, record = jinit.pretrain.dbn(v, [8, 4], jax.random.key(1), epochs=2)
        >>> [layer.weights.shape for layer in layers], len(record)
        ([(12, 8), (8, 4)], 4)

    References:
        Hinton, Osindero, Teh. A fast learning algorithm for deep belief nets. Neural
        Computation 18, 2006. Section 4.
        https://www.cs.toronto.edu/~hinton/absps/fastnc.pdf
        Hinton, Salakhutdinov. Reducing the dimensionality of data with neural networks.
        Science 313, 2006. https://doi.org/10.1126/science.1127647
    """
    where, every = "jinit.pretrain.dbn", inspect.signature(rbm).parameters.values()
    defaults = {x.name: x.default for x in every if x.kind is x.KEYWORD_ONLY}
    for name in settings:
        choose(where, "settings", name, defaults)
    _, settings = arguments(where, rbm, (data, 1, key), settings)
    return machines(where, data, widths, key, **(defaults | settings))
