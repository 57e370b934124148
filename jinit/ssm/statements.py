"""What laws of gates and steps state of one weight, and what settings they refuse."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import marginal
from ..marginal import Marginal


def of_table(table: np.ndarray) -> Marginal:
    """An entry of a table, picked at random; where there is none, 0."""
    return marginal.values(table if table.size else 0.0)


def ordered(low: str, high: str) -> Callable[..., None]:
    """A check that one setting lies below another."""

    def check(where: str, **settings: Any) -> None:
        if not settings[low] < settings[high]:
            raise ValueError(
                f"`{where}` needs `{low}` below `{high}`. "
                f"Got {low}={settings[low]!r} and {high}={settings[high]!r}."
            )

    return check


def of_uniform(
    quantile: Callable[[np.ndarray, np.ndarray], np.ndarray],
    support: tuple[float, float],
    cdf: Callable[[np.ndarray], np.ndarray],
) -> Marginal:
    """The law of a function of u ~ U(0, 1), given as one of u and 1 − u.

    Its moments are integrals over u by double-exponential quadrature, whose nodes crowd
    at both ends, where logarithms may be infinite.
    """
    t, step = np.linspace(-3.5, 3.5, 1401, retstep=True)
    odds = np.exp(np.pi * np.sinh(t))
    u, rest = odds / (1 + odds), 1 / (1 + odds)
    weights = np.pi * np.cosh(t) * u * rest * step  # du
    w = quantile(u, rest)
    mean = float(weights @ w)
    second, fourth = (float(weights @ (w - mean) ** power) for power in (2, 4))
    return Marginal(mean, second**0.5, support, fourth / second**2, cdf)


def one_of_the_layers(where: str, layer: int, layers: int, **_: Any) -> None:
    """A check that a layer, counted from 0, is one of so many."""
    if layer >= layers:
        raise ValueError(
            f"`{where}` needs `layer` to be one of {layers} layers, from 0 to "
            f"{layers - 1}. Got {layer}."
        )
