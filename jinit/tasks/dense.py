"""Dense networks on images: deep stacks, a shallow one, and an autoencoder."""

from collections.abc import Callable

import jax
from flax import linen as nn

from .data import changed, images
from .losses import cross_entropy, squared_error
from .task import Task


class MLP(nn.Module):
    """Dense layers of an activation, and a head for ten classes."""

    widths: tuple[int, ...]
    activation: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = x.reshape(len(x), -1)
        for width in self.widths:
            x = self.activation(nn.Dense(width)(x))
        return nn.Dense(10)(x)


class Autoencoder(nn.Module):
    """An encoder to a few numbers, and its mirror image."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        *encoder, code = self.widths
        h = x.reshape(len(x), -1)
        pixels = h.shape[1]
        for width in encoder:
            h = nn.relu(nn.Dense(width)(h))
        h = nn.Dense(code)(h)
        for width in reversed(encoder):
            h = nn.relu(nn.Dense(width)(h))
        return nn.Dense(pixels)(h).reshape(x.shape)


def _deep(name: str, activation: Callable[[jax.Array], jax.Array]) -> Task:
    model = MLP((128,) * 20, activation)
    about = f"digits by 20 dense layers of {activation.__name__}, without norms"
    return Task(name, model, cross_entropy, *images("digits", 32, 44, 12), about)


def digits_relu() -> Task:
    return _deep("digits-relu", nn.relu)


def digits_gelu() -> Task:
    return _deep("digits-gelu", nn.gelu)


def digits_tanh() -> Task:
    return _deep("digits-tanh", nn.tanh)


def mnist_mlp() -> Task:
    model = MLP((128, 128), nn.relu)
    about = "images of digits by two dense layers of relu"
    return Task("mnist-mlp", model, cross_entropy, *images("mnist", 64, 48, 12), about)


def mnist_autoencoder() -> Task:
    model = Autoencoder((128, 64, 32, 16))
    itself = changed(images("mnist", 64, 48, 12), lambda x, _: (x, x))
    about = "images of digits through 16 numbers, by eight dense layers"
    return Task("mnist-autoencoder", model, squared_error, *itself, about)
