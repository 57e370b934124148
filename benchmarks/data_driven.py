"""What LSUV, MetaInit and GradInit cost, beside PyTorch, in gradients of the loss.

    python benchmarks/data_driven.py [--depth 12] [--width 256] [--steps 60]

A ReLU network on MNIST images. The unit is one evaluation of the loss and its gradient
in the same framework, so that a number says how much training the start has cost. LSUV
is the package `lsuv` by its first author; MetaInit and GradInit are written here for
PyTorch as their authors published them. Needs `pip install 'jinit[bench]'`.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import lsuv
import numpy as np
import optax
import torch
from timing import show, side_by_side
from torch.nn.functional import cross_entropy

import jinit
from jinit._reading.model import read_model
from jinit.data.passes import Goal, Pass
from jinit.data.units import handles
from jinit.datasets import load


def layers(depth: int, width: int) -> list[tuple[int, int]]:
    sizes = [784, *[width] * depth, 10]
    return list(itertools.pairwise(sizes))


class Jax:
    """The network, loss and schemes in JAX."""

    def __init__(self, depth: int, width: int, x: np.ndarray, y: np.ndarray):
        keys = jax.random.split(jax.random.key(0), depth + 1)
        self.params = [
            {"kernel": jinit.he_normal(key, shape), "bias": jnp.zeros(shape[1])}
            for key, shape in zip(keys, layers(depth, width), strict=True)
        ]
        self.batch = jnp.asarray(x), jnp.asarray(y)
        self.gradient = jax.jit(jax.value_and_grad(self.loss))
        model = read_model(self.apply, self.params, self.batch[0])
        one_pass = Pass(model, handles(model), Goal("layer"))
        self.one_pass = jax.jit(one_pass)

    def apply(self, params: Any, x: jax.Array) -> jax.Array:
        for layer in params[:-1]:
            x = jax.nn.relu(x @ layer["kernel"] + layer["bias"])
        return x @ params[-1]["kernel"] + params[-1]["bias"]

    def loss(self, params: Any, batch: Any) -> jax.Array:
        z = self.apply(params, batch[0])
        return optax.softmax_cross_entropy_with_integer_labels(z, batch[1]).mean()

    def evaluate(self) -> Any:
        return self.gradient(self.params, self.batch)

    def lsuv_passes(self) -> Any:
        leaves = jax.tree.leaves(self.params)
        for _ in range(2):  # one that scales, one that checks
            leaves, _ = self.one_pass(leaves, [self.batch[0]])
        return leaves

    def lsuv(self) -> Any:
        return jinit.lsuv(self.apply, self.params, jax.random.key(1), self.batch[0])

    def metainit(self, steps: int) -> Any:
        return jinit.metainit(self.loss, self.params, self.batch, steps=steps)

    def gradinit(self, steps: int) -> Any:
        return jinit.gradinit(
            self.loss, self.params, self.batch, steps=steps, gamma=1e9
        )


class Torch:
    """The same in PyTorch."""

    def __init__(self, depth: int, width: int, x: np.ndarray, y: np.ndarray):
        blocks: list[torch.nn.Module] = []
        for shape in layers(depth, width):
            linear = torch.nn.Linear(*shape)
            torch.nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            torch.nn.init.zeros_(linear.bias)
            blocks += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*blocks[:-1])
        self.x, self.y = torch.tensor(x), torch.tensor(y)
        self.params = list(self.model.parameters())

    def loss(self) -> torch.Tensor:
        return cross_entropy(self.model(self.x), self.y)

    def gradient(self, graph: bool) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(self.loss(), self.params, create_graph=graph)

    def evaluate(self) -> Any:
        return self.gradient(graph=False)

    def lsuv(self) -> Any:
        return lsuv.lsuv_with_singlebatch(self.model, self.x, verbose=False)

    def metainit(self, steps: int) -> None:
        kernels = [p for p in self.params if p.ndim > 1]
        memory = [0.0] * len(kernels)
        for _ in range(steps):
            g = self.gradient(graph=True)
            square = sum((each**2).sum() / 2 for each in g)
            hg = torch.autograd.grad(square, self.params, create_graph=True)
            far = sum(
                ((a - b) / (a + 1e-5 * torch.where(a < 0, -1.0, 1.0)) - 1).abs().sum()
                for a, b in zip(g, hg, strict=True)
            )
            quotient = far / sum(p.numel() for p in self.params)
            slopes = torch.autograd.grad(quotient, kernels)
            for i, (p, slope) in enumerate(zip(kernels, slopes, strict=True)):
                norm = p.data.norm()
                sign = torch.sign((p.data * slope).sum()).item()
                memory[i] = 0.9 * memory[i] - 0.1 * sign
                p.data.mul_((norm + memory[i]) / norm)

    def gradinit(self, steps: int) -> None:
        scales = [torch.ones((), requires_grad=True) for _ in self.params]
        optimizer = torch.optim.Adam(scales, lr=1e-3)
        names = [name for name, _ in self.model.named_parameters()]
        call = torch.func.functional_call
        for _ in range(steps):
            own = [s * p.detach() for s, p in zip(scales, self.params, strict=True)]
            at = lambda ps: cross_entropy(
                call(self.model, dict(zip(names, ps, strict=True)), (self.x,)), self.y
            )
            g = torch.autograd.grad(at(own), own, create_graph=True)
            norm = sum((each**2).sum() for each in g).sqrt()
            assert norm < 1e9
            ahead = at([p - 0.1 * each for p, each in zip(own, g, strict=True)])
            optimizer.zero_grad()
            ahead.backward()
            optimizer.step()


def per_step(run: Callable[[int], Any], steps: int) -> float:
    """The seconds of one step, without what comes before the first."""
    seconds = []
    for number in (5, 5 + steps):
        start = time.perf_counter()
        jax.block_until_ready(run(number))
        seconds.append(time.perf_counter() - start)
    return (seconds[1] - seconds[0]) / steps


def whole(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


def report(depth: int, width: int, steps: int) -> None:
    images, labels = load("mnist")
    x, y = images[:256], labels[:256].astype(np.int64)
    x = np.asarray(jinit.data.standardize(x, per="all")(x))
    torch.manual_seed(0)
    ours, theirs = Jax(depth, width, x, y), Torch(depth, width, x, y)
    unit = side_by_side({"jinit": ours.evaluate, "torch": theirs.evaluate})
    passes = side_by_side({"jinit": ours.lsuv_passes})["jinit"]
    total = {"jinit": whole(ours.lsuv), "torch": whole(theirs.lsuv)}
    learned = {
        name: {
            "jinit": per_step(getattr(ours, name), steps),
            "torch": per_step(getattr(theirs, name), steps),
        }
        for name in ("metainit", "gradinit")
    }
    cell = lambda name, seconds: f"{1e3 * seconds:.1f} ms = {seconds / unit[name]:.1f}"
    row = lambda what, each: [what, *(cell(name, s) for name, s in each.items())]
    show(
        f"{depth} hidden layers of {width}, 256 images; time = number of gradients",
        ["", "jinit", "torch"],
        [
            row("one gradient", unit),
            row("LSUV, the first call", total),
            ["LSUV, its passes", cell("jinit", passes), ""],
            row("MetaInit, a step", learned["metainit"]),
            row("GradInit, a step", learned["gradinit"]),
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    report(arguments.depth, arguments.width, arguments.steps)
