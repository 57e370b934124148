"""Initializers and tools under JAX's modes: none fails, and bits are what they were.

CI traces every initializer in all modes at once, and runs some tools in all that only
forbid. `JINIT_TEST_MODES=all` runs every tool in every mode, `python -m
tests.modes_table` prints how many pass.
"""

import contextlib
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, PartitionSpec as P

import jinit

from . import modes
from .cases import CASES
from .helpers import assert_same_bits, key
from .test_signatures import PUBLIC


REFUSING = {  # by itself each of them only forbids: together they forbid the same
    "strict dtypes": lambda: jax.numpy_dtype_promotion("strict"),
    "strict ranks": lambda: jax.numpy_rank_promotion("raise"),
    "tracer leaks": jax.checking_leaks,
    "key reuse": lambda: jax.debug_key_reuse(True),
    "legacy keys": lambda: jax.legacy_prng_key("error"),
}
WIDE = {
    "x64": lambda: jax.enable_x64(True),
    "bfloat16 products": lambda: jax.default_matmul_precision("bfloat16"),
}
OTHER_BITS = {"threefry in one part": lambda: jax.threefry_partitionable(False)}


@contextlib.contextmanager
def every(*modes):
    with contextlib.ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode())
        yield


def dtypes(name):
    return [jnp.float32, jnp.bfloat16, *[jnp.complex64] * CASES[name].has_complex]


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_is_traced_in_every_mode(name):
    init, shape, *_ = CASES[name]
    for dtype in dtypes(name):
        draw = lambda key, dtype=dtype: init(key, shape, dtype)
        for others in {}, WIDE | OTHER_BITS:
            with every(*REFUSING.values(), *others.values()):
                found = jax.eval_shape(draw, key())
            assert (found.shape, found.dtype) == (shape, dtype)


@pytest.mark.parametrize("name", sorted(CASES))
def test_keys_may_vary_over_the_devices(name):
    init, shape, *_ = CASES[name]
    mesh = jax.make_mesh((2,), ("x",), axis_types=(AxisType.Auto,))
    for dtype in dtypes(name):
        one = lambda keys, dtype=dtype: init(keys[0], shape, dtype)[None]
        each = jax.shard_map(one, mesh=mesh, in_specs=P("x"), out_specs=P("x"))
        found = jax.eval_shape(each, jax.random.split(key(), 2))
        assert found.shape == (2, *shape)


@pytest.mark.parametrize(
    "init", [jinit.normal, jinit.uniform, jinit.he_normal, jinit.sparse(0.5)], ids=repr
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_bits_do_not_depend_on_a_mode(init, dtype):
    if init.law.name == "uniform" and dtype == jnp.complex64:
        return
    w = init(key(), (6, 4), dtype)
    for mode in (REFUSING | WIDE).values():
        with mode():
            assert_same_bits(init(key(), (6, 4), dtype), w)


# All at once but for two, beside which JAX's check of key reuse sees what is none: a
# `fold_in` by the counter of a loop.
FORBIDDEN = {
    name: value for mode, each in modes.FORBIDDING.items()
    if mode not in {"checks", "key reuse"} for name, value in each.items()
}  # fmt: skip
# By what they run: eager draws, a plan, taps and fits, training, arrays, theory.
FEW = [
    "duplicates", "explain", "fill_missing", "initialize", "lsuv", "materialize",
    "data.whiten", "pretrain.RBM.energy", "theory.variance_map",
]  # fmt: skip
ALL = os.environ.get("JINIT_TEST_MODES") == "all"


def outcome(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return modes.bits(call())


@pytest.mark.parametrize("name", modes.TOOLS if ALL else FEW)
def test_a_tool_does_what_no_mode_forbids(name):
    with modes.flags(**FORBIDDEN):
        found = outcome(modes.TOOLS[name])
    assert found == outcome(modes.TOOLS[name])


def test_training_uses_no_key_again():
    with modes.flags(debug_key_reuse=True):
        found = outcome(modes.TOOLS["pretrain.rbm"])
    assert found == outcome(modes.TOOLS["pretrain.rbm"])


if ALL:

    @pytest.mark.parametrize("mode", modes.MODES)
    @pytest.mark.parametrize("name", modes.TOOLS)
    def test_a_tool_runs_in_every_mode(name, mode):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            modes.called(mode, modes.TOOLS[name])


def test_every_public_method_is_called():
    called = {each for each in modes.TOOLS if each.split(".")[-2:][0][0].isupper()}
    assert called == modes.public_methods(PUBLIC)


CODE = """
import jax
import numpy as np

import jinit

model = (
    lambda params, x: jax.nn.relu(x @ params["a"]) @ params["b"],
    {"a": jax.ShapeDtypeStruct((4, 8), "f4"), "b": jax.ShapeDtypeStruct((8, 2), "f4")},
)
x = np.linspace(-1, 1, 12, dtype="f").reshape(3, 4)
weights = jinit.initialize(model, jax.random.key(0), x)
print(jinit.explain(model, x))
print(*(np.asarray(w).tobytes().hex() for w in jax.tree.leaves(weights)))
try:
    jinit.normal(stddev=-1.0)
except ValueError as error:
    print(error)
"""
HOW = ["", "-O", "-OO", "-W error", "zip"] if ALL else ["zip -OO -W error"]


@pytest.mark.parametrize("how", HOW)
def test_processes_of_every_kind_say_the_same(how, tmp_path, capsys):
    home = Path(jinit.__file__).parent.parent
    if "zip" in how:
        with zipfile.ZipFile(tmp_path / "jinit.zip", "w") as archive:
            for file in (home / "jinit").rglob("*.py"):
                archive.write(file, file.relative_to(home))
        home = tmp_path / "jinit.zip"
    options = how.removeprefix("zip").split()
    run = [sys.executable, *options, "-c", f"{CODE}\nprint(jinit.__file__)"]
    environment = {**os.environ, "PYTHONPATH": str(home)}
    done = subprocess.run(
        run, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    exec(CODE, {})
    expected = capsys.readouterr().out
    assert done.stdout == f"{expected}{home}/jinit/__init__.py\n"
