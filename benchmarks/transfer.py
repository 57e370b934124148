"""Does the best learning rate of a small model stay best for a large one?

    python benchmarks/transfer.py [--seeds 3] [--epochs 0.5] [--out transfer]

A residual MLP of RMS norms and relu learns MNIST, at 14 × 14 pixels and in batches of
32, with Adam and a head that starts at 0. Over width, muP stands beside the standard
parametrization, at widths 64 to 1,024 and one block; over depth, CompleteP beside the
same, at 2 to 64 blocks of width 64. Both agree at the smallest size. It takes minutes
on two cores; what is done is kept beside the figures, in the folder `--out`.
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


BATCH, PIXELS, CLASSES = 32, 196, 10
WIDTHS, DEPTH = (64, 128, 256, 512, 1024), 1
DEPTHS, WIDTH = (2, 4, 8, 16, 32, 64), 64
RATES = 2.0 ** np.arange(-12, -3)
RULES = [
    ("head", jinit.zeros),
    ("blocks/*", jinit.he_normal(batch_axis=0)),  # one kernel for each block
    ("in", jinit.he_normal),
]


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


def network(params: Any, pixels: jax.Array) -> jax.Array:
    def block(x: jax.Array, w: Any) -> tuple[jax.Array, None]:
        return x + jax.nn.relu(norm(x) @ w["up"]) @ w["down"], None

    x, _ = jax.lax.scan(block, pixels @ params["in"], params["blocks"])
    return norm(x) @ params["head"]


@functools.cache
def trace(width: int, depth: int, hidden: int) -> Any:
    pixels = jax.ShapeDtypeStruct((BATCH, PIXELS), "float32")
    return jinit.trace(network, shapes(width, depth, hidden), pixels)


def made(rule: Any, base: Any, sizes: Any, rate: Any, key: jax.Array) -> Any:
    """The model of these sizes, by a rule from those of the base; by none as it is."""
    scales = jinit.mup(trace(*(base if rule else sizes)), trace(*sizes), rule or "mup")
    params = jinit.materialize(shapes(*sizes), key, scales.rules(RULES))
    return scales.forward(network), params, scales.optimizer(optax.adam, rate)


def wide(width: int, rate: Any, key: jax.Array, rule: Any) -> Any:
    sizes = lambda width: (width, DEPTH, width // 2)
    return made(rule, sizes(WIDTHS[0]), sizes(width), rate, key)


def deep(depth: int, rate: Any, key: jax.Array, rule: Any) -> Any:
    return made(rule, (WIDTH, DEPTHS[0], WIDTH), (WIDTH, depth, WIDTH), rate, key)


SWEEPS = {
    "width_mup": (functools.partial(wide, rule="mup"), WIDTHS, "width"),
    "width_standard": (functools.partial(wide, rule=None), WIDTHS, "width"),
    "depth_completep": (functools.partial(deep, rule="completep"), DEPTHS, "depth"),
    "depth_standard": (functools.partial(deep, rule=None), DEPTHS, "depth"),
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
    parser.add_argument("--epochs", type=float, default=0.5)
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
            steps=round(options.epochs * len(batches)), seeds=options.seeds,
            path=str(options.out / f"{name}.json"),
        )  # fmt: skip
        console.rule(f"{name}, {time.perf_counter() - begin:.0f} s")
        console.print(found)
        found.plot(str(options.out / f"{name}.png"))


if __name__ == "__main__":
    main()
