"""Gaussian moments of an activation that a public function was given."""

import dataclasses
from typing import Any

from .._core import check, Positive, public
from .names import as_function, canonical, Function, gated_pair, GATES
from .quadrature import Moments, moments, speaking


@public(concrete=True)
def gaussian_moments(
    activation: str | Function, variance: float = 1.0, *, param: float | None = None
) -> Moments:
    """E φ(z), E φ(z)² and E φ′(z)² for z ~ N(0, `variance`).

    Exact to about 1e-14 for any activation that is smooth between finitely many kinks
    and jumps, wherever these are, and to the last bit for relu. Only a spike narrower
    than a fiftieth of its distance from zero can pass unseen. The derivative is the one
    JAX takes of the activation, so a jump adds nothing to `slope`.

    A gated pair h = φ(a) b, with a and b independent N(0, `variance`), has mean 0,
    second E h² and slope E |∇h|².

    Args:
        activation: A name, or a JAX function of one number.
        variance: The variance of the input.
        param: The negative slope of "leaky_relu", or the `alpha` of "elu" and "celu".

    Returns:
        A `Moments` of three Python floats.

    Raises:
        TypeError: When JAX can not trace or differentiate the activation.
        ValueError: When the name is unknown, the activation does not return one finite
            real number, or E φ² is infinite.

    Example:
        >>> import jax
        >>> from jinit import gaussian_moments
        >>> gaussian_moments(jax.nn.relu).second
        0.5
        >>> moments = gaussian_moments("selu")  # E φ = 0, E φ² = 1: its fixed point
        >>> round(moments.mean, 12) + 0.0, round(moments.second, 12)
        (0.0, 1.0)
    """
    where = "jinit.gaussian_moments"
    check(where, "variance", Positive, variance)
    return Asked.of(where, activation, param).moments(variance)


@dataclasses.dataclass(frozen=True)
class Asked:
    """An activation φ, and the public function that was given it, for messages.

    Attributes:
        where: The public function.
        given: The activation as it was given.
        function: φ, a function of one number; of a gated pair, that of its gate.
        is_gated: Whether it is a gated pair φ(a) b.
    """

    where: str
    given: str | Function
    function: Function
    is_gated: bool = False

    @classmethod
    def of(
        cls,
        where: str,
        activation: Any,
        param: float | None = None,
        what: str = "activation",
    ) -> "Asked":
        """Reads a name or a function; refuses, in the name of `where`, what is none."""
        pair = gated_pair(activation)
        one = activation if pair is None else GATES[pair]
        return cls(
            where, activation, as_function(one, param, where, what), pair is not None
        )

    @property
    def alone(self) -> "Asked":
        """The same; refuses a gated pair, which is not a function of one number."""
        as_function(self.given if self.is_gated else self.function, None, self.where)
        return self

    def moments(self, variance: float = 1.0) -> Moments:
        """E φ(z), E φ(z)² and E φ′(z)² for z ~ N(0, `variance`)."""
        with speaking(self.where):
            found = moments(*canonical(self.function), float(variance))
        if not self.is_gated:
            return found
        # E (∂h/∂a)² + E (∂h/∂b)² = E φ′² E b² + E φ²
        slope = variance * found.slope + found.second
        return Moments(0.0, variance * found.second, slope)

    def times_input(self, variance: float) -> Moments:
        """The moments of x φ(x), of a function of one number."""
        with speaking(self.where):
            return moments(*canonical(self.function), float(variance), by_input=True)
