"""Overlaps by chance: what reads the same few entries is alike where these are.

The overlap of two entries of a product W x, at places where n entries are read each, is
x · x′ / n: 0 on average where the places have nothing to do with each other, and of
variance 1/n. Of two products of the same x it is the same number. So what both are
multiplied to has an overlap of 1/n, and a sum of that over places, as in linear
attention, has more than the variance of its terms.
"""

import zlib
from collections.abc import Sequence

import numpy as np

from .value import Chance, EQUAL, LEAST, Samples


def of_read(x: Samples, axis: int, count: float) -> Chance:
    """Of a product of `count` entries of `x` with a kernel, along an axis of `x`.

    Where it has less than one, as in a group, each unit reads other entries.
    """
    before = dict(x.chances[axis].reads) if x.chances else {}
    if count < 1 or x.axes[axis] is EQUAL:
        return Chance(before)
    products = np.real(x.rows[0] * x.rows[1 + axis].conj())
    own = float(products.var()) / max(x.second, LEAST) ** 2 / count
    rest = max(1 - sum(before.values()), 0.0)
    return Chance({**before, zlib.crc32(x.rows[0].tobytes()): own * rest})


def together(one: Chance, other: Chance) -> float:
    """The covariance of the overlaps of two values, in parts of E x² E y²."""
    both = one.reads.keys() & other.reads.keys()
    return sum((one.reads[i] * other.reads[i]) ** 0.5 for i in both)


def of_function(
    operands: Sequence[Samples], made: np.ndarray, name: str
) -> tuple[Chance, ...]:
    """Of a function of several values, entry by entry, by axis."""
    ndim = len(made) - 1
    own = [x for x in operands if len(x.chances) == ndim]
    second = float(np.mean(np.abs(made) ** 2))
    if not (own and ndim and np.isfinite(second) and second > 0):
        return ()
    if name == "mul" and len(operands) == 2:
        one, other = operands
        if len(own) == 2:
            pairs = zip(one.chances, other.chances, strict=True)
            return tuple(Chance({}, together(*pair)) for pair in pairs)
        factor = other if own[0] is one else one
        shares = [[_overlap(factor, k)] for k in range(ndim)]
    else:
        shares = [[_linear(x, made[0], second) for x in own]] * ndim
    return tuple(_sum(shares[k], [x.chances[k] for x in own]) for k in range(ndim))


def _overlap(x: Samples, axis: int) -> float:
    """E x x′ along an axis, in parts of E x²."""
    return x.overlap(axis) / max(x.second, LEAST) if len(x.axes) > axis else 1.0


def _linear(x: Samples, made: np.ndarray, second: float) -> float:
    """The part of E y² that what is linear in x makes."""
    joint = float(np.mean(np.real(made * x.entries.conj())))
    return min(joint**2 / max(x.second * second, LEAST), 1.0)


def _sum(shares: Sequence[float], chances: Sequence[Chance]) -> Chance:
    roots: dict[int, float] = {}
    for share, chance in zip(shares, chances, strict=True):
        for i, variance in chance.reads.items():
            roots[i] = roots.get(i, 0.0) + share * variance**0.5
    more = sum(s * chance.more for s, chance in zip(shares, chances, strict=True))
    return Chance({i: root**2 for i, root in roots.items()}, more)
