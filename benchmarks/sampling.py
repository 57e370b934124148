"""Drawing weights: jinit against jax.nn.initializers, torch.nn.init and NumPy.

    python benchmarks/sampling.py [--size 4096]

Every side allocates its output. The floor is filling fresh memory with a constant.
Needs `pip install 'jinit[bench]'`.
"""

import argparse
import functools
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
from timing import show, side_by_side

import jinit


def peers(size: int) -> dict[str, dict[str, Callable]]:
    """For each law, the call of each library that draws it."""
    key, shape = jax.random.key(0), (size, size)
    rng = np.random.default_rng(0)
    of_jax, of_torch = jax.nn.initializers, torch.nn.init
    empty = lambda: torch.empty(shape)

    def numpy_uniform() -> np.ndarray:
        return rng.random(shape, np.float32) * np.float32(0.2) - np.float32(0.1)

    def numpy_normal() -> np.ndarray:
        return rng.standard_normal(shape, np.float32) * np.float32(0.1)

    return {
        "uniform": {
            "jinit": lambda: jinit.symmetric_uniform(0.1)(key, shape),
            "jax": lambda: of_jax.uniform(0.1)(key, shape),
            "torch": lambda: of_torch.uniform_(empty(), -0.1, 0.1),
            "numpy": numpy_uniform,
        },
        "he_uniform": {
            "jinit": lambda: jinit.he_uniform(key, shape),
            "jax": lambda: of_jax.he_uniform()(key, shape),
            "torch": lambda: of_torch.kaiming_uniform_(empty()),
            "numpy": numpy_uniform,
        },
        "normal": {
            "jinit": lambda: jinit.normal(0.1)(key, shape),
            "jax": lambda: of_jax.normal(0.1)(key, shape),
            "torch": lambda: of_torch.normal_(empty(), 0.0, 0.1),
            "numpy": numpy_normal,
        },
        "he_normal": {
            "jinit": lambda: jinit.he_normal(key, shape),
            "jax": lambda: of_jax.he_normal()(key, shape),
            "torch": lambda: of_torch.kaiming_normal_(empty()),
            "numpy": numpy_normal,
        },
        "truncated_normal": {
            "jinit": lambda: jinit.truncated_normal(0.1)(key, shape),
            "jax": lambda: of_jax.truncated_normal(0.1)(key, shape),
            "torch": lambda: of_torch.trunc_normal_(empty(), 0.0, 0.1, -0.2, 0.2),
        },
    }


@functools.partial(jax.jit, static_argnums=1)
def fill(value: jax.Array, shape: tuple[int, int]) -> jax.Array:
    return jnp.full(shape, value)


def compile_time_and_memory(init: Callable, size: int) -> tuple[float, int]:
    """Seconds to compile one draw, and its temporary bytes beyond the output."""
    jax.clear_caches()
    lowered = jax.jit(lambda key: init(key, (size, size))).lower(jax.random.key(0))
    start = time.perf_counter()
    compiled = lowered.compile()
    seconds = time.perf_counter() - start
    return seconds, compiled.memory_analysis().temp_size_in_bytes


def report_speed(size: int) -> None:
    floor = {"fill": lambda: fill(jnp.float32(0.1), (size, size))}
    rows = []
    for law, cases in peers(size).items():
        seconds = side_by_side({**floor, **cases})
        per_element = {name: 1e9 * s / size**2 for name, s in seconds.items()}
        ours = per_element["jinit"]
        cells = [law, f"{per_element['fill']:.2f}", f"{ours:.2f}"]
        for peer in ("jax", "torch", "numpy"):
            value = per_element.get(peer)
            cells.append(f"{value:.2f} ({value / ours:.1f}x)" if value else "")
        rows.append(cells)
    title = f"{size} x {size} float32, ns per element (how many times jinit's)"
    show(title, ["law", "fill", "jinit", "jax", "torch", "numpy"], rows)


def report_compilation(size: int) -> None:
    of_jax = jax.nn.initializers
    pairs = {
        "he_uniform": (jinit.he_uniform, of_jax.he_uniform()),
        "normal": (jinit.normal(0.1), of_jax.normal(0.1)),
        "he_normal": (jinit.he_normal, of_jax.he_normal()),
    }
    rows = []
    for law, inits in pairs.items():
        (ours, our_bytes), (theirs, their_bytes) = (
            compile_time_and_memory(init, size) for init in inits
        )
        kilobytes = [f"{b / 1024:,.1f}" for b in (our_bytes, their_bytes)]
        rows.append([law, f"{ours:.3f}", f"{theirs:.3f}", *kilobytes])
    title = "One jitted draw: seconds to compile, temporary KiB beyond the output"
    show(title, ["law", "jinit s", "jax s", "jinit KiB", "jax KiB"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096)
    size = parser.parse_args().size
    print(f"jax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0]}")
    report_speed(size)
    report_compilation(size)
