"""Orthogonal matrices: jinit against jax.nn.initializers, torch.nn.init and SciPy.

    python benchmarks/orthogonal.py [--rounds 5]

The limit is the time of 4/3 n³ operations per matrix, the least that forms Q from its
reflections, at the rate of a plain product of the same shape. Needs
`pip install 'jinit[bench]'`.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch
from scipy import stats
from timing import show, side_by_side

import jinit


SHAPES = [(64, 64), (128, 128), (1024, 1024), (2048, 2048), (4096, 4096),
          (64, 256, 256), (1000, 64, 64)]  # fmt: skip
KEY = jax.random.key(0)


def inits(shape: tuple[int, ...]) -> dict[str, Callable[[jax.Array], jax.Array]]:
    """The draw of each JAX library, all batch axes independent."""
    *batch, n, _ = shape
    of_jax = jax.nn.initializers.orthogonal()

    def theirs(key: jax.Array) -> jax.Array:
        if not batch:
            return of_jax(key, shape)
        keys = jax.random.split(key, batch[0])
        return jax.vmap(lambda key: of_jax(key, (n, n)))(keys)

    ours = jinit.orthogonal(batch_axis=range(len(batch)))
    return {"jinit": lambda key: ours(key, shape), "jax": theirs}


def first_call(init: Callable[[jax.Array], jax.Array]) -> tuple[Callable, float]:
    """The jitted draw and the seconds of its first call, compilation included."""
    draw = jax.jit(init)
    start = time.perf_counter()
    jax.block_until_ready(draw(KEY))
    return draw, time.perf_counter() - start


def peers(shape: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """The draw of each library outside JAX, and the product that sets the limit."""
    n, number = shape[-1], int(np.prod(shape[:-2]))
    weight = torch.empty(number, n, n)
    a = jax.random.normal(KEY, shape)
    product = jax.jit(lambda a: a @ a)
    cases: dict[str, Callable[[], Any]] = {
        "torch": lambda: [torch.nn.init.orthogonal_(w) for w in weight],
        "product": lambda: product(a),
    }
    if n <= 1024:
        cases["scipy"] = lambda: stats.ortho_group.rvs(n, size=number)
    return cases


def defect(w: jax.Array) -> float:
    """The largest entry of |QᵀQ − I|."""
    q = np.asarray(w, np.float64)
    return float(np.abs(q.swapaxes(-1, -2) @ q - np.eye(q.shape[-1])).max())


def report(rounds: int) -> None:
    rows, firsts = [], []
    for shape in SHAPES:
        drawn = {name: first_call(init) for name, init in inits(shape).items()}
        draws = {name: lambda d=draw: d(KEY) for name, (draw, _) in drawn.items()}
        ms = {
            name: 1e3 * seconds
            for name, seconds in side_by_side(draws | peers(shape), rounds).items()
        }
        ms["limit"] = ms.pop("product") * 2 / 3
        names = ["jinit", "jax", "torch", "scipy", "limit"]
        cells = [f"{ms[name]:.3g}" if name in ms else "" for name in names]
        ratios = [f"{ms[peer] / ms['jinit']:.1f}x" for peer in ("jax", "torch")]
        label = " x ".join(map(str, shape))
        rows.append([label, *cells, *ratios])
        ours, theirs = (drawn[name][1] for name in ("jinit", "jax"))
        times = [f"{seconds:.2f}" for seconds in (ours, theirs, ours - theirs)]
        firsts.append([label, *times, f"{defect(drawn['jinit'][0](KEY)):.1e}"])
    columns = ["jinit", "jax", "torch", "scipy", "limit", "vs jax", "vs torch"]
    show("A jitted draw in float32: ms", ["shape", *columns], rows)
    title = "Its first call, compilation included: seconds"
    show(title, ["shape", "jinit", "jax", "beyond jax's", "max|QᵀQ − I|"], firsts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"jax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0]}")
    report(rounds)
