"""Chains of saturating layers, kept where they do not drive inputs apart.

An odd activation that saturates makes of two nearby inputs two that are less alike, by

    χ(q) = q E φ′(z)² / E φ(z)²,    z ~ N(0, q),    E z² = q kept from layer to layer

the slope of its correlation map at 1. Over a chain of L layers it is χ(q)ᴸ: 26 for 20
layers of tanh at q = 1. Such a network learns what it sees and nothing beyond it. At a
smaller q each layer is nearly linear, and the last one makes up for the size.

References:
    Martens, Ballard, Desjardins, Swirszcz, Dalibard, Sohl-Dickstein, Schoenholz. Rapid
    training of deep neural networks without skip connections or normalization layers
    using Deep Kernel Shaping. 2021. The slope of a whole network's map is kept at 1.5.
    https://arxiv.org/abs/2110.01765
"""

import functools
import math
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np

from ..._activations import activation_function, gaussian_moments, root
from ..._core import digits
from ..._graph import NAMES
from ..._reading import Row, Trace
from .chains import chains


SLOPE = 1.5  # of the correlation map of a whole chain, at most
LEAST = 1e-3  # E z²
PLACES = 4  # inputs: so few are coordinates, whose neighbors are to be told apart
_GRID = np.linspace(0.1, 4.0, 16, dtype=np.float32)


class Calm(NamedTuple):
    """How large the signals of a chain are to be.

    Attributes:
        second: E z² of each layer.
        why: Why it is not 1.
    """

    second: float
    why: str


def calmed(
    trace: Trace, kept: Set[str] = frozenset(), loops: Set[str] = frozenset()
) -> Mapping[str, Calm]:
    """The kernels of chains that would drive inputs apart, but for the last of each.

    Args:
        trace: The model.
        kept: The kernels that are not drawn.
        loops: The kernels that read, one iteration later, what they lead to.
    """
    found: dict[str, Calm] = {}
    for chain in chains(trace, lambda _, row: bool(_saturates(row)), kept | loops):
        if (chain[0].fan_in or math.inf) > PLACES:
            found |= _calmed(chain[:-1], [_saturates(row) for row in chain[1:]])
    for row in trace:
        again = row.path in loops or row.follows == row.path
        if again and row.path not in kept and (name := _saturates(row)):
            found |= _calmed([row], [name] * math.prod(row.stack))
    return found


def _calmed(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Calm]:
    q = _second(tuple(names))
    if q == 1:
        return {}
    each = " or ".join(dict.fromkeys(names))
    why = f"E z² = {digits(q)} as {len(names)} layers of {each} drive inputs apart"
    return {row.path: Calm(q, why) for row in rows}


def _saturates(row: Row) -> str:
    """The name of the activation that a kernel reads, if it is odd and saturates."""
    name = row.activation_name or ""
    if name not in NAMES or name == "identity" or row.closes_residual:
        return ""
    return name if _is_odd(name) and _chi(name, 1.0) > 1 else ""


@functools.cache
def _is_odd(name: str) -> bool:
    phi = activation_function(name)
    return np.allclose(phi(_GRID), -np.asarray(phi(-_GRID)), rtol=1e-5, atol=1e-6)


@functools.lru_cache(1024)
def _chi(name: str, q: float) -> float:
    moments = gaussian_moments(name, q)
    return q * moments.slope / moments.second


@functools.lru_cache(256)
def _second(names: tuple[str, ...]) -> float:
    """The largest q, up to 1, at which χ of all of them is no more than `SLOPE`."""

    def excess(log_q: float) -> float:
        chi = (_chi(name, math.exp(log_q)) for name in names)
        return sum(map(math.log, chi)) - math.log(SLOPE)

    low = math.log(LEAST)
    if excess(0.0) <= 0:
        return 1.0
    return math.exp(root(excess, low, 0.0)) if excess(low) < 0 else LEAST
