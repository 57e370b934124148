"""Eight host devices for every test, set before JAX starts, and readable test ids."""

import os

from .ids import name_of


os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A lambda by its source, a value by its text."""
    return name_of(val)
