"""Gaussian moments of an activation at two correlated inputs, many at a time.

Two normal numbers of variance q and correlation c are the sum and the difference of two
independent ones:

    u₁ = a + b,  u₂ = a − b,    a ~ N(0, q (1 + c) / 2),  b ~ N(0, q (1 − c) / 2)

For a given b, a kink κ of φ is met at a = κ ± b, and what is integrated over a bends in
turn where two kinks meet, at b = |κ − κ′| / 2. Cut at these places, both integrals are
smooth piece by piece, up to c = 1, and Gauss-Legendre rules leave 10⁻¹⁰ of them.
Pieces on which φ is too fast for a rule are halved. Where c < 0, the same is done with
u₁ and −u₂, and kinks meet at b = (κ + κ′) / 2.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .._activations import Asked, canonical, Pair, pair_of, speaking, UnfitError
from .._core import on_host, shown
from .kinks import jumps, kinks_of, NODES, pieces, WEIGHTS


WIDE = 1e12  # the largest variance that counts as one
_PANELS = np.linspace(-9, 9, 7)  # in standard deviations
_EXACT = 1e-7  # of a moment, to which a rule must know it


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

    def __init__(self, pair: Pair, kinks: tuple[float, ...], octaves: int):
        self.pair = pair
        # Near zero activations bend on a scale of 1, whatever the variance.
        bends = 3 * 4.0 ** np.arange(octaves)
        marks = np.unique([0.0, *bends, *-bends, *kinks])
        self.marks = pieces(self.pair, marks, 3 * 4.0**octaves)
        met = np.setdiff1d(self.marks, [*bends, *-bends])
        self.alike = np.unique([*bends, *abs(met[:, None] - met).ravel() / 2])
        sums = (met[:, None] + met).ravel() / 2
        self.opposed = np.unique([*bends, *-bends, *sums])

    def nodes(self, q: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Where to look at u / √q for u ~ N(0, q), and the weight of each place."""
        return _cut(_PANELS, self.marks / jnp.sqrt(q))

    def squares(self, q: jax.Array) -> Squares:
        """The moments at u ~ N(0, q)."""
        t, weights = self.nodes(q)
        value, slope = self.pair(jnp.sqrt(q) * t)
        rise = value**2 * (t**2 - 1) / (2 * q)
        return Squares(value**2 @ weights, slope**2 @ weights, rise @ weights)

    def products(self, q: jax.Array, c: jax.Array, sign: int = 1) -> Products:
        """The moments at inputs of variance q, where u₁ and ± u₂ correlate by c ≥ 0."""
        std_a, std_b = (jnp.sqrt(q * (1 + s * c) / 2 + 1e-200) for s in (1, -1))

        def over_a(b: jax.Array) -> jax.Array:
            meets = jnp.concatenate([self.marks - b, sign * self.marks + b])
            t, weights = _cut(_PANELS, meets / std_a)
            a = std_a * t
            (x, y), (dx, dy) = self.pair(jnp.stack([a + b, sign * (a - b)]))
            return jnp.stack([(x - y) ** 2 / 2, dx * dy]) @ weights

        if sign > 0:  # even in b
            times, panels, crossings = 2, _PANELS[3:], self.alike
        else:
            times, panels, crossings = 1, _PANELS, self.opposed
        t, weights = _cut(panels, crossings / std_b)
        # Panel by panel: all nodes at once may not fit in memory.
        found = jax.lax.map(over_a, std_b * t, batch_size=NODES.size)
        return Products(*(times * weights @ found))


def rule(phi: Asked, q: float) -> Rule:
    """The rule of an activation, for variances up to `q`, where it is checked."""
    made = wide(phi, q)
    known = phi.moments(q)
    found = on_host(_squares, made, float(q))
    if not np.allclose(found[:2], known[1:], rtol=_EXACT, atol=0):
        raise ValueError(
            f"`{phi.where}` needs an activation with few kinks, and waves that are not "
            f"too fast, to compare two inputs. Got {shown(phi.given)} at "
            f"variance {q:.6g}."
        )
    return made


def wide(phi: Asked, q: float = WIDE) -> Rule:
    """The same unchecked: at such variances E φ² need not be finite."""
    octaves = math.ceil(math.log(max(1.0, 3 * math.sqrt(q)), 4))
    function, settings = canonical(phi.alone.function)
    with speaking(phi.where):
        pair = pair_of(function, settings)
        kinks, found = _bends(pair)
        if found:
            raise UnfitError(
                ValueError,
                "an activation without jumps: at one, C′(1) is infinite. Got "
                f"{function!r}, which jumps at {found[0]:.6g}. Only `fixed_point` and "
                "`variance_map` take it.",
            )
        return _rule(pair, kinks, octaves)


_rule = functools.lru_cache(maxsize=256)(Rule)


@functools.partial(jax.jit, static_argnums=0)
def _squares(rule: Rule, q: jax.Array) -> Squares:
    return rule.squares(q)


@functools.lru_cache(maxsize=256)
def _bends(pair: Pair) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where an activation has kinks, and at which of them it jumps."""
    kinks = kinks_of(pair)
    return (*kinks,), (*jumps(pair, kinks),)


def _cut(panels: np.ndarray, points: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Nodes and weights of a N(0, 1) integral over panels that end at the points."""
    edges = jnp.sort(jnp.concatenate([panels, jnp.clip(points, panels[0], panels[-1])]))
    half, middle = jnp.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    t = middle + half * NODES[None]
    weights = half * WEIGHTS[None] * jnp.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
    return t.ravel(), weights.ravel()
