"""Convolutional networks on images: plain, residual, with and without norms, U-Net."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from .data import changed, images
from .losses import cross_entropy, squared_error
from .task import Task


class Plain(nn.Module):
    """Convolutions and relu, one after the other."""

    depth: int
    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(nn.Conv(self.width, (7, 7), 7, name="stem")(x))
        for _ in range(self.depth):
            x = nn.relu(nn.Conv(self.width, (3, 3))(x))
        return nn.Dense(10)(x.mean((1, 2)))


class Block(nn.Module):
    """Two convolutions beside a skip connection."""

    norm: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h, width = x, x.shape[-1]
        for i in range(2):
            if self.norm:
                h = nn.BatchNorm(use_running_average=False)(h)
            h = nn.Conv(width, (3, 3), name=f"conv{i}")(nn.relu(h))
        return x + h


class Residual(nn.Module):
    """Blocks after a stem of one convolution, the norms with the batch's statistics."""

    blocks: int
    width: int
    norm: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Conv(self.width, (7, 7), 7, name="stem")(x)
        for _ in range(self.blocks):
            x = Block(self.norm)(x)
        if self.norm:
            x = nn.BatchNorm(use_running_average=False)(x)
        return nn.Dense(10)(nn.relu(x).mean((1, 2)))


class UNet(nn.Module):
    """Down to smaller images and up again, beside what was seen at each size."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        *widths, lowest = self.widths
        seen = []
        for width in widths:
            x = nn.relu(nn.Conv(width, (3, 3))(x))
            seen.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.relu(nn.Conv(lowest, (3, 3))(x))
        for width, skip in zip(reversed(widths), reversed(seen), strict=True):
            x = nn.ConvTranspose(width, (2, 2), (2, 2))(x)
            x = nn.relu(nn.Conv(width, (3, 3))(jnp.concatenate([x, skip], axis=-1)))
        return nn.Conv(1, (1, 1))(x)


def mnist_conv() -> Task:
    model, data = Plain(12, 16), images("mnist", 32, 48, 12)
    about = "images of digits by 13 convolutions, without norms"
    return Task("mnist-conv", model, cross_entropy, *data, about)


def mnist_residual() -> Task:
    model, data = Residual(6, 16, norm=False), images("mnist", 32, 48, 12)
    about = "images of digits by six residual blocks, without norms"
    return Task("mnist-residual", model, cross_entropy, *data, about)


def mnist_resnet() -> Task:
    model, data = Residual(6, 16, norm=True), images("mnist", 32, 48, 12)
    about = "images of digits by six residual blocks with batch norm, in training"
    return Task("mnist-resnet", model, cross_entropy, *data, about)


def digits_unet() -> Task:
    rng = np.random.default_rng(0)
    noisy = lambda x, _: (x + rng.standard_normal(x.shape, np.float32), x)
    data = changed(images("digits", 16, 88, 24), noisy)
    about = "digits behind noise of variance 1, by a U-Net of three sizes"
    return Task("digits-unet", UNet((8, 16, 32)), squared_error, *data, about)
