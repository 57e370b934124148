"""What theory says of an activation, in one table."""

import dataclasses
from typing import Any

from .._activations import Asked, Function, gain, Moments
from .._core import aligned, check, NonNegative, Positive, public
from .depth import DepthScales, exact, name_of, reach
from .edge import find
from .isometry import jacobian_spectrum
from .maps import EdgePoint
from .phase import phase_diagram
from .propagation import normalized_growth


_BIASES = (0.0, 0.01, 0.05, 0.1, 0.3)
_WEIGHTS = {"LeCun, σw² = 1": 1.0, "He, σw² = 2": 2.0}
_DEPTHS = (10, 50)


@dataclasses.dataclass(frozen=True)
class Summary:
    """An activation in the light of mean-field theory; prints as tables, or plots.

    Attributes:
        activation: φ, by name where it has one.
        moments: E φ, E φ² and E φ′² at variance 1.
        edge: Points of the edge of chaos, at rising σb².
        scales: Depth scales of common weights, and of those asked for, by their name.
        batch_norm: The growth of a squared gradient per layer under batch norm.
        isometry: At q and L, the variance of the squared singular values of L layers
            with orthogonal weights on the edge: `((q, L, variance), ...)`.
    """

    activation: str
    moments: Moments
    edge: tuple[EdgePoint, ...]
    scales: dict[str, DepthScales]
    batch_norm: float
    isometry: tuple[tuple[float, int, float], ...]
    _function: str | Function = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return "\n\n".join(
            [self._moments(), self._edge(), self._scales(), self._isometry()]
        )

    def plot(self, path: str | None = None) -> Any:
        """Draws the phase diagram.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return phase_diagram(self._function).plot(path)

    def _moments(self) -> str:
        mean, second, slope = map(exact, self.moments)
        keep, back = (exact(gain(self._function, m)) for m in ("forward", "backward"))
        return (
            f"{self.activation} of a standard normal input: E φ = {mean}, E φ² = "
            f"{second}, E φ′² = {slope}\n"
            f"gain {keep} forward, {back} backward; under batch norm a squared "
            f"gradient grows {exact(self.batch_norm)} times per layer"
        )

    def _edge(self) -> str:
        if not self.edge:
            return "edge of chaos: none with a bias variance of 0 to 0.3"
        head = ("σb²", "σw²", "q*", "V′(q*)", "")
        rows = [
            (
                exact(point.bias_variance),
                *map(exact, (point.weight_variance, point.variance, point.slope)),
                _stability(point.slope),
            )
            for point in self.edge
        ]
        return f"edge of chaos\n{aligned([head, *rows], left=0)}"

    def _scales(self) -> str:
        head = ("weights", "phase", "q*", "c*", "ξ of q", "ξ of c", "ξ of gradient²")
        rows = [
            (
                name,
                each.phase,
                *map(exact, (each.variance, each.correlation)),
                *map(
                    exact,
                    (
                        each.variance_depth,
                        each.correlation_depth,
                        each.gradient_depth,
                    ),
                ),
            )
            for name, each in self.scales.items()
        ]
        return f"depth scales ξ, in layers\n{aligned([head, *rows], left=2)}"

    def _isometry(self) -> str:
        head = ("q", "layers", "variance of squared singular values")
        rows = [(exact(q), f"{L}", exact(variance)) for q, L, variance in self.isometry]
        return (
            "orthogonal weights on the edge: 0 is dynamical isometry\n"
            f"{aligned([head, *rows], left=0)}"
        )


@public("jinit.theory", concrete=True)
def summarize(
    activation: str | Function,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
) -> Summary:
    """What mean-field theory says of an activation: gains, edge, depths, isometry.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        weight_variance: A σw² of your own to give depth scales of, if any.
        bias_variance: Its σb².

    Returns:
        A `Summary`, which prints as tables and plots the phase diagram.

    Example:
        >>> from jinit import theory
        >>> summary = theory.summarize("tanh")
        >>> [round(point.weight_variance, 3) for point in summary.edge]
        [1.424, 1.761, 1.986, 2.505]
    """
    where = "jinit.theory.summarize"
    phi = Asked.of(where, activation).alone
    check(where, "bias_variance", NonNegative, bias_variance)
    pairs = {name: (weights, 0.0) for name, weights in _WEIGHTS.items()}
    if weight_variance is not None:
        check(where, "weight_variance", Positive, weight_variance)
        asked = f"σw² = {exact(weight_variance)}, σb² = {exact(bias_variance)}"
        pairs[asked] = weight_variance, bias_variance
    scales = {name: reach(phi, *pair) for name, pair in pairs.items()}
    points = (find(phi, 1, bias_variance) for bias_variance in _BIASES)
    return Summary(
        name_of(activation),
        phi.moments(),
        tuple(point for point in points if point),
        scales,
        normalized_growth(phi),
        tuple(
            (q, L, jacobian_spectrum(activation, L, q).variance)
            for L in _DEPTHS
            for q in (1.0, 1 / L)
        ),
        activation,
    )


def _stability(slope: float) -> str:
    if abs(slope - 1) < 1e-9:
        return "keeps every variance"
    return "attracts" if slope < 1 else "repels"
