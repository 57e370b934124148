"""Which start trains best, over all tasks of `jinit.tasks`? The table in the README.

    python benchmarks/training.py [--seeds 5] [--steps 200] [--only digits-tanh ...]

Every task is trained with Adam from the framework's own start, the best recipe of the
textbooks for its kind of model, PyTorch's start, `jinit.initialize`, LSUV and AnyInit,
at learning rates from 2⁻¹² to 2⁻³ by factors of 2. What counts is the loss of what is
held out, at the best rate of each start. It takes hours on two cores; what is done is
kept in the folder `--out`, and another call goes on from there. `--readme README.md`
puts the table where it stands in the README.
"""

import argparse
import json
import math
import pathlib
import time
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from rich.console import Console

import jinit
from jinit import tasks
from jinit.hyper import hyperfan_in
from jinit.implicit import siren


RATES = 2.0 ** np.arange(-12, -2)
BEGIN, END = "<!-- benchmarks/training.py -->", "<!-- until here -->"

OTHERS = (jinit.is_kernel(), jinit.traced(jinit.he_normal))
ZEROS = ("bias", 0)
RECIPES: dict[str, Any] = {
    "digits-relu": "he_normal",
    "digits-gelu": "he_normal",
    "digits-tanh": "glorot_uniform",
    "mnist-mlp": "he_normal",
    "mnist-autoencoder": "he_normal",
    "mnist-conv": "he_normal",
    "mnist-residual": "fixup",
    "mnist-resnet": "resnet",
    "digits-unet": "he_normal",
    "digits-vit": "vit",
    "digits-mixer": "mixer",
    "text-gpt": "gpt2",
    "adding-lstm": "keras_default",
    "copy-ssm": [
        ("B_*/kernel", jinit.lecun_normal(gain=0.5**0.5)),  # real and imaginary parts
        (jinit.is_kernel(), jinit.traced(jinit.lecun_normal)),
        (jinit.role("embedding"), jinit.normal(1.0)),
        ("nu", jinit.uniform_range(math.log(1e-3), math.log(0.2))),
        ("theta", jinit.uniform_range(0.0, math.pi)),
        ("scale", 1),
        ZEROS,
    ],
    "pixels-siren": [
        ("Dense_0/kernel", siren(first=True)),
        (jinit.is_kernel(), siren),
        ZEROS,
    ],
    "control-ppo": "ppo",
    "digits-hypernet": [
        ("kernel_0/kernel", hyperfan_in(fans=(64, 32))),
        ("kernel_1/kernel", hyperfan_in(fans=(32, 32))),
        ("kernel_2/kernel", hyperfan_in(fans=(32, 10))),
        ("bias_*/kernel", jinit.zeros),
        OTHERS,
        ("embedding", jinit.normal(1.0)),
        ZEROS,
    ],
    "digits-lora": [
        ("a_*", jinit.he_uniform(negative_slope=5**0.5)),
        ("b_*", jinit.zeros),
    ],
}


def any_init(model: nn.Module, key: jax.Array, *inputs: jax.Array) -> Any:
    """AnyInit's start, from its seed; what it does not reach stays the model's own."""
    import anyinit  # pyright: ignore[reportMissingImports]

    variables = jax.jit(model.init)(key, *inputs)
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    batch = np.asarray(inputs[0])
    report = anyinit.initialize(model, "analytic", batch, seed=seed, params=variables)
    return jax.tree.map(
        lambda new, old: new.astype(old.dtype), report.params, variables
    )


def starts(task: tasks.Task) -> dict[str, Any]:
    """What is compared, by name; AnyInit where it runs."""
    found = {
        "own": "own",
        "recipe": RECIPES[task.name],
        "torch": "torch_default",
        "initialize": "initialize",
        "LSUV": "lsuv",
    }
    try:
        any_init(task.model, jax.random.key(0), task.batches[0][0])
    except Exception as error:
        Console().print(f"AnyInit on {task.name}: {error}")
        return found
    return {**found, "AnyInit": any_init}


def row(found: Any) -> dict[str, Any]:
    """What one task came to, by start."""
    cells = {
        each.start: {
            "loss": each.loss.value,
            "half": each.loss.high - each.loss.value,
            "rate": each.rate,
            "working": each.working,
            "failed": each.failed,
        }
        for each in found.results
    }
    return {
        "chance": found.chance,
        "seeds": found.seeds,
        "steps": found.steps,
        "starts": cells,
    }


def cell(start: dict[str, Any] | None, is_best: bool, seeds: int) -> str:
    """Loss, its 95 % interval, how many rates work, and how many seeds fail."""
    if start is None:
        return "–"
    loss, half = start["loss"], start["half"]
    digits = max(0, 2 - math.floor(math.log10(max(abs(loss), 1e-9))))
    text = f"{loss:.{digits}f}"
    text = f"**{text}**" if is_best else text
    text += f" ± {half:.2g}" if math.isfinite(half) else ""
    failed = f", {start['failed']} of {seeds} fail" if start["failed"] else ""
    return f"{text}; {start['working']}{failed}"


def table(rows: dict[str, dict[str, Any]]) -> str:
    """All tasks that are done, as markdown."""
    names = ["own", "recipe", "torch", "initialize", "LSUV", "AnyInit"]
    heads = ["Flax's own", "textbook", "PyTorch's", "`initialize`", "LSUV", "AnyInit"]
    lines = [["task", *heads, "chance"], ["---"] * (len(names) + 2)]
    for task, row in rows.items():
        losses = {name: start["loss"] for name, start in row["starts"].items()}
        best = min(losses, key=lambda name: losses[name])
        cells = [cell(row["starts"].get(n), n == best, row["seeds"]) for n in names]
        lines.append([task, *cells, f"{row['chance']:.3g}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", choices=tasks.NAMES, nargs="*", default=tasks.NAMES)
    parser.add_argument("--starts", nargs="*", help="fewer starts; own is always there")
    parser.add_argument("--out", type=pathlib.Path, default="training")
    parser.add_argument("--readme", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True, parents=True)
    console = Console(width=120)
    for name in options.only:
        begin, task = time.perf_counter(), tasks.get(name)
        chosen = {
            start: what
            for start, what in starts(task).items()
            if not options.starts or start in {"own", *options.starts}
        }
        found = jinit.compare(
            task.model, task.loss, task.batches, jax.random.key(0), chosen, RATES,
            seeds=options.seeds, steps=options.steps, held_out=task.held_out,
            path=str(options.out / f"{name}.json"),
        )  # fmt: skip
        console.rule(f"{name}: {task.about}, {time.perf_counter() - begin:.0f} s")
        console.print(found)
        found.plot(str(options.out / f"{name}.png"))
        (options.out / f"{name}.row").write_text(json.dumps(row(found), indent=1))
        jax.clear_caches()
    files = {name: options.out / f"{name}.row" for name in tasks.NAMES}
    rows = {name: json.loads(f.read_text()) for name, f in files.items() if f.exists()}
    text = table(rows)
    print(text)
    if options.readme:
        before, _, rest = options.readme.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        options.readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
