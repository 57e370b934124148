"""What every test needs before JAX starts, and test ids that a person can read.

Eight host devices, and Keras on JAX. Programs that XLA compiled are kept between runs
and shared by the workers, outside the checkout; JAX_COMPILATION_CACHE_DIR names another
place. They are compiled with little optimization, in two thirds of the time;
JINIT_TEST_OPTIMIZATION=3 compiles them as users do.
"""

import ctypes
import gc
import os
import pathlib
import sys

import pytest

from .ids import name_of


CACHES = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{CACHES}/jinit-tests")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ["KERAS_BACKEND"] = "jax"
FLAGS = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level="
    + os.environ.get("JINIT_TEST_OPTIMIZATION", "1")
)
GIVEN = os.environ.get("XLA_FLAGS", "")
if FLAGS not in GIVEN:  # a worker inherits them; twice, they name other programs
    os.environ["XLA_FLAGS"] = f"{FLAGS} {GIVEN}".strip()


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


LARGE = 3 * 2**30  # bytes of a worker, most of it compiled programs
STATM = pathlib.Path("/proc/self/statm")


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Frees what was compiled for a module of tests, where that has become much."""
    if nextitem is None or nextitem.path == item.path or not STATM.exists():
        return
    if int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > LARGE:
        jax = sys.modules.get("jax")
        if jax is not None:
            jax.clear_caches()
            gc.collect()
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
            _ = trim and trim(0)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A lambda by its source, a value by its text."""
    return name_of(val)
