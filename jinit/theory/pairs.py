"""Gaussian moments of an activation at two correlated inputs, many at a time.

Two normal numbers of variance q and correlation c are the sum and the difference of two
independent ones:

    u₁ = a + b,  u₂ = a − b,    a ~ N(0, q (1 + c) / 2),  b ~ N(0, q (1 − c) / 2)

For a given b, a kink κ of φ is met at a = κ ± b, and what is integrated over a bends in
turn where two kinks meet, at b = |κ − κ′| / 2. Cut at these places, both integrals are
smooth piece by piece, up to c = 1, and Gauss-Legendre rules leave 10⁻¹⁰ of them. The
kinks are found by bisection, once for each activation.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ..core.activations import as_function, canonical, Function
from ..core.host import on_host


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(14)
_PANELS = np.linspace(-9, 9, 7)  # in standard deviations
_FAR = 64.0  # where the search for kinks ends
_HALVINGS = 52  # after which what holds a kink is as narrow as rounding


class Squares(NamedTuple):
    """E φ(u)², E φ′(u)², and how the first grows with the variance of u."""

    value: jax.Array
    slope: jax.Array
    rise: jax.Array


class Products(NamedTuple):
    """Two inputs compared: E (φ(u₁) − φ(u₂))² / 2 and E φ′(u₁) φ′(u₂)."""

    apart: jax.Array
    slope: jax.Array


class Rule:
    """The moments of one activation, for computations in float64."""

    def __init__(self, function: Function, settings: frozenset, octaves: int):
        self.pair, kinks = _bent(function, settings)
        # Near zero activations bend on a scale of 1, whatever the variance.
        bends = 3 * 4.0 ** np.arange(octaves)
        self.marks = np.unique([0.0, *bends, *-bends, *kinks])
        self.crossings = np.unique([*bends, *abs(kinks[:, None] - kinks).ravel() / 2])

    def nodes(self, q: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Where to look at u / √q for u ~ N(0, q), and the weight of each place."""
        return _cut(_PANELS, self.marks / jnp.sqrt(q))

    def squares(self, q: jax.Array) -> Squares:
        """The moments at u ~ N(0, q)."""
        t, weights = self.nodes(q)
        value, slope = self.pair(jnp.sqrt(q) * t)
        rise = value**2 * (t**2 - 1) / (2 * q)
        return Squares(value**2 @ weights, slope**2 @ weights, rise @ weights)

    def products(self, q: jax.Array, c: jax.Array) -> Products:
        """The moments at two inputs of variance q and correlation c."""
        std_a, std_b = (jnp.sqrt(q * (1 + s * c) / 2 + 1e-200) for s in (1, -1))

        def over_a(b: jax.Array) -> jax.Array:
            meets = jnp.concatenate([self.marks - b, self.marks + b])
            t, weights = _cut(_PANELS, meets / std_a)
            (x, y), (dx, dy) = self.pair(std_a * t + jnp.stack([b, -b])[:, None])
            return jnp.stack([(x - y) ** 2 / 2, dx * dy]) @ weights

        t, weights = _cut(_PANELS[3:], self.crossings / std_b)  # even in b
        return Products(*(2 * weights @ jax.vmap(over_a)(std_b * t)))


def rule(activation: str | Function, q: float) -> Rule:
    """The rule of an activation, for variances up to `q`."""
    octaves = math.ceil(math.log(max(1.0, 3 * math.sqrt(q)), 4))
    return _rule(*canonical(as_function(activation)), octaves)


_rule = functools.lru_cache(maxsize=256)(Rule)


@functools.lru_cache(maxsize=256)
def _bent(function: Function, settings: frozenset) -> tuple[Any, np.ndarray]:
    """The function (φ, φ′) of arrays, and where it has kinks."""
    phi = lambda x: jnp.asarray(function(x, **dict(settings)), x.dtype)
    pair = jnp.vectorize(jax.value_and_grad(phi))
    places, kinked = on_host(_search, pair)
    return pair, np.round(places[kinked], 12)  # 0, not 1e-17


@functools.partial(jax.jit, static_argnums=0)
def _search(pair: Callable[..., Any]) -> tuple[jax.Array, jax.Array]:
    """A place in each quarter of the line, and whether φ or φ′ has a kink there.

    A rule across a kink differs from rules on both halves: of a panel where it does,
    the half where it does more holds the kink.
    """
    width = 0.25
    # Thirds are never halved at round numbers, where a kink would lie on an edge.
    low = jnp.arange(-_FAR, _FAR, width) + width / 3
    kinked = _misfit(pair, low, width) > 1e-9

    def halve(_: int, panels: tuple[jax.Array, float]) -> tuple[jax.Array, float]:
        low, width = panels[0], panels[1] / 2
        right = _misfit(pair, low + width, width) > _misfit(pair, low, width)
        return low + jnp.where(right, width, 0), width

    return jax.lax.fori_loop(0, _HALVINGS, halve, (low, width))[0], kinked


def _misfit(pair: Callable[..., Any], low: jax.Array, width: float) -> jax.Array:
    """How far the means of φ and φ′ by one rule are from those by two."""
    nodes = width * (1 + _NODES) / 2
    at = lambda nodes: jnp.stack(pair(low[:, None] + nodes))
    whole = at(nodes) @ _WEIGHTS / 2
    halves = (at(nodes / 2) + at((width + nodes) / 2)) @ _WEIGHTS / 4
    return (jnp.abs(whole - halves) / (1 + jnp.abs(whole))).sum(0)


def _cut(panels: np.ndarray, points: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Nodes and weights of a N(0, 1) integral over panels that end at the points."""
    edges = jnp.sort(jnp.concatenate([panels, jnp.clip(points, panels[0], panels[-1])]))
    half, middle = jnp.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    t = middle + half * _NODES
    weights = half * _WEIGHTS * jnp.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
    return t.ravel(), weights.ravel()
