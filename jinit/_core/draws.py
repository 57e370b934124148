"""What a law's draws are to each other: within an array, across keys, as matrices."""

import itertools
import math
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np

from .independence import (
    departures,
    dependences,
    Finding,
    repeated_slices,
    repeated_values,
    tails,
)
from .spectrum import spectra
from .trial import Trial, wide


def assert_key_matters(trial: Trial, w: jax.Array, key: jax.Array) -> None:
    # The chance that two independent arrays agree in every weight.
    agreement = w.size * trial.log_agreement
    if trial.init.law.is_random and agreement < math.log(trial.alpha):
        other = trial.init(_another(key), w.shape, w.dtype)
        differ = np.sum(wide(other) != wide(w))
        trial.require(differ, "random weights", "the same for two keys")


def assert_ranks_and_tails(trial: Trial) -> None:
    """Moments of ranks, and of the weights far out."""
    if not trial.is_smooth or trial.dtype.itemsize <= 2:
        return
    ranks = 2 * trial.law.cdf(trial.sample) - 1
    _require_none(trial, departures(ranks, trial.alpha))
    distance = np.sort(np.abs(trial.sample - trial.law.mean))[::-1][:2048]
    low, high = trial.law.mean - distance, trial.law.mean + distance
    beyond = trial.law.cdf(low) + 1 - trial.law.cdf(high)
    _require_none(trial, tails(distance, beyond, trial.sample.size, trial.alpha))


def assert_independent(trial: Trial, w: jax.Array, key: jax.Array) -> None:
    if not trial.is_smooth:
        return
    entries = wide(w)
    _require_none(trial, repeated_slices(entries, trial.log_agreement, trial.alpha))
    ranks = 2 * trial.law.cdf(entries) - 1
    _require_none(trial, dependences(ranks, trial.alpha))
    if trial.dtype.itemsize > 2:
        for what, x in {"values": ranks, "sizes": 2 * np.abs(ranks) - 1}.items():
            found = spectra(what, math.sqrt(3) * x, trial.alpha)
            _require_none(trial, found)
        other = wide(trial.init(_another(key), w.shape, w.dtype))
        found = repeated_values(entries.ravel(), other.ravel(), trial.alpha)
        _require_none(trial, found)


def assert_bits_matter(trial: Trial, key: jax.Array) -> None:
    """Each bit of a key gives weights of its own."""
    words, impl = np.asarray(jax.random.key_data(key)), jax.random.key_impl(key)
    flips = [np.uint32(1) << np.uint32(bit) for bit in range(32)]
    every = [words]
    for place, flip in itertools.product(range(words.size), flips):
        every.append(words.copy())
        every[-1][place] ^= flip
    few = min(trial.sample.size, 64)
    if not trial.is_smooth or few * trial.log_agreement > math.log(trial.alpha) - 10:
        return

    def draw(words: jax.Array) -> jax.Array:
        key = jax.random.wrap_key_data(words, impl=impl)
        return trial.init(key, trial.shape, trial.dtype).ravel()[:few]

    drawn = wide(jax.jit(lambda keys: jax.lax.map(draw, keys))(np.stack(every)))
    same = len(every) - len({each.tobytes() for each in drawn})
    trial.require(
        not same,
        "other weights for every key",
        f"{same} of {len(every)} keys, which differ in a bit each, with the weights of "
        "another",
    )


def assert_haar(trial: Trial, w: jax.Array, key: jax.Array, draws: int) -> None:
    """E tr Q = 0 and E (tr Q)² = 1 for a Haar frame; a determinant is even or fixed."""
    gain = math.sqrt(max(w.shape)) * trial.law.std if w.ndim == 2 else 0.0
    tall = wide(w) if w.ndim == 2 and w.shape[0] >= w.shape[1] else wide(w).T
    if not gain or min(w.shape) < 4:
        return
    gram = tall.T @ tall / gain**2
    off = np.abs(gram - np.eye(len(gram))).max()
    if off > 0.1:
        return  # no such matrix, whatever else it is
    allowed = 1e3 * trial.eps * len(tall)
    trial.require(
        off <= allowed,
        "singular values that are all equal, or none that are nearly",
        f"WᵀW off by {off:.3g} of their square, where {allowed:.3g} is allowed",
    )
    square = w.shape[0] == w.shape[1]

    def look(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        Q = trial.init(key, w.shape, w.dtype).astype(np.float32)
        sign = jnp.sign(jnp.linalg.det(Q / gain)) if square else jnp.float32(0)
        return jnp.trace(Q), sign

    keys = jax.random.split(_another(key), draws)
    traces, signs = map(wide, jax.jit(lambda keys: jax.lax.map(look, keys))(keys))
    t = traces / gain * math.sqrt(len(tall) / min(w.shape))
    z = np.array([t.mean(), (np.mean(t**2) - 1) / math.sqrt(2)]) * math.sqrt(draws)
    trial.require(
        np.abs(z).max() <= trial.quantile,
        "E tr Q = 0 and E (tr Q)² = 1, as a uniformly random matrix has,",
        f"{t.mean():.3g} and {np.mean(t**2):.3g}",
    )
    even = abs(signs.mean()) * math.sqrt(draws) <= trial.quantile
    trial.require(
        not square or even or abs(signs.mean()) == 1,
        "determinants of either sign as often, or of one",
        f"{np.mean(signs > 0):.1%} above 0",
    )


def _require_none(trial: Trial, findings: Iterable[Finding]) -> None:
    for finding in findings:
        trial.require(False, *finding)


@jax.jit
def _another(key: jax.Array) -> jax.Array:
    return jax.random.fold_in(key, 1)
