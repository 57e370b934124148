"""Sums over axes, on samples: what is summed, and how much of it goes together.

The mean of n entries of variance v and correlation r has the variance

    v̄ = v (1 + (n − 1) r) / n

which is its covariance with each of them as well.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .masks import Mask
from .source import NEAR, near, normal_scores, Source
from .value import Along, EQUAL, LEAST, LITTLE, N, Samples


def sum_over(x: Samples, axes: Sequence[int], count: float, source: Source) -> Samples:
    """The sum of `count` entries along `axes`, beside the entries it is made of."""
    kept = [k for k in range(len(x.axes)) if k not in axes]
    moving = [k for k in axes if x.axes[k] is not EQUAL]
    whole = x.picked(kept)
    if not moving or count <= 1 or not x.is_finite or not x.variance:
        made = Samples(count * whole.rows, whole.axes, whole.sources, doubt=x.doubt)
        return made if x.is_finite else made.doubted("a sum of infinite numbers")
    if x.mask is not None and _is_zero_outside(x, x.mask):
        rows = _of_masked(x, x.mask, moving, kept, count, source)
    elif count <= FEW_ENOUGH and _are_apart(x, moving):
        rows = _of_few(x, moving, kept, int(count), source)
    elif np.isrealobj(x.rows) and bool(np.all(x.rows >= 0)):
        rows = sum_of_positive(x, moving, kept, count, source)
    else:
        rows = _of_signed(x, moving, kept, count, source)
    sources = x.sources | {source.fresh()}
    made = Samples(np.stack(list(rows)), whole.axes, sources, doubt=x.doubt)
    each = lambda part: sum_over(part, axes, count, source)
    return made.with_parts_of(x, each, kept)


FEW_ENOUGH = 64  # entries that are summed one by one; more of them come near the mean


def _of_few(
    x: Samples, moving: Sequence[int], kept: Sequence[int], count: int, source: Source
) -> Iterator[np.ndarray]:
    """The entries at hand, and others as they stand beside entries like these.

    For all values that run along together these are the same picks, so that the mean of
    squares is never less than the square of the mean.
    """
    numbers = tuple(x.axes[k].number for k in moving)
    free = all(x.axes[k].along is Along.FREE for k in moving)
    picks = source.picks(numbers, count, None if free else x.entries)
    beside = x.rows[0] if free else x.rows[1 + min(moving, key=x.likeness)]
    apart, r = _apart(x, moving, kept), max(_alike(x, moving), 0.0)
    for k in (None, *kept):
        members = _members(k, apart, count)
        places = picks[: count - len(members)]
        others = beside[places]
        if k is not None and free:
            others = x.rows[1 + k][places]
        elif k is not None and x.axes[k] is not EQUAL:
            own = max(x.likeness(k), 0.0)
            shared = count * (own + (count - 1) * min(own, r)) - own
            same = source.picks((*numbers, x.axes[k].number), count, None)
            is_same = same[: len(places)] * len(places) < shared * N
            there = near(x.rows[1 + k], places, among=x.rows[0])
            others = np.where(is_same, others, beside[there])
        yield x.rows[members].sum(0) + others.sum(0)


def _apart(x: Samples, moving: Sequence[int], kept: Sequence[int]) -> list[int]:
    """The axes that are summed over, but for parts of one that was split.

    Those share with the other part what differs along it, which is in another sum.
    """
    rows = [x.rows[1 + k] for k in kept]
    return [j for j in moving if not any((x.rows[1 + j] == row).all() for row in rows)]


def _alike(x: Samples, moving: Sequence[int]) -> float:
    return min(x.likeness(k) for k in moving)


def _are_apart(x: Samples, moving: Sequence[int]) -> bool:
    """Whether entries are little alike, and that not by more than samples show."""
    by_chance = bool(x.chances) and all(x.chances[k].more > CHANCE for k in moving)
    return _alike(x, moving) < LITTLE and not by_chance


def _share(r: float, count: float) -> float:
    """v̄ / v."""
    return min(max((1 + (count - 1) * r) / count, 0.0), 1.0)


def _of_signed(
    x: Samples, moving: Sequence[int], kept: Sequence[int], count: float, source: Source
) -> Iterator[np.ndarray]:
    """N m + n (β Σ (x_j − m) + τ ξ), with the covariance v̄ with each entry x_j.

    A sum that differs along an axis stands as well beside the entries of the first one,
    where entries that differ along it are alike.
    """
    r = _alike(x, moving)
    share, mean, v = _share(r, count), x.rows.mean(), x.variance
    off, members = x.rows - mean, [0, *(1 + j for j in moving)]
    apart = _apart(x, moving, kept)
    across = lambda k: x.likeness(k) / count + (1 - 1 / count) * min(x.likeness(k), r)
    shares = [share, *(share if j in apart else across(j) for j in moving)]

    def told(rows: list[int], shares: list[float]) -> tuple[np.ndarray, float]:
        """What entries tell of a sum, and the variance that they do not."""
        gram = np.real(off[rows] @ off[rows].conj().T) / N
        gram = gram + 1e-9 * np.trace(gram) * np.eye(len(gram))
        beta = np.linalg.solve(gram, v * np.array(shares))
        return beta @ off[rows], max(share * v - v * float(beta @ shares), 0.0)

    first, rest = told(members, shares)
    noise = source.noise(tuple(x.axes[k].number for k in moving), x.entries)
    yield count * (mean + first + rest**0.5 * noise)
    for k in kept:
        own = x.likeness(k)
        if own >= 1:
            yield count * (mean + first + rest**0.5 * noise)
            continue
        beside = [j for j in members if own > LITTLE and (off[j] != off[1 + k]).any()]
        part, left = told([1 + k, *beside], [share] + [across(k)] * len(beside))
        joint = across(k) * v - float(np.real(np.vdot(first, part))) / N
        c = float(np.clip(joint / max((rest * left) ** 0.5, LEAST), -1, 1))
        other = c * noise + (1 - c * c) ** 0.5 * source.normal()
        yield count * (mean + part + left**0.5 * other)


def _noises(
    x: Samples,
    moving: Sequence[int],
    kept: Sequence[int],
    r: float,
    count: float,
    source: Source,
) -> Iterator[np.ndarray]:
    """What of each sum no entry tells, correlated so that the sums are as they are."""
    share = _share(r, count)
    first = source.noise(tuple(x.axes[k].number for k in moving), x.entries)
    yield first
    for k in kept:
        own = x.likeness(k)
        if own >= 1:
            yield first
            continue
        target = own / count + (1 - 1 / count) * min(own, r) - share**2 * own
        scale = share * (1 - share)
        c = min(max(target / scale, -1.0), 1.0) if scale > 1e-12 else 0.0
        yield c * first + (1 - c * c) ** 0.5 * source.normal()


def sum_of_positive(
    x: Samples, moving: Sequence[int], kept: Sequence[int], count: float, source: Source
) -> Iterator[np.ndarray]:
    """The entries at hand, and a lognormal sum of the others: positive as they are."""
    share = _share_of_present(x, moving)
    mean = x.rows.mean() / share
    v = x.second / share - mean**2
    apart = min(x.overlap(j) for j in moving) / share
    r = max((apart - mean**2) / v, 0.0) if v > 0 else 0.0
    told = min(_alike_in_logarithm(x.rows[[0, 1 + j]]) for j in moving) ** 0.5
    noises, own = _noises(x, moving, kept, r, count, source), _apart(x, moving, kept)
    for k, noise in zip((None, *kept), noises, strict=True):
        inside = x.rows[_members(k, own, count)]
        others = count - len(inside)
        variance = v * max(others, 0) * (1 + max(others - 1, 0) * r)
        z = told * normal_scores(inside[0]) + (1 - told**2) ** 0.5 * noise
        rest = _lognormal(np.full(N, others * mean), variance, z)
        yield inside.sum(0) + np.where((inside > 0).any(0) | (share == 1), rest, 0.0)


def _share_of_present(x: Samples, moving: Sequence[int]) -> float:
    """How many sums are not of zeros alone, where entries are 0 together; else 1."""
    gone = x.rows[0] == 0
    together = min(np.mean(gone & (x.rows[1 + j] == 0)) for j in moving)
    return 1 - together if together > TOGETHER * gone.mean() > 0 else 1.0


TOGETHER = 0.9  # of the zeros, from which on a mask has made them


def _alike_in_logarithm(pairs: np.ndarray) -> float:
    """The correlation of the logarithms of pairs of positive numbers; at least 0."""
    positive = pairs[:, (pairs > 0).all(0)]
    if positive.shape[1] < FEW or not positive.std(1).all():
        return 0.0
    found = float(np.corrcoef(np.log(positive))[0, 1])
    return found if found > CHANCE else 0.0


FEW, CHANCE = 50, 0.03  # pairs that tell nothing, and a correlation that says nothing


def _members(k: int | None, moving: Sequence[int], count: float) -> list[int]:
    """The rows of entries that are known to be in a sum: not more than it has."""
    rows = [0, *(1 + j for j in moving)] if k is None else [1 + k]
    return rows[: max(int(count), 1)]


def _lognormal(mean: Any, variance: Any, z: np.ndarray) -> np.ndarray:
    safe = np.where(mean > 0, mean, 1.0)
    spread = np.sqrt(np.log1p(variance / safe**2))
    return np.where(mean > 0, safe * np.exp(spread * z - spread**2 / 2), 0.0)


def positive(x: Samples) -> Samples:
    """Numbers of the same moments that are positive, as sums of such are: lognormal."""
    mean, spread = x.mean, np.log1p(x.variance / max(x.mean, LEAST) ** 2) ** 0.5
    if not (x.mean > 0 and spread > 0):
        return x
    z, rows = (x.rows - mean) / x.variance**0.5, []
    for k, row in enumerate(z):
        r = 1.0 if k == 0 or x.axes[k - 1] is EQUAL else x.likeness(k - 1)
        if 0 < abs(r) < 1:  # that the numbers, not their logarithms, are as much alike
            wanted = np.clip(
                np.log(max(1 + r * np.expm1(spread**2), LEAST)) / spread**2, -1, 1
            )
            own = (row - r * z[0]) / (1 - r * r) ** 0.5
            row = wanted * z[0] + (1 - wanted**2) ** 0.5 * own
        rows.append(_lognormal(np.full(N, mean), x.variance, row))
    return dataclasses.replace(x, rows=np.stack(rows))


def _is_zero_outside(x: Samples, mask: Mask) -> bool:
    """Whether all entries but those that a mask keeps are 0."""
    rows = x.rows.astype(bool)
    return any(not (rows & (mask.rows != kept)).any() for kept in (True, False))


def _of_masked(
    x: Samples,
    mask: Mask,
    moving: Sequence[int],
    kept: Sequence[int],
    count: float,
    source: Source,
) -> Iterator[np.ndarray]:
    """The entries at hand, if they are kept, and as many others as the mask keeps."""
    truth = not (x.rows.astype(bool) & ~mask.rows).any()
    present = mask.rows if truth else ~mask.rows
    inside = x.rows[present]
    mean, variance = float(inside.mean()), float(inside.var())
    pairs = np.where(present, x.rows, 0.0)
    told = min(_alike_in_logarithm(pairs[[0, 1 + j]]) for j in moving) ** 0.5
    share = mask.share(moving) if truth else 1 - mask.share(moving)
    numbers = tuple(x.axes[k].number for k in moving)
    first, own = source.normal(), _apart(x, moving, kept)
    for k in (None, *kept):
        row, same = (0, True) if k is None else (1 + k, x.axes[k] is EQUAL)
        members = _members(k, own, count)
        counted = np.round(share[row] * count) - present[members].sum(0)
        others = np.maximum(counted, 0)
        noise = first if same else source.normal()
        if count <= FEW_ENOUGH and len(inside):
            places = numbers if k is None or same else (*numbers, x.axes[k].number)
            picks = source.picks(places, int(count), None)
            each = _kept_beside(x, present, row, moving, told, picks)
            rest = np.where(np.arange(int(count))[:, None] < others, each, 0).sum(0)
        elif mean > 0 and (inside >= 0).all():
            z = told * normal_scores(x.rows[row]) + (1 - told**2) ** 0.5 * noise
            each = 1 + np.maximum(others - 1, 0) * told**2
            rest = _lognormal(others * mean, others * each * variance, z)
        else:
            rest = others * mean + np.sqrt(others * variance) * noise
        yield x.rows[members].sum(0) + rest


def _kept_beside(
    x: Samples, present: np.ndarray, row: int, moving: Sequence[int], told: float,
    picks: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Entries that a mask keeps, as they stand beside those of a row."""
    beside = 1 + min(moving, key=x.likeness)
    pool = np.flatnonzero(present[0] & present[beside])
    if told**2 < LITTLE or not len(pool):
        shown = x.rows[0][present[0]]
        return shown[picks % len(shown)]
    entries = np.real(x.rows[0])
    pool = pool[np.argsort(entries[pool], kind="stable")]
    rank = np.searchsorted(entries[pool], np.real(x.rows[row]))
    like = (rank + picks % (2 * NEAR + 1) - NEAR).clip(0, len(pool) - 1)
    return x.rows[beside][pool[np.where(present[row], like, picks % len(pool))]]
