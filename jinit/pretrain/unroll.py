"""A stack of layers as one autoencoder, to be trained further as a whole."""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .._core import Listed, ours, public, shown
from .autoencoder import Autoencoder
from .dense import Dense
from .machine import RBM


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Unrolled:
    """A deep autoencoder, a pytree: take gradients of it and train it with optax.

    Attributes:
        encoder: Layers from the data up to the code.
        decoder: Layers from the code back to the data, with weights of their own.
    """

    encoder: tuple[Dense, ...]
    decoder: tuple[Dense, ...]

    @ours()
    def encode(self, v: ArrayLike) -> jax.Array:
        """The codes of rows `(rows, visible)`."""
        return _through(self.encoder, v)

    @ours()
    def decode(self, h: ArrayLike) -> jax.Array:
        """What codes stand for, `(rows, visible)`."""
        return _through(self.decoder, h)

    def __call__(self, v: ArrayLike) -> jax.Array:
        """The reconstruction of rows `(rows, visible)`."""
        return self.decode(self.encode(v))


@public("jinit.pretrain")
def unroll(layers: Listed) -> Unrolled:
    """Makes one deep autoencoder of layers that were trained one by one.

        v → W₁ → … → Wₙ → code → Wₙᵀ → … → W₁ᵀ → v′

    Encoder and decoder start from the same weights and part in further training.

    Args:
        layers: What `jinit.pretrain.dbn` or `denoising_autoencoder` returned, from the
            data up.

    Returns:
        An `Unrolled`, a pytree with `encode` and `decode`, and both when called.

    Example:
        >>> import jax, jinit.pretrain
        >>> v = jax.random.bernoulli(jax.random.key(0), 0.3, (200, 12))
        >>> layers, _ = jinit.pretrain.dbn(v, [8, 4], jax.random.key(1), epochs=2)
        >>> autoencoder = jinit.pretrain.unroll(layers)
        >>> autoencoder.encode(v).shape, autoencoder(v).shape
        ((200, 4), (200, 12))

    References:
        Hinton, Salakhutdinov. Reducing the dimensionality of data with neural networks.
        Science 313, 2006. Figure 1. https://doi.org/10.1126/science.1127647
    """
    if not layers or not all(isinstance(each, RBM | Autoencoder) for each in layers):
        raise TypeError(
            "`jinit.pretrain.unroll` needs a sequence of pre-trained layers. Got "
            f"{shown(layers)}."
        )
    up, down = (each.up for each in layers), (each.down for each in reversed(layers))
    return Unrolled(tuple(up), tuple(down))


def _through(layers: Sequence[Dense], x: ArrayLike) -> jax.Array:
    return functools.reduce(lambda x, layer: layer(x), layers, jnp.asarray(x))
