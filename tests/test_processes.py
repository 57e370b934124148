"""Several processes: each makes and writes its own shards of the same weights."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest


CODE = """if True:
    import os
    import sys

    import jax

    count, number, port = map(int, sys.argv[1:4])
    folder = os.path.join(sys.argv[4], "weights")
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
CHECKPOINT = """if True:
    import orbax.checkpoint as ocp

    from jinit._model import checkpoint

    def refused(said):
        try:
            checkpoint.save(rows, folder)
        except OSError as error:
            assert said in str(error), error
        else:
            raise AssertionError(said)

    rows, columns = (
        jinit.materialize(tree, key, rules, spec, mesh=mesh)
        for spec in (P("x"), P(None, "x"))
    )
    check_free, late = checkpoint.check_free, os.path.join(folder, "late")
    if number == 0:  # what is there when it comes to that: all are told
        os.makedirs(late)
        checkpoint.check_free = lambda *_: None
    refused("Directory not empty")
    if number == 0:
        os.rmdir(late)
        os.rmdir(folder)
        checkpoint.check_free = check_free
    checkpoint.save(rows, folder)
    refused("a folder that does not exist yet")
    like = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)
    with ocp.StandardCheckpointer() as checkpointer:
        loaded = checkpointer.restore(folder, jax.tree.map(like, columns))
    for name, wanted in columns.items():
        assert loaded[name].sharding == wanted.sharding
        for mine, other in zip(
            loaded[name].addressable_shards, wanted.addressable_shards, strict=True
        ):
            assert np.asarray(mine.data).tobytes() == np.asarray(other.data).tobytes()
    print("same weights")
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_make_and_keep_their_shards_of_the_same_weights(count, tmp_path):
    writes = count == 2 and find_spec("orbax") is not None
    code = CODE + CHECKPOINT * writes
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    port = str(free_port())
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(count), str(number), port, str(tmp_path)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(count)
    ]  # fmt: skip
    try:
        for process in running:
            printed, said = process.communicate(timeout=240)
            assert process.returncode == 0, said
            ours = [line for line in printed.splitlines() if line[:4] == "same"]
            assert ours == ["same bits", "same weights"][: 1 + writes]
    finally:
        for process in running:
            process.kill()
