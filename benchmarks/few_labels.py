"""Unsupervised pre-training against random weights, where labels are few.

    python benchmarks/few_labels.py [--labels 250] [--seeds 5] [--epochs 20]

A sigmoid MLP of four layers, 784-256-256-256-10, on MNIST images: 4,000 without labels
to pre-train on, 25 of each digit with labels to fine-tune on, 1,000 others to test. All
starts are fine-tuned alike, with 300 steps of Adam on all labeled images. The best
random start is chosen by its test accuracy: it gets every advantage.
"""

import argparse
import time
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.progress import track
from timing import show

import jinit
from jinit import pretrain
from jinit.datasets import load


WIDTHS = [256, 256, 256]
STEPS = 300
RANDOM = {
    "normal(0.01)": jinit.normal(0.01),
    "lecun_normal": jinit.lecun_normal,
    "glorot_uniform": jinit.glorot_uniform,
    "sigmoid_uniform (Glorot x 4)": jinit.sigmoid_uniform,
    "orthogonal(gain='sigmoid')": jinit.orthogonal(gain="sigmoid"),
    "orthogonal(4)": jinit.orthogonal(4.0),
}
optimizer = optax.adam(1e-3)


class MLP(nn.Module):
    kernel_init: Any = jinit.lecun_normal

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in WIDTHS:
            x = nn.sigmoid(nn.Dense(width, kernel_init=self.kernel_init)(x))
        return nn.Dense(10, kernel_init=self.kernel_init)(x)


@jax.jit
def step(params: Any, state: Any, x: jax.Array, y: jax.Array) -> Any:
    def loss(params: Any) -> jax.Array:
        z = MLP().apply(params, x)
        return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

    change, state = optimizer.update(jax.grad(loss)(params), state)
    return optax.apply_updates(params, change), state


@jax.jit
def accuracy(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    return (MLP().apply(params, x).argmax(-1) == y).mean()


def starts(unlabeled: np.ndarray, key: jax.Array, epochs: int) -> dict[str, Any]:
    """Parameters by name, random ones and pre-trained ones."""
    x = unlabeled[:1]
    found = {name: MLP(init).init(key, x) for name, init in RANDOM.items()}
    paths = ["Dense_0", "Dense_1", "Dense_2"]
    stacks = {
        "deep belief network": pretrain.dbn,
        "denoising autoencoders": pretrain.denoising_autoencoder,
    }
    for name, train in stacks.items():
        layers, _ = train(unlabeled, WIDTHS, key, epochs=epochs)
        found[name] = pretrain.transfer(layers, found["glorot_uniform"], paths)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=250)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    begin = time.perf_counter()
    x, y = load("mnist")
    x = x / np.float32(255)
    test, reached = (jnp.asarray(x[4000:]), jnp.asarray(y[4000:])), {}
    x, y = x[:4000], y[:4000]
    console = Console(stderr=True)
    for seed in track(range(options.seeds), "seeds", console=console, transient=True):
        rng = np.random.default_rng(seed)
        each = options.labels // 10
        labeled = np.concatenate(
            [rng.choice(np.flatnonzero(y == d), each, replace=False) for d in range(10)]
        )
        train = jnp.asarray(x[labeled]), jnp.asarray(y[labeled])
        for name, params in starts(x, jax.random.key(seed), options.epochs).items():
            state = optimizer.init(params)
            for _ in range(STEPS):
                params, state = step(params, state, *train)
            reached.setdefault(name, []).append(float(accuracy(params, *test)))
    best = max(RANDOM, key=lambda name: np.mean(reached[name]))
    rows = []
    for name, values in reached.items():
        margin = 100 * (np.array(values) - reached[best])
        rows.append(
            [
                name,
                f"{100 * np.mean(values):.1f}",
                f"{100 * np.std(values, ddof=1):.1f}",
                f"{margin.mean():+.1f}",
                f"{margin.min():+.1f} to {margin.max():+.1f}",
            ]
        )
    seconds = time.perf_counter() - begin
    title = f"{options.labels} labels, {options.seeds} seeds, {seconds:.0f} s in all"
    columns = ["start", "test accuracy, %", "std", "over best random", "by seed"]
    show(title, columns, rows)


if __name__ == "__main__":
    main()
