"""From a fresh process to the weights of a GPT on the device: jinit against all others.

    python benchmarks/cold_start.py [--layers 48]

Every row is a process of its own. Seconds count from after the imports until all
weights are ready, tracing and compilation included. Needs
`pip install 'jinit[bench]'`.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import track
from timing import show


CASES = {
    "linen": ["jit(model.init)", "model.init", "jinit, GPT-2 rules", "jinit, auto"],
    "NNX": ["nnx.jit(constructor)", "constructor", "jinit, GPT-2 rules"],
    "Equinox": ["filter_jit(constructor)", "constructor", "jinit, GPT-2 rules"],
    "PyTorch": ["constructor"],
}


DEVICES = "--xla_force_host_platform_device_count=8"


def gpt2_rules(layers: int) -> list[Any]:
    import jinit

    small = jinit.normal(stddev=0.02)
    closing = jinit.normal(stddev=0.02 / math.sqrt(2 * layers))
    return [
        ("{out,down}/kernel", closing),
        ("{output_proj,down}/weight", closing),
        ("norm*/weight", jinit.ones),
        ("{kernel,embedding,weight}", small),
        ("scale", jinit.ones),
        ("bias", jinit.zeros),
    ]


def case(framework: str, how: str, layers: int) -> Callable[[], Any]:
    """What a row times, everything it needs imported."""
    if framework == "PyTorch":
        import gpt

        return lambda: gpt.torch_gpt(layers)
    import equinox as eqx
    import gpt
    import jax
    import jax.numpy as jnp
    from flax import nnx

    import jinit
    from jinit._model.rules import Rule

    key, x = jax.random.key(0), gpt.TOKENS
    zeros = jnp.zeros(x.shape, x.dtype)
    rules = [Rule(*rule, required=False) for rule in gpt2_rules(layers)]
    draw = lambda model, *inputs: jinit.initialize(model, key, *inputs, rules=rules)
    linen = gpt.GPT(layers)
    made_nnx = lambda rngs: gpt.NNXGPT(layers, rngs)
    made_eqx = lambda key: gpt.EquinoxGPT(layers, key)
    of_nnx = lambda module: nnx.state(module, nnx.Param)
    of_eqx = lambda module: eqx.filter(module, eqx.is_array)
    return {
        ("linen", "jit(model.init)"): lambda: jax.jit(linen.init)(key, zeros),
        ("linen", "model.init"): lambda: linen.init(key, zeros),
        ("linen", "jinit, GPT-2 rules"): lambda: draw(linen, x),
        ("linen", "jinit, auto"): lambda: jinit.initialize(linen, key, x),
        ("NNX", "nnx.jit(constructor)"): lambda: of_nnx(
            nnx.jit(lambda: made_nnx(nnx.Rngs(0)))()
        ),
        ("NNX", "constructor"): lambda: of_nnx(made_nnx(nnx.Rngs(0))),
        ("NNX", "jinit, GPT-2 rules"): lambda: of_nnx(draw(made_nnx)),
        ("Equinox", "filter_jit(constructor)"): lambda: of_eqx(
            eqx.filter_jit(made_eqx)(key)
        ),
        ("Equinox", "constructor"): lambda: of_eqx(made_eqx(key)),
        ("Equinox", "jinit, GPT-2 rules"): lambda: of_eqx(draw(made_eqx)),
    }[framework, how]


def child(framework: str, how: str, layers: int) -> None:
    """Times one case in this process and prints it as JSON."""
    work, programs = case(framework, how, layers), []
    if framework != "PyTorch":
        import jax

        event = "/jax/core/compile/backend_compile_duration"
        count = lambda name, *_, **__: programs.append(name) if name == event else None
        jax.monitoring.register_event_duration_secs_listener(count)
    start = time.perf_counter()
    made = work()
    if framework != "PyTorch":
        jax.block_until_ready(made)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "programs": len(programs)}))


def memory(layers: int) -> None:
    """Prints, as JSON, the bytes per device of weights over eight of them."""
    import gpt
    import jax
    import jax.numpy as jnp
    from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

    import jinit

    mesh = jax.make_mesh((8,), ("model",), axis_types=(AxisType.Auto,))
    model, key = gpt.GPT(layers), jax.random.key(0)
    tree = jax.eval_shape(model.init, key, gpt.TOKENS)

    def place(leaf: Any) -> NamedSharding:
        wide = max(range(leaf.ndim), key=lambda axis: leaf.shape[axis])
        spec = [None] * wide + ["model"]
        return NamedSharding(mesh, P(*spec) if leaf.size > 2**16 else P())

    shardings = jax.tree.map(place, tree)
    zeros = jnp.zeros(gpt.TOKENS.shape, gpt.TOKENS.dtype)
    temporary = lambda draw, *args: (
        draw.lower(*args).compile().memory_analysis().temp_size_in_bytes
    )
    # jinit draws one parameter after the other, so that the largest counts.
    ours = {}
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(shardings), strict=True)
    for leaf, sharding in pairs:
        init = lambda key, s=sharding, n=leaf.shape: jinit.he_normal(
            key, n, jnp.float32, out_sharding=s
        )
        if leaf.ndim > 1 and leaf.shape not in ours:
            ours[leaf.shape] = temporary(jax.jit(init), key)
    found = {
        "shards": jinit.estimate(tree, shardings=shardings).per_device,
        "jax": temporary(jax.jit(model.init, out_shardings=shardings), key, zeros),
        "jinit": max(ours.values()),
    }
    print(json.dumps(found))


def measured(framework: str, how: str, layers: int) -> dict[str, float]:
    """One case in a process of its own, without a persistent compilation cache."""
    hidden = ("JAX_COMPILATION_CACHE_DIR",)
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment["XLA_FLAGS"] = DEVICES if framework == "memory" else ""
    command = [sys.executable, __file__, "--child", framework, how]
    done = subprocess.run(
        [*command, "--layers", str(layers)],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def report(layers: int) -> None:
    cases = [(name, how) for name, every in CASES.items() for how in every]
    console, rows = Console(stderr=True), []
    for name, how in track(cases, "timing", console=console, transient=True):
        found = measured(name, how, layers)
        programs = f"{found['programs']:.0f}" if name != "PyTorch" else ""
        rows.append([f"{name}: {how}", f"{found['seconds']:.2f}", programs])
    head = ["", "seconds", "compilations"]
    show(f"A GPT of {layers} layers and width 512, weights ready", head, rows)
    depths = []
    for depth in (layers // 2, 2 * layers):
        found = measured("linen", "jinit, GPT-2 rules", depth)
        depths.append([str(depth), f"{found['seconds']:.2f}", str(found["programs"])])
    show("jinit, GPT-2 rules, by depth", ["layers", *head[1:]], depths)
    found = measured("memory", "", layers // 4)
    sizes = [f"{found[name] / 2**20:.1f}" for name in ("shards", "jax", "jinit")]
    head = ["weights", "jit(init, out_shardings)", "jinit"]
    title = f"{layers // 4} layers over 8 devices, MiB on each: weights and temporaries"
    show(title, head, [sizes])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=48)
    parser.add_argument("--child", nargs=2, metavar=("FRAMEWORK", "CASE"))
    arguments = parser.parse_args()
    if arguments.child:
        framework, how = arguments.child
        if framework == "memory":
            memory(arguments.layers)
        else:
            child(framework, how, arguments.layers)
    else:
        report(arguments.layers)
