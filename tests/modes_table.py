"""Every initializer and every tool under JAX's modes: how many pass, of how many.

    python -m tests.modes_table [MODE ...] [--tools=NAME,...]

By mode: draws that succeed, calls of tools that succeed, and results whose bits differ
from those without a mode though the mode only forbids. What fails is listed below.
"""

import fnmatch
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any


os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import matplotlib as mpl

from .cases import CASES
from .modes import bits, called, key, MODES, SAME_BITS, TOOLS


Calls = dict[str, Callable[[], Any]]


def draws(name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    init, shape, *_ = CASES[name]
    for dtype in [
        jnp.float32,
        jnp.bfloat16,
        *[jnp.complex64] * CASES[name].has_complex,
    ]:
        label = f"{name} in {jnp.dtype(dtype).name}"
        yield label, lambda dtype=dtype: init(key(), shape, dtype)


INITIALIZERS = dict(pair for name in CASES for pair in draws(name))


def outcome(mode: str, call: Callable[[], Any]) -> tuple[Any, str]:
    """The bits of a result, and what was raised instead."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = called(mode, call)
            return (None if mode == "under jit" else bits(found)), ""
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f"{f.filename.rpartition('/jinit/')[2]}:{f.lineno}" for f in frames
                if "/jinit/" in f.filename]  # fmt: skip
        text = str(error).strip().partition("\n")[0]
        return None, f"{type(error).__name__}: {text[:160]} {ours[-2:]}"


def report(mode: str, calls: Calls, plain: dict[str, Any]) -> tuple[str, list[str]]:
    """Counts of one mode, and what went wrong; without a mode, fills in `plain`."""
    faults, differ = {}, []
    for name, call in calls.items():
        found, faults[name] = outcome(mode, call)
        if mode == "plain":
            plain[name] = found
        elif mode in SAME_BITS and not faults[name] and name in plain:
            differ += [name] * (found != plain[name])
    failed = [f"    {name}: {text}" for name, text in faults.items() if text]
    other = [f"    {name}: other bits" for name in differ]
    count = f"{len(calls) - len(failed)} of {len(calls)}"
    return count + f", {len(differ)} differ" * bool(differ), failed + other


def main(arguments: list[str]) -> None:
    """Prints a line for each mode, as soon as it is known."""
    mpl.use("agg")
    globs = [x[8:].split(",") for x in arguments if x.startswith("--tools=")]
    asked = [x for x in arguments if not x.startswith("--")] or MODES
    chosen = lambda name: not globs or any(fnmatch.fnmatch(name, g) for g in globs[0])
    sets = [
        {n: c for n, c in each.items() if chosen(n)} for each in (INITIALIZERS, TOOLS)
    ]
    plain: dict[str, Any] = {}
    for mode in ("plain", *(each for each in asked if each != "plain")):
        start = time.perf_counter()
        found = [report(mode, calls, plain) for calls in sets]
        seconds = time.perf_counter() - start
        (first, _), (second, _) = found
        line = f"{mode}: initializers {first}; tools {second}; {seconds:.0f} s"
        print(line, flush=True)
        for line in (line for _, lines in found for line in lines):
            print(line, flush=True)


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    main(sys.argv[1:])
