"""What every test needs before JAX starts, and test ids that a person can read.

Eight host devices, and Keras on JAX. Programs that XLA compiled are kept between runs
and shared by the workers, outside the checkout; JAX_COMPILATION_CACHE_DIR names another
place. They are compiled with little optimization, in two thirds of the time;
JINIT_TEST_OPTIMIZATION=3 compiles them as users do.
"""

import os
import pathlib

from .ids import name_of


CACHES = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{CACHES}/jinit-tests")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ["KERAS_BACKEND"] = "jax"
OPTIMIZATION = os.environ.get("JINIT_TEST_OPTIMIZATION", "1")
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 "
    f"--xla_backend_optimization_level={OPTIMIZATION} "
    + os.environ.get("XLA_FLAGS", "")
)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A lambda by its source, a value by its text."""
    return name_of(val)
