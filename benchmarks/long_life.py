"""What a long process pays: memory and time for what is new, and for what is not.

    python benchmarks/long_life.py [shapes]

Each row says how often something was done, the milliseconds of each time, and the
memory that the process kept, in MB each. Programs are compiled anew: without JAX's
cache on disk.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx

import jinit


KEY = jax.random.key(0)
X = jax.random.normal(KEY, (32, 16))


def resident() -> float:
    """The memory of this process, in MB."""
    gc.collect()
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def row(name: str, what: Callable[[Any], Any], each: Iterable[Any]) -> None:
    """Does `what` with each, after once with the first, and prints what that took."""
    first, *rest = each
    jax.block_until_ready(what(first))
    before, start = resident(), time.perf_counter()
    for one in rest:
        jax.block_until_ready(what(one))
    took, kept = time.perf_counter() - start, resident() - before
    n = len(rest)
    print(
        f"{name:44} {n:5} times {1e3 * took / n:9.2f} ms {kept / n:8.3f} MB each "
        f"{kept:8.0f} MB in all",
        flush=True,
    )


def perceptron(_: int) -> Callable[..., jax.Array]:
    """A function of its own each time, though always the same computation."""

    def apply(params: Any, x: jax.Array) -> jax.Array:
        for w in params:
            x = jnp.tanh(x @ w)
        return x

    return apply


class Module(nnx.Module):
    """A small NNX model."""

    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Linear(16, 24, rngs=rngs)
        self.last = nnx.Linear(24, 8, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Two layers."""
        return self.last(nnx.tanh(self.first(x)))


class Normalized(nn.Module):
    """A small linen model with batch norm."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Two layers with a norm between."""
        x = nn.BatchNorm(use_running_average=False)(nn.Dense(24)(x))
        return nn.Dense(8)(jnp.tanh(x))


def settings() -> None:
    """What a new number costs."""
    stds = [0.01 + 0.001 * i for i in range(101)]
    draw = lambda init: init(KEY, (64, 32), jnp.float32)
    laws: dict[str, Callable[[float], Any]] = {
        "jax.nn.initializers.normal, new stddev": jax.nn.initializers.normal,
        "jinit.normal, new stddev": jinit.normal,
        "jinit.truncated_normal, new stddev": jinit.truncated_normal,
        "jinit.he_normal, new gain": lambda gain: jinit.he_normal(gain=gain),
        "jinit.orthogonal, new scale": jinit.orthogonal,
    }
    for name, law in laws.items():
        row(name, lambda std, law=law: draw(law(std)), stds)
    tree = {"w": jax.ShapeDtypeStruct((64, 32), "float32")}
    rule = lambda i: lambda key, shape, dtype: i * jax.random.normal(key, shape)
    gain = lambda i: lambda x: jnp.tanh(x) * (1 + i / 100)
    by_rule = lambda i: jinit.materialize(tree, KEY, [("w", rule(i))])
    row("a lambda as rule", by_rule, range(51))
    row("a lambda as gain", lambda i: draw(jinit.he_normal(gain=gain(i))), range(21))


def models() -> None:
    """What a model costs that is equal to the last, but another object."""
    weights = [jax.random.normal(KEY, (16, 16)) / 4] * 3
    module = lambda: Module(nnx.Rngs(0))
    tools: dict[str, Callable[[int], Any]] = {
        "probe": lambda i: jinit.probe(perceptron(i), weights, X) and None,
        "lsuv": lambda i: jinit.lsuv(perceptron(i), weights, KEY, X).params,
        "initialize, linen batch norm": lambda _: jinit.initialize(
            Normalized(), KEY, X
        ),
        "initialize, NNX constructor": lambda _: nnx.state(
            jinit.initialize(Module, KEY, X)
        ),
        "probe, NNX modules": lambda _: jinit.probe(module(), batch=X) and None,
        "lsuv, NNX modules": lambda _: nnx.state(
            jinit.lsuv(module(), key=KEY, batch=X).params
        ),
    }
    for name, tool in tools.items():
        row(f"jinit.{name}", tool, range(51))


def shapes(count: int) -> None:
    """What a new shape costs."""
    each = [(8 + i // 40, 8 + i % 40) for i in range(count + 1)]
    theirs = jax.nn.initializers.normal(1.0)
    row("jinit.normal, new shape", lambda s: jinit.normal(1.0)(KEY, s), each)
    jax.clear_caches()
    print(f"resident after jax.clear_caches(): {resident():.0f} MB", flush=True)
    row("jax.nn.initializers.normal, new shape", lambda s: theirs(KEY, s), each)


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)
    settings()
    models()
    shapes(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
