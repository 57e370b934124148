"""Computations beside whatever trace, mesh or setting the caller is in."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
from jax.core import eval_context

from . import extend
from .text import shown
from .trees import traced_part


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Where keys and constants are ours: they move, though a user forbids transfers."""
    with jax.transfer_guard("allow"):
        yield


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Where JAX computes now, also where a caller is traced.

    JAX then computes whatever is constant by itself, one operation at a time: what is
    traced in here looks otherwise, and takes longer. So it is asked of no other caller.
    """
    with jax.ensure_compile_time_eval() if is_traced() else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Where nothing is of the trace that the caller is in, but arguments and constants.

    A model is traced in here as anywhere, and its constants are not computed: those of
    a large one, such as kernels of zeros, would fill the memory.
    """
    with eval_context() if is_traced() else contextlib.nullcontext():
        yield


def is_traced() -> bool:
    """Whether the caller is traced, as by `jax.jit` or `jax.eval_shape`."""
    return _trace_state() != _no_trace()


def _trace_state() -> Any:
    return extend.get_opaque_trace_state(convention="flax")


@functools.cache
def _no_trace() -> Any:
    """The state of a thread in which nothing is traced."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_trace_state).result()


def refuse_traced(where: str, *arguments: Any) -> None:
    """Refuses arguments that are traced: they have no numbers yet."""
    traced = traced_part(arguments)
    if traced is not None:
        raise TypeError(
            f"`{where}` needs numbers that are there. Got {shown(traced)}. Call it "
            "outside of `jax.jit`, `jax.grad` and the like, and use its result there."
        )


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
    with ours(), jax.enable_x64(True), jax.default_device(host):
        return jax.device_get(function(*arguments))
