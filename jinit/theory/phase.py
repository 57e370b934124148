"""Order and chaos over all pairs of variances, as a record and as a picture."""

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._activations import Asked, Function
from .._core import held, on_host, public, Reals, shown
from .correlation import settle
from .depth import name_of
from .pairs import Rule, rule, Squares, wide
from .plot import draw


_RUNGS = np.arange(-160, 161)
_LADDER = 2.0 ** (_RUNGS / 4)  # variances 10⁻¹² to 10¹², between which to look for q*
_ROUNDING = 1e-12  # of q*, within which a σb² is 0
_BIASES = 0.3  # the largest σb² of a picture


@dataclasses.dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """Fixed points and depth scales over a grid; prints as a summary, or plots.

    Arrays are `(bias variances, weight variances)`. Where q* is 0 or infinite there is
    no correlation, and `correlation` and `correlation_depth` are nan.

    Attributes:
        activation: φ, by name where it has one.
        weight_variances: The σw² of the columns.
        bias_variances: The σb² of the rows.
        variance: q*, where inputs of variance 1 end.
        gradient_factor: χ₁: order below 1, chaos above.
        correlation: c*.
        correlation_depth: ξ_c.
        edge: Points of the edge of chaos, `(points, 3)`, by rising q*: σw², σb² and
            V′(q*). Those with V′(q*) of 1 or more repel: no input stays there.
    """

    activation: str
    weight_variances: np.ndarray
    bias_variances: np.ndarray
    variance: np.ndarray
    gradient_factor: np.ndarray
    correlation: np.ndarray
    correlation_depth: np.ndarray
    edge: np.ndarray

    @property
    def regions(self) -> dict[str, np.ndarray]:
        """Where signals and gradients do what, by the words for it."""
        known, chaos = np.isfinite(self.correlation), self.gradient_factor >= 1
        return {
            "order": known & ~chaos,
            "chaos": known & chaos,
            "signals die out": self.variance == 0,
            "signals grow for ever": np.isinf(self.variance),
        }

    def __str__(self) -> str:
        weights, biases = (
            f"{x[0]:.3g} to {x[-1]:.3g}"
            for x in (self.weight_variances, self.bias_variances)
        )
        parts = [
            f"{word} in {inside.mean():.0%}"
            for word, inside in self.regions.items()
            if inside.any()
        ]
        return (
            f"{self.activation}, σw² from {weights}, σb² from {biases}: "
            f"{', '.join(parts)}"
        )

    def plot(self, path: str | None = None) -> Any:
        """Draws how deep signals reach, the two phases, and the edge between them.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        # 1 / ξ with the sign of the phase is smooth across the edge, where ξ is not.
        sign = np.where(self.gradient_factor < 1, -1, 1)
        return draw(
            title=f"{self.activation}: how deep signals reach",
            weights=self.weight_variances,
            biases=self.bias_variances,
            rate=sign / self.correlation_depth,
            edge=self.edge,
            regions=self.regions,
            path=path,
        )


@public("jinit.theory", concrete=True)
def phase_diagram(
    activation: str | Function,
    weight_variances: Iterable[float] | None = None,
    bias_variances: Iterable[float] | None = None,
) -> PhaseDiagram:
    """Order, chaos and depth scales for all pairs of σw² and σb².

        ordered    χ₁ < 1: inputs become alike, gradients vanish
        chaotic    χ₁ > 1: near inputs part, gradients explode

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        weight_variances: The σw² to take. By default 36 around the edge of chaos.
        bias_variances: The σb² to take. By default 27 up to 0.3.

    Returns:
        A `PhaseDiagram`.

    Example:
        >>> from jinit import theory
        >>> diagram = theory.phase_diagram("tanh", [1.0, 2.0, 4.0], [0.01, 0.1])
        >>> diagram.gradient_factor.round(3)
        array([[0.876, 1.092, 1.359],
               [0.689, 1.003, 1.323]])

    References:
        Schoenholz, Gilmer, Ganguli, Sohl-Dickstein. Deep information propagation.
        ICLR 2017. Figure 1. https://arxiv.org/abs/1611.01232
    """
    where = "jinit.theory.phase_diagram"
    phi = Asked.of(where, activation)
    whole = wide(phi)
    moments = Squares(*on_host(_squares, whole, _LADDER))
    edge = _edge(moments)
    columns, rows = np.linspace(*_around(edge), 36), np.linspace(1e-4, _BIASES, 27)
    if weight_variances is not None:
        columns = _axis(where, "weight_variances", weight_variances)
    if bias_variances is not None:
        rows = _axis(where, "bias_variances", bias_variances)
    weights, biases = np.meshgrid(columns, rows)
    q = _settle(whole, moments.value, weights, biases)
    known = np.isfinite(q) & (q > 0)
    c, rate = (np.full(q.shape, np.nan) for _ in range(2))
    share = weights[known] / q[known]
    narrow = rule(phi, q[known].max(initial=1.0))
    c[known], rate[known] = on_host(settle, narrow, q[known], share)
    with np.errstate(divide="ignore", invalid="ignore"):
        depths = -1 / np.log(rate)
    inside = np.clip(q, *_LADDER[[0, -1]]).ravel()
    growth = on_host(_squares, whole, inside)[1].reshape(q.shape)
    return PhaseDiagram(
        name_of(activation), columns, rows, q, weights * growth, c, depths, edge
    )


def _settle(
    whole: Rule, second: Any, weights: np.ndarray, biases: np.ndarray
) -> np.ndarray:
    """Of each pair, the fixed point toward which the map moves a variance of 1."""
    moves = np.sign(weights[..., None] * second + biases[..., None] - _LADDER)
    sense = moves[..., _RUNGS.size // 2]
    # On the way there, the first rung that the map does not move in the same sense.
    beyond = (moves * sense[..., None] <= 0) & (_RUNGS * sense[..., None] > 0)
    steps = np.where(beyond, abs(_RUNGS), np.inf).min(-1)
    found = np.isfinite(steps)
    near, far = (2.0 ** (sense * (steps - back) / 4) for back in (1, 0))
    q = np.select([found, sense > 0, sense < 0], [far, np.inf, 0.0], 1.0)
    q[found] = on_host(
        _bisect, whole, near[found], far[found], weights[found], biases[found]
    )
    return q


@functools.partial(jax.jit, static_argnums=0)
def _bisect(whole: Rule, near: Any, far: Any, weights: Any, biases: Any) -> jax.Array:
    """The q = V(q) between two variances that V moves in different senses."""

    def rises(q: jax.Array) -> jax.Array:
        return weights * jax.vmap(whole.squares)(q).value + biases > q

    def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        near, far = ends
        q = (near + far) / 2
        past = rises(q) != sense
        return jnp.where(past, near, q), jnp.where(past, q, far)

    sense = rises(near)
    return jax.lax.fori_loop(0, 52, halve, (near, far))[0]


@functools.partial(jax.jit, static_argnums=0)
def _squares(rule: Rule, q: jax.Array) -> Squares:
    return jax.vmap(rule.squares)(q)


def _edge(moments: Squares) -> np.ndarray:
    """σw², σb² and V′ along the ladder, wherever σb² is at least 0."""
    at = (moments.slope > 0) & np.isfinite(moments.slope)
    weights, q = 1 / moments.slope[at], _LADDER[at]
    biases, slopes = q - weights * moments.value[at], weights * moments.rise[at]
    feasible = biases >= -_ROUNDING * q
    biases = np.where(biases > _ROUNDING * q, biases, 0)
    return np.stack([weights, biases, slopes], 1)[feasible]


def _around(edge: np.ndarray) -> tuple[float, float]:
    """The σw² to show: the edge where biases matter, and as much on either side."""
    weights, biases = edge[:, 0], edge[:, 1]
    for seen in ((biases > 0.01) & (biases < _BIASES), biases < _BIASES):
        if seen.any():
            return 0.4 * weights[seen].min(), 1.6 * weights[seen].max()
    return 0.25, 4.0


def _axis(where: str, what: str, values: Iterable[float]) -> np.ndarray:
    found = np.asarray(held(where, what, Reals, values))
    rising = found.ndim == 1 and found.size > 1 and bool((np.diff(found) > 0).all())
    if not rising or not np.isfinite(found).all() or found[0] < 0:
        raise ValueError(
            f"`{where}` needs `{what}` to be two or more rising numbers from 0 on. "
            f"Got {shown(values)}."
        )
    return found
