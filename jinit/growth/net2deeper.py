"""A layer more, that passes on what it is given."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._activations import as_function
from .._core import named_arrays, on_host, public, replaced, shown, Tree
from .._schemes import dirac, identity


@public("jinit.growth")
def net2deeper(layer: Tree, *, activation: Any = "relu") -> Any:
    """Net2DeeperNet: a layer to be put behind a layer, which changes nothing.

        W′ = I,   b′ = 0,   φ(I φ(z)) = φ(z)

    A convolution gets the identity at its center. It is for activations that do nothing
    to what they have made: ReLU does, tanh does not.

    Args:
        layer: The weights of the layer that it comes behind: a tree, or the kernel
            alone. Kernels are `(*spatial, in, out)`; what has one axis is a bias.
        activation: The layer's activation, or its name.

    Returns:
        The weights of the new layer, a tree like the one given, in its dtypes.

    Raises:
        ValueError: For an activation that changes what it has made.
        TypeError: For a layer with something other than arrays.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> first = {"kernel": jnp.ones((3, 2)), "bias": jnp.array([-1.0, 1.0])}
        >>> second = jinit.growth.net2deeper(first)
        >>> layer = lambda tree, x: jax.nn.relu(x @ tree["kernel"] + tree["bias"])
        >>> x = jnp.arange(3.0)
        >>> bool((layer(second, layer(first, x)) == layer(first, x)).all())
        True

    References:
        Chen, Goodfellow, Shlens. Net2Net: accelerating learning via knowledge transfer.
        ICLR 2016. https://arxiv.org/abs/1511.05641
    """
    where = "jinit.growth.net2deeper"
    phi = as_function(activation, where=where)
    once, twice = on_host(_applied, phi)
    if not np.allclose(once, twice, rtol=1e-6, atol=1e-6):
        raise ValueError(
            f"`{where}` needs an activation with φ(φ(x)) = φ(x). Got "
            f"{shown(activation)}. Add a residual layer that ends in zeros instead."
        )
    leaves = named_arrays(layer, where)
    return replaced(layer, {path: _neutral(each) for path, each in leaves.items()})


def _applied(phi: Any) -> tuple[jax.Array, jax.Array]:
    once = phi(jnp.linspace(-4.0, 4.0, 33))
    return once, phi(once)


def _neutral(leaf: Any) -> jax.Array:
    """A kernel from the outputs to as many, that is the identity; zeros for a bias."""
    if leaf.ndim < 2:
        return jnp.zeros(leaf.shape, leaf.dtype)
    law = identity if leaf.ndim == 2 else dirac
    return law(None, (*leaf.shape[:-2], leaf.shape[-1], leaf.shape[-1]), leaf.dtype)
