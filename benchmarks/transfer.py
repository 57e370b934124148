"""Does the best learning rate of a small model stay best for a large one?

    python benchmarks/transfer.py [--seeds 3] [--epochs 1] [--out transfer]

A residual MLP of RMS norms and relu learns MNIST from 4,992 images of 14 × 14 pixels in
batches of 64, with Adam and a head that starts at 0. Over width, muP stands beside the
standard parametrization, at widths 64 to 1,024; over depth, CompleteP beside the same
without its factors, at depths 2 to 64. Both agree at the smallest size. It takes
minutes on two cores; what is done is kept beside the figures, in the folder `--out`.
"""

import argparse
import functools
import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

import jinit
from jinit.datasets import load


BATCH, PIXELS, CLASSES = 64, 196, 10
WIDTHS, DEPTH = (64, 128, 256, 512, 1024), 2
DEPTHS, WIDTH = (2, 4, 8, 16, 32, 64), 64
RATES = 2.0 ** np.arange(-13, -3)
RULES = [("head", jinit.zeros), ("**", jinit.he_normal)]


def shapes(width: int, depth: int, hidden: int) -> Any:
    shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")
    blocks = {"up": shape(depth, width, hidden), "down": shape(depth, hidden, width)}
    return {
        "in": shape(PIXELS, width),
        "blocks": blocks,
        "head": shape(width, CLASSES),
    }


def norm(x: jax.Array) -> jax.Array:
    return x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)


def network(params: Any, pixels: jax.Array, factor: float = 1.0) -> jax.Array:
    def block(x: jax.Array, w: Any) -> tuple[jax.Array, None]:
        return x + factor * (jax.nn.relu(norm(x) @ w["up"]) @ w["down"]), None

    x, _ = jax.lax.scan(block, pixels @ params["in"], params["blocks"])
    return norm(x) @ params["head"]


@functools.cache
def trace(width: int) -> Any:
    pixels = jax.ShapeDtypeStruct((BATCH, PIXELS), "float32")
    return jinit.trace(network, shapes(width, DEPTH, width // 2), pixels)


def wide(width: int, rate: Any, key: jax.Array, mup: bool) -> tuple[Any, ...]:
    """A model of a width, under muP or in the standard parametrization."""
    scales = jinit.mup(trace(WIDTHS[0] if mup else width), trace(width))
    like = shapes(width, DEPTH, width // 2)
    params = jinit.materialize(like, key, scales.rules(RULES))
    return network, params, scales.optimizer(optax.adam, rate)


def deep(depth: int, rate: Any, key: jax.Array, complete: bool) -> tuple[Any, ...]:
    """A model of a depth, under CompleteP or without its factors.

    With α = 1 and Adam, CompleteP divides branches by the growth of the depth, and
    Adam's ε with them; the learning rate stays.
    """
    growth = depth / DEPTHS[0] if complete else 1.0
    params = jinit.materialize(shapes(WIDTH, depth, WIDTH), key, RULES)
    model = functools.partial(network, factor=1 / growth)
    return model, params, optax.adam(rate, eps=1e-8 / growth)


SWEEPS = {
    "width_mup": (functools.partial(wide, mup=True), WIDTHS, "width"),
    "width_standard": (functools.partial(wide, mup=False), WIDTHS, "width"),
    "depth_completep": (functools.partial(deep, complete=True), DEPTHS, "depth"),
    "depth_standard": (functools.partial(deep, complete=False), DEPTHS, "depth"),
}


def digits() -> list[tuple[jax.Array, jax.Array]]:
    """Batches of images at half their size, standardized."""
    x, y = load("mnist")
    x = x.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, PIXELS)
    x = (x - x.mean()) / x.std()
    count = len(x) // BATCH
    cut = lambda a: jnp.asarray(a[: count * BATCH].reshape(count, BATCH, *a.shape[1:]))
    return list(zip(cut(x), cut(y), strict=True))


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default="transfer")
    parser.add_argument("--only", choices=SWEEPS, nargs="*", default=list(SWEEPS))
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True, parents=True)
    batches, console = digits(), Console()
    for name in options.only:
        make, sizes, over = SWEEPS[name]
        begin = time.perf_counter()
        found = jinit.transfer(
            make, sizes, RATES, batches, cross_entropy, over=over,
            steps=options.epochs * len(batches), seeds=options.seeds,
            path=str(options.out / f"{name}.json"),
        )  # fmt: skip
        console.rule(f"{name}, {time.perf_counter() - begin:.0f} s")
        console.print(found)
        found.plot(str(options.out / f"{name}.png"))


if __name__ == "__main__":
    main()
