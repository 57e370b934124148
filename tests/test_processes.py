"""Several processes: each makes its own shards of the weights that one would make."""

import os
import socket
import subprocess
import sys

import pytest


CODE = """if True:
    import sys

    import jax

    count, number, port = map(int, sys.argv[1:])
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", count, number)

    import numpy as np
    from jax.sharding import Mesh, PartitionSpec as P

    import jinit

    assert jax.process_count() == count
    shape = lambda *n, dtype="float32": jax.ShapeDtypeStruct(n, dtype)
    tree = {
        "normal": shape(16, 8),
        "half": shape(16, 8, dtype="bfloat16"),
        "cut": shape(8, 4),
        "constant": shape(8, 8),
    }
    rules = [
        ("{normal,half}", jinit.he_normal),
        ("cut", jinit.truncated_normal(stddev=0.02)),
        ("constant", jinit.constant(0.3)),
    ]
    key = jax.random.key(0)
    mesh = Mesh(np.array(jax.devices()), ("x",))
    for spec in (P("x"), P(None, "x"), P()):
        spread = jinit.materialize(tree, key, rules, spec, mesh=mesh)
        alone = jinit.materialize(tree, key, rules)
        for name, whole in alone.items():
            for shard in spread[name].addressable_shards:
                mine, wanted = np.asarray(shard.data), np.asarray(whole)[shard.index]
                assert mine.dtype == wanted.dtype
                assert mine.tobytes() == wanted.tobytes(), (spec, name)
        if spec != P():
            assert not spread["normal"].is_fully_addressable
    print("same bits")
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_make_their_shards_of_the_same_weights(count):
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    port = str(free_port())
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(count), str(number), port],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(count)
    ]  # fmt: skip
    try:
        for process in running:
            printed, said = process.communicate(timeout=240)
            assert process.returncode == 0, said
            assert printed == "same bits\n"
    finally:
        for process in running:
            process.kill()
