"""Checkpoints: all arrays of a tree, whole or not at all."""

import os
import subprocess
import sys
import threading

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

import jinit
from jinit._model.checkpoint import nested, save


ocp = pytest.importorskip("orbax.checkpoint")


def test_arrays_of_numpy_are_written_too():
    found = nested({"a": [jnp.ones(2), np.zeros(3)], "name": "x"})
    assert {path: leaf.shape for path, leaf in found["a"].items()} == {
        "0": (2,),
        "1": (3,),
    }
    assert found.keys() == {"a"}


def test_weights_come_back_on_another_mesh(tmp_path):
    shape = jax.ShapeDtypeStruct
    tree = {"a": {"w": shape((16, 8), "float32")}, "b": shape((8,), "bfloat16")}
    places = {"a": {"w": P("data", "model")}, "b": P("model")}

    def weights(*sizes):
        devices = jax.devices()[: np.prod(sizes)]
        mesh = jax.make_mesh(sizes, ("data", "model"), devices=devices)
        rules = [("**", jinit.normal)]
        return jinit.materialize(tree, jax.random.key(0), rules, places, mesh=mesh)

    save(weights(8, 1), tmp_path / "c")
    like = lambda x: shape(x.shape, x.dtype, sharding=x.sharding)
    with ocp.StandardCheckpointer() as checkpointer:
        for wanted in (weights(2, 4), weights(1, 1)):
            loaded = checkpointer.restore(tmp_path / "c", jax.tree.map(like, wanted))
            chex.assert_trees_all_equal(loaded, wanted)
            assert jax.tree.map(like, loaded) == jax.tree.map(like, wanted)


def test_an_interrupt_waits_for_what_is_written_and_removes_it(monkeypatch, tmp_path):
    wait = ocp.StandardCheckpointer.wait_until_finished
    waited = []

    def interrupted(self):
        waited.append(None)
        if len(waited) == 1:
            raise KeyboardInterrupt
        wait(self)

    monkeypatch.setattr(ocp.StandardCheckpointer, "wait_until_finished", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save({"w": jnp.ones(3)}, tmp_path / "c")
    assert not os.listdir(tmp_path)


def test_a_link_to_an_empty_folder_takes_a_checkpoint(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "link").symlink_to("c")
    save({"w": jnp.ones(3)}, tmp_path / "link")
    assert any((tmp_path / "c").iterdir())


def test_a_full_disk_leaves_nothing(monkeypatch, tmp_path):
    def full(self, path, tree):
        path.mkdir()
        (path / "half").write_text("x")
        late = path / "late"  # what Orbax's threads write after the failure
        threading.Timer(0.3, late.mkdir, kwargs={"parents": True}).start()
        raise OSError("No space left on device")

    monkeypatch.setattr(ocp.StandardCheckpointer, "save", full)
    with pytest.raises(OSError, match=r"left on device. Nothing is left there"):
        save({"w": jnp.ones(3)}, tmp_path / "c")
    assert not os.listdir(tmp_path)


def test_a_kill_before_the_end_leaves_nothing_that_loads(tmp_path):
    code = """if True:
        import os, pathlib, signal, sys
        import jax.numpy as jnp
        from jinit._model.checkpoint import save
        pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        save({"w": jnp.ones(3)}, sys.argv[1])"""
    target = tmp_path / "c"
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -9
    assert not target.exists()
