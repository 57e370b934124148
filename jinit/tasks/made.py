"""Networks whose weights are made of others: a hypernetwork and low-rank adapters."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from .data import changed, images
from .losses import cross_entropy
from .task import Batch, Task


class Hypernetwork(nn.Module):
    """A network of a task makes the kernels of the network that reads its images."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        tasks = len(x)
        z = nn.Embed(tasks, 8, name="tasks")(jnp.arange(tasks))
        z = nn.relu(nn.Dense(32, name="hidden")(z))
        last = len(self.widths) - 1
        for i, width in enumerate(self.widths):
            kernels = nn.Dense(x.shape[-1] * width, name=f"kernel_{i}")(z)
            kernels = kernels.reshape(tasks, x.shape[-1], width)
            biases = nn.Dense(width, name=f"bias_{i}")(z)
            x = jnp.einsum("tbi,tio->tbo", x, kernels) + biases[:, None]
            x = nn.relu(x) if i < last else x
        return x


class Adapted(nn.Module):
    """A trained MLP whose kernels stay as they are, beside factors that are learned."""

    kernels: tuple[np.ndarray, ...]
    rank: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        normal, zeros = nn.initializers.lecun_normal(), nn.initializers.zeros
        for i, kernel in enumerate(self.kernels):
            x = nn.relu(x) if i else x.reshape(len(x), -1)
            a = self.param(f"a_{i}", normal, (kernel.shape[0], self.rank))
            b = self.param(f"b_{i}", zeros, (self.rank, kernel.shape[1]))
            x = x @ kernel + x @ a @ b
        return x


def digits_hypernet() -> Task:
    """The tasks are the digits as they are and turned once, twice, three times."""
    tasks, rows = 4, 16

    def turned(x: np.ndarray, labels: np.ndarray) -> Batch:
        parts = x.reshape(tasks, rows, *x.shape[1:3])
        every = [np.rot90(part, i, (1, 2)) for i, part in enumerate(parts)]
        inputs = np.stack(every).reshape(tasks, rows, -1)
        return inputs, labels.reshape(tasks, rows)

    data = changed(images("digits", tasks * rows, 22, 6), turned)
    model = Hypernetwork((32, 32, 10))
    about = "digits turned in four ways, by networks that a hypernetwork makes"
    return Task("digits-hypernet", model, cross_entropy, *data, about)


def digits_lora() -> Task:
    """The MLP has learned digits where they are; then they move two pixels aside."""
    data = images("digits", 64, 22, 6)
    model = Adapted(_trained(data[0], (64, 128, 128, 10)), rank=4)
    moved = changed(data, lambda x, labels: (np.roll(x, 2, axis=2), labels))
    about = "digits that have moved, by low-rank adapters of an MLP trained before"
    return Task("digits-lora", model, cross_entropy, *moved, about)


def _trained(batches: list[Any], widths: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """The kernels of an MLP after 100 steps of gradient descent on all of the data."""
    x, labels = map(np.concatenate, zip(*batches, strict=True))
    rng, sizes = np.random.default_rng(0), itertools.pairwise(widths)
    draw = lambda m, n: rng.standard_normal((m, n), np.float32) * (2 / m) ** 0.5

    def loss(kernels: list[Any]) -> jax.Array:
        h = jnp.reshape(x, (len(x), -1))
        for i, kernel in enumerate(kernels):
            h = (nn.relu(h) if i else h) @ kernel
        return cross_entropy(h, labels)

    def step(_: Any, kernels: list[Any]) -> list[Any]:
        return jax.tree.map(lambda w, g: w - 0.2 * g, kernels, jax.grad(loss)(kernels))

    kernels = [draw(*size) for size in sizes]
    trained = jax.jit(lambda start: jax.lax.fori_loop(0, 100, step, start))(kernels)
    return tuple(map(np.asarray, trained))
