"""What many tests share: the keys, the table of initializers, comparison by bits."""

import contextlib
import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jinit
from jinit import Initializer
from jinit._core import sampling
from jinit._core.initializer import laws
from jinit._core.registry import is_ours


SEED = int(os.environ.get("JINIT_TEST_SEED", "0"))


def key(number: int = 0) -> jax.Array:
    """A fixed key; the environment variable JINIT_TEST_SEED gives others."""
    return jax.random.fold_in(jax.random.key(SEED), number)


# e8m0fnu has neither zero nor signs and is refused; the 6-bit floats do not exist in
# XLA for CPU.
LOW_PRECISION = [
    jnp.dtype(name)
    for name in vars(jnp)
    if name.startswith(("bfloat16", "float16", "float8", "float4"))
    and name != "float8_e8m0fnu"
]


def from_another_library(key, shape, dtype):
    return jax.random.normal(key, shape, dtype)


def public_names() -> set[str]:
    """Every initializer that a user finds: exported, or registered by a scheme."""
    every = {name: getattr(jinit, name) for name in dir(jinit)}
    exported = {n for n, v in every.items() if isinstance(v, Initializer)}
    home = lambda name: laws.lookup(name).law.home
    return exported | {n for n in laws.names() if is_ours(home(n))}


def assert_same_bits(found: Any, expected: Any) -> None:
    """Same dtype, same shape, same bits."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    found, expected = np.asarray(found), np.asarray(expected)
    differ = np.flatnonzero(
        np.ravel(found.reshape(-1, 1).view(np.uint8))
        != np.ravel(expected.reshape(-1, 1).view(np.uint8))
    )
    assert not differ.size, f"{differ.size} bytes of {found.nbytes} differ"


@functools.cache
def exact(init, *shape, dtype="float64") -> Any:
    """The weights of a law that is not random, in the precision of NumPy."""
    with jax.enable_x64(True):
        return np.asarray(init(None, shape, dtype))


def compiled_for(work):
    """How many programs are compiled for a piece of work, with what is there."""
    events = []
    listen = lambda event, duration_secs, **_: events.append(event)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        work()
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return events.count("/jax/core/compile/backend_compile_duration")


@contextlib.contextmanager
def traced_anew():
    """What draws from random words is traced anew inside, and again afterwards."""
    parts: list[Any] = [sampling._unit, sampling._normal]
    forget = lambda: [part.forget() for part in parts]
    forget()
    yield
    forget()


def at_the_extreme_words(init, shape, monkeypatch, dtype="float32"):
    """The least and the greatest weight that any random word gives."""
    ends = []
    for word in (0, -1):
        constant = lambda key, shape, kind, word=word: jnp.full(
            shape, np.array(word).astype(kind)
        )
        with monkeypatch.context() as patch, traced_anew():
            patch.setattr(sampling, "bits", constant)
            settings = init._all_settings
            w = init.law(key(), shape, dtype=np.dtype(dtype), **settings)
        ends.append(np.unique(w).item())
    return min(ends), max(ends)


def assert_half_open(init, shape, monkeypatch) -> None:
    """No random word gives the high end of the support."""
    _, most = at_the_extreme_words(init, shape, monkeypatch)
    _, high = init.support(shape)
    assert most < high, f"{init} needs a half-open support. Got {most} of {high}."


def assert_gram(w: jax.Array, gain: float) -> None:
    """WᵀW = gain² I, or WWᵀ for a wide matrix, to the rounding of a matrix product."""
    matrix = np.asarray(w, np.float64).reshape(-1, w.shape[-1])
    tall = matrix.T if matrix.shape[0] < matrix.shape[1] else matrix
    error = np.abs(tall.T @ tall - gain**2 * np.eye(tall.shape[1])).max()
    bound = 16 * float(jnp.finfo(jnp.float32).eps) * len(tall) ** 0.5 * gain**2
    assert error < bound, f"The Gram matrix is off by {error}, more than {bound}."


def assert_haar_trace(init, size: int, key: jax.Array, n: int = 10_000) -> None:
    """E tr Q = 0 and E (tr Q)² = 1, where signs that are not random show."""
    draw = lambda key: init(key, (size, size))
    q = np.asarray(jax.vmap(draw)(jax.random.split(key, n)), np.float64)
    trace = np.trace(q, axis1=1, axis2=2)
    # Moments of tr Q up to the fourth are those of a unit normal for size >= 4.
    z = np.array([trace.mean(), (np.mean(trace**2) - 1) / 2**0.5]) * n**0.5
    assert np.abs(z).max() < 4.89, f"The trace is off by {z} standard deviations."
    signs = np.sign(np.linalg.det(q))
    assert abs(signs.mean()) * n**0.5 < 4.89, "Determinant signs need to be even."
