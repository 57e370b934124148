"""Restricted Boltzmann machines against scikit-learn's, at equal likelihood.

    python benchmarks/rbm.py [--hidden 256] [--epochs 10]

On 5,000 MNIST images. First both do the same work, persistent contrastive divergence
with the same minibatches and learning rate: epochs per second. Then how long each takes
to the likelihood that scikit-learn reaches with the best of its learning rates, jinit
with its defaults. The pseudo-likelihood of either is measured by one function on the
same images. Only first calls compile. Needs `pip install 'jinit[bench]'`.
"""

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.neural_network import BernoulliRBM
from timing import show

from jinit import pretrain
from jinit.datasets import load


RATES = (0.01, 0.03, 0.1)
BATCHES = (10, 100)
PLAIN = {"momentum": (0.0, 0.0), "weight_decay": 0.0, "persistent": True}


def peer(x: np.ndarray, hidden: int, batch: int, rate: float, epochs: int) -> Any:
    """Seconds and the machine of scikit-learn."""
    model = BernoulliRBM(
        hidden, learning_rate=rate, batch_size=batch, n_iter=epochs, random_state=0
    )
    start = time.perf_counter()
    model.fit(x)
    seconds = time.perf_counter() - start
    biases = model.intercept_visible_, model.intercept_hidden_
    return seconds, pretrain.RBM(*map(jnp.asarray, (model.components_.T, *biases)))


def ours(x: np.ndarray, hidden: int, **settings: Any) -> Any:
    start = time.perf_counter()
    machine, record = pretrain.rbm(x, hidden, jax.random.key(0), **settings)
    jax.block_until_ready(machine.weights)
    return time.perf_counter() - start, machine, record


def likelihood(machine: pretrain.RBM, x: np.ndarray) -> float:
    """The log pseudo-likelihood per image, the mean of twenty draws of a pixel."""
    v, keys = jnp.asarray(x), jax.random.split(jax.random.key(1), 20)
    draw = jax.jit(lambda key: machine.pseudo_likelihood(v, key).mean())
    return float(np.mean([draw(key) for key in keys]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    x = load("mnist")[0] / np.float32(255)
    hidden, epochs = options.hidden, options.epochs

    rows, best = [], (-np.inf, 0.0, "")
    for batch in BATCHES:
        for rate in RATES:
            settings = {"batch_size": batch, "learning_rate": rate, "epochs": epochs}
            ours(x, hidden, **settings, **PLAIN)  # compiles
            seconds, machine, _ = ours(x, hidden, **settings, **PLAIN)
            theirs, other = peer(x, hidden, batch, rate, epochs)
            reached = likelihood(other, x)
            words = f"batches of {batch}, rate {rate}"
            best = max(best, (reached, theirs, words))
            speeds = f"{epochs / seconds:.1f}", f"{epochs / theirs:.1f}"
            ratio = f"{theirs / seconds:.1f}x"
            likelihoods = f"{likelihood(machine, x):.1f}", f"{reached:.1f}"
            rows.append([words, *speeds, ratio, *likelihoods])
    columns = ["same work", "epochs/s", "sklearn", "ratio", "likelihood", "sklearn"]
    show("Persistent contrastive divergence", columns, rows)

    goal, theirs, words = best
    rows = []
    for batch in BATCHES:
        settings = {"batch_size": batch}
        for count in range(1, 41):
            _, machine, _ = ours(x, hidden, epochs=count, **settings)
            if (reached := likelihood(machine, x)) >= goal:
                break
        jax.clear_caches()
        for call in ("first call", "again"):
            seconds, _, _ = ours(x, hidden, epochs=count, **settings)
            ratio = f"{theirs / seconds:.1f}x"
            cells = [f"{count}", f"{seconds:.2f}", ratio, f"{reached:.1f}"]
            rows.append([f"batches of {batch}, {call}", *cells])
    title = f"To scikit-learn's best: {goal:.1f} in {theirs:.2f} s ({words})"
    show(title, ["jinit's defaults", "epochs", "s", "ratio", "likelihood"], rows)


if __name__ == "__main__":
    main()
