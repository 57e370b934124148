"""What depth does to the likeness of two inputs, and how deep a signal reaches.

In a wide random network the pre-activations that two inputs cause in one unit are two
normal numbers, of variance q, say, and correlation c. The next layer makes of c

    C(c) = (σw² E φ(u₁) φ(u₂) + σb²) / V(q)

a power series in c whose coefficients are positive and add up to 1. So C rises and is
convex on [0, 1], ends in C(1) = 1, and its iterates are those of a branching process:
inputs become alike, c* = 1, where C′(1) = χ₁ ≤ 1, and where χ₁ > 1 there is one more
fixed point c* < 1, which draws all others to it.

References:
    Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli. Exponential expressivity in deep
    neural networks through transient chaos. NeurIPS 2016.
    https://arxiv.org/abs/1606.05340
    Schoenholz, Gilmer, Ganguli, Sohl-Dickstein. Deep information propagation.
    ICLR 2017. https://arxiv.org/abs/1611.01232
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._activations import Asked, Function
from .._core import check, Finite, NonNegative, on_host, Positive, public, shown
from .maps import variance
from .pairs import Products, Rule, rule


Activation = str | Function

_NOISE = 1e-9  # correlations that stand for 0


class CorrelationPoint(NamedTuple):
    """A correlation that a layer leaves as it is.

    Attributes:
        correlation: c*, 1 where depth makes all inputs alike.
        slope: C′(c*), never above 1. Below it, c* draws other correlations to it, by
            this factor per layer; at 1, slower than by any factor.
    """

    correlation: float
    slope: float


@public("jinit.theory", concrete=True)
def correlation_map(
    activation: Activation,
    c: float,
    q: float,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> float:
    """The correlation of two inputs one layer after it was `c`.

        C(c) = (σw² E φ(u₁) φ(u₂) + σb²) / V(q)

    where u₁ and u₂ are normal, of variance q and correlation c. At a fixed point q* of
    the variance map, V(q*) = q*. Exact to about 1e-11 for smooth and kinked φ alike, up
    to c = 1.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        c: The correlation, from -1 to 1.
        q: The variance of the pre-activations of both.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.

    Returns:
        C(c).

    Example:
        >>> from jinit import theory
        >>> theory.correlation_map("relu", 0.0, 1.0)  # 1/π
        0.318310
        >>> theory.correlation_map("sin", 0.5, 1.0)  # sinh c / sinh 1
        0.443409

    References:
        Cho, Saul. Kernel methods for deep learning. NeurIPS 2009. (relu in closed form)
    """
    pair = weight_variance, bias_variance
    phi = _given("correlation_map", activation, q, *pair)
    share = _share(phi, q, *pair)
    return 1 - share * _products(phi, q, c)[0]


@public("jinit.theory", concrete=True)
def correlation_slope(
    activation: Activation,
    c: float,
    q: float,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
) -> float:
    """How a difference in the correlation `c` grows in one layer: C′(c).

        C′(c) = σw² E φ′(u₁) φ′(u₂) · q / V(q)

    At c = 1 and q* it is χ₁, `gradient_factor`.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        c: The correlation, from -1 to 1.
        q: The variance of the pre-activations of both.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.

    Returns:
        C′(c).

    Example:
        >>> from jinit import theory
        >>> (
        ...     theory.correlation_slope("relu", 0.0, 1.0),
        ...     theory.correlation_slope("relu", 1.0, 1.0),
        ... )
        (0.5, 1.0)
    """
    pair = weight_variance, bias_variance
    phi = _given("correlation_slope", activation, q, *pair)
    share = _share(phi, q, *pair)
    return share * q * _products(phi, q, c)[1]


@public("jinit.theory", concrete=True)
def correlation_fixed_point(
    activation: Activation,
    q: float,
    weight_variance: float,
    bias_variance: float = 0.0,
) -> CorrelationPoint:
    """Where the correlation of two inputs settles with depth.

        c* = C(c*),   the smallest from 0 to 1

    Inputs whose correlation is at least 0 all end there. It is 1 exactly where
    C′(1) ≤ 1.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        q: The variance of the pre-activations, in general the fixed point of theirs.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.

    Returns:
        c* and C′(c*).

    Example:
        >>> from jinit import theory
        >>> q = theory.fixed_point("tanh", 2.5**2, 0.3**2).variance
        >>> theory.correlation_fixed_point("tanh", q, 2.5**2, 0.3**2)
        CorrelationPoint(correlation=0.122104, slope=0.822229)
    """
    pair = weight_variance, bias_variance
    return meeting(_given("correlation_fixed_point", activation, q, *pair), q, *pair)


def meeting(
    phi: Asked, q: float, weight_variance: float, bias_variance: float
) -> CorrelationPoint:
    """c* and C′(c*) at variance q."""
    share = _share(phi, q, weight_variance, bias_variance)
    found = on_host(settle, rule(phi, q), np.array([q]), np.array([share]))
    return CorrelationPoint(*(float(each[0]) for each in found))


@functools.partial(jax.jit, static_argnums=0)
def settle(rule: Rule, q: jax.Array, share: jax.Array) -> tuple[jax.Array, jax.Array]:
    """c* and C′(c*) for each variance and σw² / V(q), by Newton's method from 0.

    C is convex, so no step goes beyond the fixed point.
    """

    def one(case: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        q, share = case

        def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
            c, _, _ = state
            apart, slope = rule.products(q, c)
            ahead = (1 - share * apart - c) / (1 - share * q * slope)
            return jnp.clip(c + ahead, 0, 1), ahead, share * q * slope

        chaos = share * q * rule.squares(q).slope
        begin = jnp.where(chaos > 1 + 1e-9, 0.0, 1.0), 1.0, chaos
        moves = lambda state: (state[0] < 1) & (state[1] > 1e-13)
        c, _, slope = jax.lax.while_loop(moves, step, begin)
        return jnp.where(c < _NOISE, 0.0, c), slope

    return jax.lax.map(one, (q, share))


def _given(
    name: str, activation: Activation, q: float, weights: float, biases: float
) -> Asked:
    """The activation that a function of this module was given, with its numbers."""
    where = f"jinit.theory.{name}"
    check(where, "q", Positive, q)
    check(where, "weight_variance", Positive, weights)
    check(where, "bias_variance", NonNegative, biases)
    return Asked.of(where, activation)


def _share(phi: Asked, q: float, weights: float, biases: float) -> float:
    """σw² / V(q)."""
    kept = variance(phi, q, weights, biases)
    if kept == 0:
        raise ValueError(
            f"`{phi.where}` needs an activation that is not 0. Got {shown(phi.given)}, "
            f"which leaves a variance of 0 of {q}, and no bias."
        )
    return weights / kept


def _products(phi: Asked, q: float, c: float) -> tuple[float, float]:
    """E (φ(u₁) − φ(u₂))² / 2 and E φ′(u₁) φ′(u₂)."""
    if abs(check(phi.where, "c", Finite, c)) > 1:
        raise ValueError(f"`{phi.where}` needs `c` from -1 to 1. Got {c}.")
    sign = -1 if c < 0 else 1
    apart, slope = on_host(_compare, rule(phi, q), sign, float(q), abs(float(c)))
    return float(apart), float(slope)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _compare(rule: Rule, sign: int, q: jax.Array, c: jax.Array) -> Products:
    return rule.products(q, c, sign)
