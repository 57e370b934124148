"""Models larger than this machine: the seconds of a plan, and a small one for real.

    python benchmarks/scale.py             a trillion parameters, on 4096 devices
    python benchmarks/scale.py draw        a small one, on 8 devices of this host
    python benchmarks/scale.py processes   the same by 2 processes, of 4 devices each

The mesh of the first, of 4 slices × 16 × 16 × 4, names no devices, and nothing is
allocated. The small one is drawn, written, and read again on other meshes. Each row has
seconds of wall, seconds of all cores, and the memory of the process so far.
"""

import functools
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import AbstractMesh, AxisType, Mesh
from moe import AXES, Linen, NNX, plain, SMALL, TRILLION

import jinit
from jinit._model.checkpoint import save


ADAM = optax.adam(1e-3, mu_dtype="float32")
GPT2 = jinit.recipes.gpt2()


def row(name: str, what: Callable[[], Any]) -> Any:
    """Does it, and prints what that took."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = jax.block_until_ready(what())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:32} {wall:8.2f} s {cpu:8.2f} s {most:8.0f} MiB", flush=True)
    return made


def plan(name: str, model: Any, shardings: Any = None) -> None:
    """One form of the large model: read, sized with Adam, and drawn without values."""
    mesh = AbstractMesh((4, 16, 16, 4), AXES, axis_types=(AxisType.Explicit,) * 4)
    x = jax.ShapeDtypeStruct((1, 4096), "int32")
    size = functools.partial(jinit.estimate, model, x, shardings=shardings, mesh=mesh)
    draw = lambda key: jinit.initialize(
        model, key, x, rules=GPT2, shardings=shardings, mesh=mesh
    )
    told = row(f"{name}: estimate", lambda: size(optimizer=ADAM))
    row(f"{name}: explain", lambda: jinit.explain(model, x))
    row(f"{name}: explain by gpt2", lambda: jinit.explain(model, x, rules=GPT2))
    key = jax.random.key(0)
    drawn = row(f"{name}: eval_shape", lambda: jax.eval_shape(draw, key))
    of_weights = told.per_device - told.state
    assert jinit.estimate(jax.tree.leaves(drawn)).per_device == of_weights
    print(told)


def draw(folder: pathlib.Path) -> None:
    """The small model: on two slices, and from its checkpoint on other meshes."""
    key, x = jax.random.key(0), jax.ShapeDtypeStruct((1, 16), "int32")
    model, places = plain(SMALL)

    def weights(*sizes: int) -> Any:
        devices = jax.devices()[: np.prod(sizes)]
        mesh = Mesh(np.array(devices).reshape(sizes), AXES)
        return jinit.initialize(model, key, x, rules=GPT2, shardings=places, mesh=mesh)

    first = row("draw on 2×4×1×1", lambda: weights(2, 4, 1, 1))
    row("draw again", lambda: weights(2, 4, 1, 1))
    row("write", lambda: save(first, folder / "weights", "scale"))
    alone = [(1, 1, 1, 1)] if jax.process_count() == 1 else []
    for sizes in [(1, 2, 2, 2), (2, 1, 4, 1), *alone]:
        wanted = weights(*sizes)
        name = f"read on {'×'.join(map(str, sizes))}"
        found = row(name, functools.partial(read, folder / "weights", wanted))
        for one, other in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
            assert one.sharding == other.sharding
            assert parts(one) == parts(other)


def read(folder: pathlib.Path, like: Any) -> Any:
    """A checkpoint, placed as other weights are."""
    import orbax.checkpoint as ocp

    shape = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(folder, jax.tree.map(shape, like))


def parts(x: jax.Array) -> list[bytes]:
    """The bits of what this process holds."""
    return [np.asarray(each.data).tobytes() for each in x.addressable_shards]


def main(what: str = "plan", number: str = "0", port: str = "") -> None:
    """Runs one of the three; one of two processes by its number and their port."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if what == "processes":
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                port = str(listener.getsockname()[1])
            command = [sys.executable, __file__, folder]
            second = subprocess.Popen([*command, "1", port], stdout=subprocess.DEVNULL)
            subprocess.run([*command, "0", port], check=True)
            second.wait()
        elif port:
            jax.config.update("jax_num_cpu_devices", 4)
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(number))
            draw(pathlib.Path(what))
        elif what == "draw":
            jax.config.update("jax_num_cpu_devices", 8)
            draw(pathlib.Path(folder))
        else:
            plan("function", *plain(TRILLION))
            plan("linen", Linen(TRILLION))
            plan("nnx", functools.partial(NNX, TRILLION))


if __name__ == "__main__":
    main(*sys.argv[1:])
