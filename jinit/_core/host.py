"""Computations beside whatever trace, mesh or setting the caller is in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax


def on_host(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns in float64 on the host, as NumPy arrays.

    A new thread knows nothing of a trace, a mesh or a setting that the caller is in.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_in_float64, function, *arguments).result()


def _in_float64(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        host = jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # the host is not among the platforms JAX may use
        host = None
    with jax.enable_x64(True), jax.default_device(host):
        return jax.device_get(function(*arguments))
