"""Tests of random laws: hold an initializer, yours included, to what it states."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from scipy import stats

from ._core.closures import explained
from ._core.draws import (
    assert_bits_matter,
    assert_haar,
    assert_independent,
    assert_key_matters,
    assert_ranks_and_tails,
)
from ._core.host import at_once, ours, refuse_traced
from ._core.initializer import Initializer
from ._core.settings import check, Count, Positive
from ._core.trial import representable as _representable, Trial as _Trial, wide as _wide
from .marginal import Marginal


def assert_law(
    init: Initializer,
    shape: Sequence[int],
    key: jax.Array,
    *,
    dtype: DTypeLike | None = None,
    draws: int | None = None,
    alpha: float = 1e-6,
) -> None:
    """Holds an initializer to what it states: exactly, then statistically.

    Exact: shape and dtype; finite; the same key gives the same bits, eagerly and under
    `jit`, and another key gives others; every weight lies in the support.

    Statistical, each with a chance of at most `alpha` to reject a law that holds:

    - mean and variance, |z| ≤ Φ⁻¹(1 − α/2), where the sample variance of n weights
      has the standard deviation σ² √((κ − 1) / n) for the stated kurtosis κ;
    - distribution function, sup |Fₙ − F| ≤ √(log(2/α) / 2n), atoms included;
    - no value drawn more often than its share: no mass on the bounds, no coarse grid;
    - no more repeated values than n draws make by chance, or than another draw shares;
    - moments of the ranks F(w), of degree 1 to 8: a skewness, a kurtosis, and so on;
    - as many weights far out as the law has there: the largest, the 4th, …, the 1024th;
    - no correlation, of ranks or of sizes, between neighbors or halves along an axis,
      and sums along it that vary no more than those of independent weights;
    - of ranks and sizes as matrices of 30 or more rows and columns, the products of
      all pairs of rows, the largest singular value, and the singular values against
      Marchenko and Pastur's law.

    Of a law without atoms also, all but surely: no two slices along an axis are equal
    or opposite, and keys that differ in any one bit draw other weights. With `draws`,
    of an orthogonal matrix: singular values that are all equal, E tr Q = 0,
    E (tr Q)² = 1, and determinants of one sign or of either equally often.

    A dtype of 16 bits or fewer is held to the stated law rounded to its values. Of a
    complex law, whose statement is about E|w|², the exact part and the moments are
    tested. What a law does not state is not tested.

    At n = 10⁶ and the default `alpha` this sees a shift of 0.005 σ, and a wrong scale
    of 0.35 % (normal) or 0.22 % (uniform), a correlation of 0.005 between neighbors,
    and one repeated value in 100; at 10⁴, 0.05 between neighbors. A weight in 1000 that
    is three times as large shows from 3·10⁵ on, as do a kurtosis of 3.15 for 3,
    a part of rank one with 2 % of the variance, and rows that correlate by ½ with one
    other, wherever it is; a matrix whose signs were not fixed shows at 1000 draws. It
    can not see what is rarer than one weight in the sample, such as a closed end of an
    interval, nor dependence that leaves neighbors, halves, sums and products of rows
    as they are, such as of three weights of which no two depend on each other.

    Args:
        init: The initializer, with its settings.
        shape: The shape to draw.
        key: The key to draw with. A fixed key makes a fixed test.
        dtype: The dtype to draw; by default the initializer's own.
        draws: By default the entries of one array are the sample, which must then be
            independent, or spread more evenly than that. For a law whose entries
            depend on each other, such as an orthogonal matrix, the sample is one
            entry, at a random place, of each of this many arrays.
        alpha: The chance that one statistical check rejects a law that holds.

    Raises:
        AssertionError: If the law does not hold: what was stated, what was measured,
            and the bound.
        ValueError: If a random law gets a sample of fewer than 1000 weights.

    Example:
        >>> import jax, jinit
        >>> from jinit import marginal
        >>> from jinit.testing import assert_law
        >>> @jinit.law(marginal=lambda shape, rate: marginal.uniform(0.0, rate))
        ... def ramp(key, shape, dtype, /, rate: float = 1.0):
        ...     return rate * jax.random.uniform(key, shape, dtype)
        >>> assert_law(ramp(rate=2.0), (100, 100), jax.random.key(0))
        >>> @jinit.law(marginal=lambda shape: marginal.uniform(0.0, 1.0))
        ... def lopsided(key, shape, dtype, /):
        ...     return jax.random.uniform(key, shape, dtype) ** 2
        >>> assert_law(lopsided, (100, 100), jax.random.key(0))
        Traceback (most recent call last):
            ...
        AssertionError: `lopsided()` states its mean as 0.5 for (100, 100) in float32...

    References:
        Marchenko, Pastur. Distribution of eigenvalues for some sets of random matrices.
        Mathematics of the USSR-Sbornik 1967.
        Massart. The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality.
        Annals of Probability 1990.
    """
    where = "jinit.testing.assert_law"
    _check_settings(where, alpha, draws)
    refuse_traced(where, key, init.settings)
    with explained(where, (init,), {}), ours(), at_once():
        _assert_law(init, shape, key, dtype, draws, alpha)


def _assert_law(init: Initializer, shape, key, dtype, draws, alpha) -> None:
    draw = lambda key: init(key, shape, dtype)
    under_jit = jax.jit(draw)(key)
    _assert_array(init, under_jit, shape, dtype)
    w = draw(key)
    _assert_same(init, w, {"a second time": draw(key), "under `jax.jit`": under_jit})
    if init.law.marginal is None or not w.size:
        return
    sample = _sample(init, w, key, draws)
    if init.law.is_random and sample.size < 1000:
        raise ValueError(
            "`jinit.testing.assert_law` needs 1000 weights or more. "
            f"Got {sample.size} from {init!r}. Give a larger shape, or `draws=`."
        )
    trial = _Trial(init, init.marginal(shape), sample, w.shape, w.dtype, alpha)
    if not jnp.iscomplexobj(w):
        _assert_support(trial)
    _assert_moments(trial)
    if not jnp.iscomplexobj(w):
        _assert_distribution(trial)
        _assert_shares(trial)
        _assert_distinct(trial)
        assert_key_matters(trial, w, key)
        assert_ranks_and_tails(trial)
        if draws is None:
            assert_independent(trial, w, key)
            assert_bits_matter(trial, key)
        else:
            assert_haar(trial, w, key, draws)


def _check_settings(where: str, alpha: float, draws: int | None) -> None:
    check(where, "alpha", Positive, alpha)
    if alpha >= 1:
        raise ValueError(f"`{where}` needs `alpha` below 1. Got {alpha!r}.")
    check(where, "draws", Count | None, draws)


def _assert_array(init: Initializer, w: jax.Array, shape, dtype) -> None:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    asked = init.settings.get("dtype", float) if dtype is None else dtype
    dtype = jax.dtypes.canonicalize_dtype(asked)
    if (w.shape, w.dtype) != (shape, dtype):
        raise AssertionError(
            f"`{init!r}` needs weights of shape {shape} in {dtype}. "
            f"Got {w.shape} in {w.dtype}."
        )
    finite = np.isfinite(_wide(w))
    if not finite.all():
        raise AssertionError(
            f"`{init!r}` needs finite weights for {w.shape} in {w.dtype}. "
            f"Got {np.sum(~finite)} that are not."
        )


def _assert_same(init: Initializer, w: jax.Array, others: dict[str, jax.Array]) -> None:
    for how, again in others.items():
        differ = np.sum(_wide(again) != _wide(w))
        if differ:
            raise AssertionError(
                f"`{init!r}` needs the same bits for the same key. Drawn {how}, "
                f"{differ} of {w.size} weights differ."
            )


def _sample(
    init: Initializer, w: jax.Array, key: jax.Array, draws: int | None
) -> np.ndarray:
    """The weights to test, in at least double precision."""
    if draws is None:
        return _wide(w).ravel()

    def pick(key: jax.Array) -> jax.Array:
        key_draw, key_place = jax.random.split(key)
        place = jax.random.randint(key_place, (), 0, w.size)
        return init(key_draw, w.shape, w.dtype).ravel()[place]

    pick_all = jax.jit(lambda keys: jax.lax.map(pick, keys, batch_size=1024))
    return _wide(pick_all(jax.random.split(key, draws)))


def _rounded(law: Marginal, dtype: np.dtype) -> Marginal:
    """The law with the moments that it has once rounded to `dtype`."""
    if dtype.itemsize > 2:
        return law
    values = _representable(dtype)
    mass = np.diff(law.cdf((values[1:] + values[:-1]) / 2), prepend=0, append=1)
    mean = float(mass @ values)
    variance = float(mass @ (values - mean) ** 2)
    kurtosis = float(mass @ (values - mean) ** 4) / variance**2 if variance else 1.0
    return dataclasses.replace(law, mean=mean, std=variance**0.5, kurtosis=kurtosis)


def _assert_support(trial: _Trial) -> None:
    # A bound is itself a product of rounded numbers: it may be off by two roundings.
    eps = float(jnp.finfo(np.promote_types(trial.dtype, np.float32)).eps)
    low, high = trial.law.support
    nearest = lambda end: float(trial.dtype.type(end)) if math.isfinite(end) else end
    least, most = float(trial.sample.min()), float(trial.sample.max())
    trial.require(
        nearest(low - eps * abs(low)) <= least
        and most <= nearest(high + eps * abs(high)),
        f"its support as {trial.law.support}",
        f"weights from {least!r} to {most!r}",
    )


def _assert_moments(trial: _Trial) -> None:
    law, sample, n = _rounded(trial.law, trial.dtype), trial.sample, trial.sample.size
    bound = trial.quantile * law.std / math.sqrt(n) + trial.eps * np.abs(sample).max()
    off = np.abs(sample.mean() - law.mean)
    trial.require(
        off <= bound,
        f"its mean as {law.mean:.6g}",
        f"{sample.mean():.6g}, off by {off:.3g} where {bound:.3g} is allowed",
    )
    variance = np.mean(np.abs(sample - law.mean) ** 2)
    spread = math.sqrt(max(law.kurtosis - 1, 0) / n)
    allowed = law.std**2 * (trial.quantile * spread + 2 * trial.eps) + bound**2
    trial.require(
        abs(variance - law.std**2) <= allowed,
        f"its standard deviation as {law.std:.6g}",
        f"{math.sqrt(variance):.6g}, a variance off by {variance - law.std**2:.3g} "
        f"where {allowed:.3g} is allowed",
    )


def _assert_distribution(trial: _Trial) -> None:
    values, counts = trial.distinct
    low, high = map(trial.law.cdf, trial.cell_edges)
    above = np.cumsum(counts) / trial.sample.size
    below = above - counts / trial.sample.size
    distances = np.maximum(np.abs(above - high), np.abs(below - low))
    worst = distances.argmax()
    bound = math.sqrt(math.log(2 / trial.alpha) / (2 * trial.sample.size))
    if not trial.init.law.is_random:
        bound = trial.eps
    trial.require(
        distances[worst] <= bound,
        f"P(W ≤ {values[worst]:.6g}) as {high[worst]:.6g}",
        f"{above[worst]:.6g}, a distance of {distances[worst]:.3g} where {bound:.3g} "
        "is allowed",
    )


def _assert_shares(trial: _Trial) -> None:
    n, (values, counts) = trial.sample.size, trial.distinct
    # The chance that as many others fall on the value of a draw, for each of n draws.
    chance = n * stats.binom.sf(counts - 2, n - 1, np.minimum(trial.shares, 1))
    worst = chance.argmin()
    trial.require(
        chance[worst] >= trial.alpha,
        f"P(W = {values[worst]:.6g}) as {trial.shares[worst]:.3g} at most",
        f"{counts[worst]} such weights",
    )


def _assert_distinct(trial: _Trial) -> None:
    n, (_, counts) = trial.sample.size, trial.distinct
    rare = n * trial.shares < 1  # leaves out atoms and the coarse part of a dtype
    repeats = np.sum(counts[rare] - 1)
    pairs = n / 2 * np.sum(counts[rare] * trial.shares[rare])
    log = math.log(1 / trial.alpha)
    allowed = pairs + log / 3 + math.sqrt(log**2 / 9 + 2 * log * pairs)  # Bernstein
    trial.require(
        repeats <= allowed,
        "independent weights",
        f"{repeats} repeated values where {allowed:.0f} are allowed",
    )
