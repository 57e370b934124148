"""Activations that are no function of one number: known by their moments.

They take several numbers, or make several of one, or draw their slope. All are
homogeneous: of c times the input they make |c| times as much, so that what holds at
variance 1 holds at every other.
"""

import functools
import math
from typing import Any

import numpy as np

from .._core import check, Count, Finite, shown
from .quadrature import Moments


_ROOT = math.sqrt(2 * math.pi)
_SLOPES = 1 / 8, 1 / 3  # of rrelu: those of its authors and of PyTorch


def moments_of_several(where: str, name: str, param: Any) -> Moments:
    """The moments at unit variance of one of these activations."""
    match name:
        case "maxout":
            return _maxout(2 if param is None else check(where, "param", Count, param))
        case "rrelu":
            return _rrelu(*(_SLOPES if param is None else _two(where, param)))
    if param is not None:
        raise ValueError(
            f"`{where}` needs no `param` for {name!r}. Got {shown(param)}."
        )
    # Of a pair (relu(z), relu(-z)) one passes the gradient on.
    return {"crelu": Moments(1 / _ROOT, 0.5, 1.0)}.get(name, Moments(0.0, 1.0, 1.0))


def _two(where: str, param: Any) -> tuple[float, float]:
    if not isinstance(param, tuple | list) or len(param) != 2:
        raise TypeError(
            f"`{where}` needs `param` to be the least and the greatest slope of "
            f"'rrelu'. Got {shown(param)}."
        )
    low, high = (check(where, "param", Finite, each) for each in param)
    if low > high:
        raise ValueError(
            f"`{where}` needs the least slope of 'rrelu' first. Got {shown(param)}."
        )
    return low, high


def _rrelu(low: float, high: float) -> Moments:
    """Relu with a slope a ~ U(low, high) below zero: E φ² = (1 + E a²) / 2."""
    second = (1 + (low * low + low * high + high * high) / 3) / 2
    return Moments((1 - (low + high) / 2) / _ROOT, second, second)


@functools.lru_cache(maxsize=256)
def _maxout(pieces: int) -> Moments:
    """The largest of k unit normals, of density k φ(x) Φ(x)ᵏ⁻¹; one passes gradients.

    The trapezoid rule of a smooth density that ends in zeros converges faster than any
    power of its step.
    """
    x = np.linspace(-14.0, 14.0, 2**13 + 1)
    below = np.array([math.erfc(-each / math.sqrt(2)) / 2 for each in x])
    density = np.exp(-x * x / 2) * below ** (pieces - 1)
    density /= density.sum()
    return Moments(float(density @ x), float(density @ x**2), 1.0)
