"""Where a function bends: pieces on which a Gauss-Legendre rule is exact.

A rule across a kink differs from two rules on both halves. Of a panel where it does,
the half where it does more holds the kink. Where a cut there does not help, the panel
holds more than one kink, or the function is fast, and both halves are searched.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import on_host


Pair = Callable[..., Any]  # (φ, φ′) of arrays

NODES, WEIGHTS = np.polynomial.legendre.leggauss(14)
_FAR = 64.0  # where the search ends
_WIDTH = 0.25  # of its first panels
_MOST = 512  # panels: more have no kink to find, only noise
_ROUNDS = 12  # of panels, each half as wide
_HALVINGS = 52  # after which what holds a kink is as narrow as rounding
_FITS = 1e-9  # to which rules agree


def kinks_of(pair: Pair) -> np.ndarray:
    """The places where φ or φ′ has a kink."""
    # Thirds are never halved at round numbers, where a kink would lie on an edge.
    low, width, found = np.arange(-_FAR, _FAR, _WIDTH) + _WIDTH / 3, _WIDTH, []
    for _ in range(_ROUNDS):
        low = low[_misfits(pair, low, low + width)]
        if not 0 < len(low) <= _MOST:
            break
        place = on_host(_kink, pair, np.resize(low, _MOST), width)[: len(low)]
        many = _misfits(pair, low, place) | _misfits(pair, place, low + width)
        found += [*place[~many]]
        low, width = np.concatenate([low[many], low[many] + width / 2]), width / 2
    return np.unique(np.round([*found], 12) + 0.0)  # 0, not 1e-17 or -0


def jumps(pair: Pair, kinks: np.ndarray) -> np.ndarray:
    """Those of the kinks at which φ itself jumps."""
    step = 1e-10 * (1 + abs(kinks))
    (left, right), slopes = on_host(pair, np.stack([kinks - step, kinks + step]))
    allowed = 1e-6 * (1 + abs(left)) + 4 * step * abs(slopes).max(0)
    return kinks[abs(right - left) > allowed]


def pieces(pair: Pair, marks: np.ndarray, far: float) -> np.ndarray:
    """The marks, and more between them, so that each piece as far as that is exact."""
    far = min(far, _FAR)
    for _ in range(_ROUNDS):
        edges = np.unique([-far, *marks[abs(marks) < far], far])
        low, high = edges[:-1], edges[1:]
        more = (low + high)[_misfits(pair, low, high)] / 2
        if not 0 < len(more) <= _MOST - len(low):
            break
        marks = np.union1d(marks, more)
    return marks


@functools.partial(jax.jit, static_argnums=0)
def _kink(pair: Pair, low: jax.Array, width: float) -> jax.Array:
    """The place in each panel where rules misfit most."""

    def halve(_: int, panels: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        low, width = panels[0], panels[1] / 2
        left, right = _misfit(pair, jnp.stack([low, low + width]), width)
        return low + jnp.where(right > left, width, 0), width

    return jax.lax.fori_loop(0, _HALVINGS, halve, (low, width))[0]


def _misfits(pair: Pair, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether one rule and two differ on each panel."""
    groups = -(-len(low) // _MOST)  # of one size, so that it compiles once
    panels = np.resize(low, (groups, _MOST)), np.resize(high - low, (groups, _MOST))
    found = [on_host(_misfit, pair, *group) for group in zip(*panels, strict=True)]
    return np.ravel(found)[: len(low)] > _FITS


@functools.partial(jax.jit, static_argnums=0)
def _misfit(pair: Pair, low: jax.Array, width: jax.Array | float) -> jax.Array:
    """How far means of φ, φ′ and their squares by one rule are from those by two."""
    low, width = (each[..., None] for each in jnp.broadcast_arrays(low, width))
    nodes = jnp.multiply.outer(width[..., 0], 1 + NODES) / 2

    def means(x: jax.Array) -> jax.Array:
        values = jnp.stack(pair(x))
        return jnp.concatenate([values, values**2]) @ WEIGHTS / 2

    whole = means(low + nodes)
    halves = (means(low + nodes / 2) + means(low + (width + nodes) / 2)) / 2
    return (jnp.abs(whole - halves) / (1 + jnp.abs(whole))).sum(0)
