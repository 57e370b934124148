"""Chains of layers without normalization, and how far random weights drift in them."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Set

import numpy as np

from ..._activations import activation_function, gaussian_moments
from ..._graph import NAMES, recognize
from ..._reading import Row, Trace
from ..._schemes import Sides


# The standard deviation of log E z² at which it leaves ± log 2 one time in three.
DRIFT = math.log(2)
_GRID = np.linspace(0.25, 8.0, 16, dtype=np.float32)
_STEP = 1e-3


def mirrored(trace: Trace, kept: Set[str] = frozenset()) -> dict[str, Sides]:
    """The kernels of chains in which Gaussian weights would lose the scale.

    The second moment of a layer of n units is a random walk over depth,

        Var log q ← (E φ⁴ / (E φ²)² − 1) / n + (d log E φ² / d log q)² Var log q

    which drifts for ReLU, where the last factor is 1, and explodes for GELU and SiLU,
    where it is larger. Where its spread passes log 2, weights that keep every signal
    exactly are needed: `jinit.looks_linear`, if φ(z) − φ(−z) is a multiple of z.

    Args:
        trace: The model.
        kept: The kernels that are not drawn.

    Returns:
        By path, which sides to mirror.
    """
    chosen: dict[str, Sides] = {}
    for chain in _drifting(trace, _paired, kept):
        chosen |= dict.fromkeys((row.path for row in chain), "both")
        chosen |= {chain[0].path: "out", chain[-1].path: "in"}
    return chosen


def unmirrored(trace: Trace, loops: Set[str]) -> dict[str, str]:
    """The kernels that no mirror keeps from losing the scale, by path, and why.

    Args:
        trace: The model.
        loops: The kernels that read, one iteration later, what they lead to.
    """
    odd = {row.path for chain in _drifting(trace, _joins) for row in chain}
    why = dict.fromkeys(odd - mirrored(trace).keys(), "an odd width has no mirror")
    for row in trace:
        turns = [row] * (1 + math.prod(row.stack))
        looped = row.path in loops or row.follows == row.path
        if looped and odd_slope(row) is not None and _spread(turns) > DRIFT:
            why[row.path] = "a stack of layers has no mirror"
    return why


def _drifting(
    trace: Trace, joins: Callable[[Row, Row], bool], kept: Set[str] = frozenset()
) -> Iterator[list[Row]]:
    return (each for each in chains(trace, joins, kept) if _spread(each) > DRIFT)


def chains(
    trace: Trace, joins: Callable[[Row, Row], bool], kept: Set[str] = frozenset()
) -> Iterator[list[Row]]:
    """Maximal runs of kernels, each the only one to read the activation before it.

    Args:
        trace: The model.
        joins: Whether a kernel goes on with the chain of the one before it.
        kept: The kernels that are not drawn.
    """
    drawn = (row for row in trace if row.is_kernel and row.path not in kept)
    rows = {row.path: row for row in drawn}
    readers: dict[str, list[Row]] = {}
    for row in rows.values():
        if row.follows is not None and row.follows in rows:
            readers.setdefault(row.follows, []).append(row)
    after = {path: each[0] for path, each in readers.items() if len(each) == 1}
    after = {path: row for path, row in after.items() if joins(rows[path], row)}
    inner = {row.path for row in after.values()}
    for path, row in rows.items():
        if path in after and path not in inner:
            chain = [row]
            while chain[-1].path in after:
                chain.append(after[chain[-1].path])
            yield chain


def _joins(before: Row, row: Row) -> bool:
    # All units are read, and φ(z) − φ(−z) ∝ z.
    made, read = plain_axes(before), plain_axes(row)
    if made is None or read is None:
        return False
    same = before.shape[made[1]] == row.shape[read[0]]
    return same and odd_slope(row) is not None


def _paired(before: Row, row: Row) -> bool:
    read = plain_axes(row)
    return read is not None and row.shape[read[0]] % 2 == 0 and _joins(before, row)


def plain_axes(row: Row) -> tuple[int, int] | None:
    """The axes of inputs and outputs, where there is one of each and one use."""
    if row.stack_axes or row.tied:
        return None
    match row.in_axes, row.out_axes:
        case (read,), (made,):
            return read, made
    return None


def odd_slope(row: Row) -> float | None:
    """The c for which φ(z) − φ(−z) = c z, if φ has a name and there is one."""
    named = row.activation if row.activation_name in NAMES else None
    known = recognize(named) if named else None
    slope = _odd_slope(known.name) if known else None
    return None if known is None or slope is None else known.scale * slope


@functools.cache
def _odd_slope(name: str) -> float | None:
    phi = activation_function(name)
    slopes = (np.asarray(phi(_GRID)) - np.asarray(phi(-_GRID))) / _GRID
    constant = np.allclose(slopes, slopes[0], rtol=1e-4) and slopes[0] > 0
    constant = constant and name != "identity"  # it needs no mirror
    return float(slopes[0]) if constant else None


def _spread(chain: list[Row]) -> float:
    variance = 0.0
    for before, row in itertools.pairwise(chain):
        units = before.shape[before.out_axes[0]] if before.out_axes else 1
        excess, slope = _moments(row.activation_name or "identity")
        variance = excess / units + slope**2 * variance
    return math.sqrt(variance)


@functools.cache
def _moments(name: str) -> tuple[float, float]:
    """E φ⁴ / (E φ²)² − 1 and d log E φ² / d log q, at q = 1."""
    phi = activation_function(name)
    second, above, below = (
        gaussian_moments(name, q).second for q in (1.0, 1 + _STEP, 1 - _STEP)
    )
    fourth = gaussian_moments(lambda z: phi(z) ** 2).second
    return fourth / second**2 - 1, (above - below) / (2 * _STEP) / second
