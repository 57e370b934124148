"""Gaussian moments of an activation that a public function was given."""

import dataclasses
import math
from typing import Any

from .._core import check, Fraction, Positive, public
from .names import (
    as_function,
    canonical,
    Function,
    gated_pair,
    GATES,
    SEVERAL,
    with_parameter,
)
from .quadrature import Moments, moments, speaking
from .several import moments_of_several


@public(concrete=True)
def gaussian_moments(
    activation: str | Function,
    variance: float = 1.0,
    *,
    param: Any = None,
    dropout: Fraction = 0.0,
) -> Moments:
    """E φ(z), E φ(z)² and E φ′(z)² for z ~ N(0, `variance`).

    Exact to about 1e-14 for any activation that is smooth between finitely many kinks
    and jumps, wherever these are, and to the last bit for relu. Only a spike narrower
    than a fiftieth of its distance from zero can pass unseen. The derivative is the one
    JAX takes of the activation, so a jump adds nothing to `slope`.

    A gated pair h = φ(a) b, with a and b independent N(0, `variance`), has mean 0,
    second E h² and slope E |∇h|².

    Four names are of activations that are no function of one number. Mean and second
    are of one of their outputs, and slope is how much longer a gradient becomes that
    goes back through all of them:

        maxout        the largest of k independent inputs
        crelu         relu(z) and relu(−z), two outputs
        group_sort    the inputs of a group in order, also MaxMin
        rrelu         relu with a slope a ~ U(1/8, 1/3) below zero

    Args:
        activation: A name, also with its parameter, "maxout(3)", or a JAX function of
            one number.
        variance: The variance of the input.
        param: The negative slope of "leaky_relu", the `alpha` of "elu" and "celu", the
            number of pieces k of "maxout", by default 2, or the least and the greatest
            slope of "rrelu".
        dropout: The rate of the dropout after the activation, which divides what it
            keeps by 1 − rate, and so E φ² and E φ′².

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
    return Asked.of(where, activation, param, dropout=dropout).moments(variance)


@dataclasses.dataclass(frozen=True)
class Asked:
    """An activation φ, and the public function that was given it, for messages.

    Attributes:
        where: The public function.
        given: The activation as it was given.
        function: φ, a function of one number; of a gated pair, that of its gate.
        is_gated: Whether it is a gated pair φ(a) b.
        known: The moments at unit variance of what is no function of one number.
        keep: What dropout after the activation keeps.
    """

    where: str
    given: str | Function
    function: Function
    is_gated: bool = False
    known: Moments | None = None
    keep: float = 1.0

    @classmethod
    def of(
        cls,
        where: str,
        activation: Any,
        param: float | None = None,
        what: str = "activation",
        dropout: float = 0.0,
    ) -> "Asked":
        """Reads a name or a function; refuses, in the name of `where`, what is none."""
        if dropout == 1:
            raise ValueError(f"`{where}` needs `dropout` below 1. Got {dropout}.")
        activation, param = with_parameter(activation, param)
        if isinstance(activation, str) and activation in SEVERAL:
            known = moments_of_several(where, activation, param)
            return cls(where, activation, _none, False, known, 1 - dropout)
        pair = gated_pair(activation)
        one = activation if pair is None else GATES[pair]
        function = as_function(one, param, where, what)
        return cls(where, activation, function, pair is not None, None, 1 - dropout)

    @property
    def alone(self) -> "Asked":
        """The same; refuses what is not a function of one number."""
        is_one = not self.is_gated and self.known is None
        as_function(self.function if is_one else self.given, None, self.where)
        return self

    def moments(self, variance: float = 1.0) -> Moments:
        """E φ(z), E φ(z)² and E φ′(z)² for z ~ N(0, `variance`), after dropout."""
        found = self._moments(float(variance))
        if self.keep == 1:
            return found
        mean, second, slope = found
        return Moments(mean, second / self.keep, slope / self.keep)

    def _moments(self, variance: float) -> Moments:
        if self.known is not None:
            mean, second, slope = self.known
            return Moments(mean * math.sqrt(variance), second * variance, slope)
        with speaking(self.where):
            found = moments(*canonical(self.function), variance)
        if not self.is_gated:
            return found
        # E (∂h/∂a)² + E (∂h/∂b)² = E φ′² E b² + E φ²
        slope = variance * found.slope + found.second
        return Moments(0.0, variance * found.second, slope)

    def times_input(self, variance: float) -> Moments:
        """The moments of x φ(x), of a function of one number."""
        with speaking(self.where):
            return moments(*canonical(self.function), float(variance), by_input=True)


def _none(x: Any) -> Any:
    """In the place of a function, where there is none of one number."""
    raise TypeError("no function of one number")
