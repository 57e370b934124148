"""How much a weight must amplify to make up for the activation next to it."""

import math
import numbers
from typing import Annotated, Any, get_args, Literal

from jax.core import Tracer

from .._core import check, choose, NonNegative, plain, public, requirement, shown
from .moments import Asked
from .names import activation_name, Function, GATES
from .roots import root


Mode = Literal["forward", "backward", "both", "shared"]

_ROUNDING = 1e-12  # of E φ², within which a variance is 0: what quadrature leaves


@public()
def gain(
    activation: str | Function | float,
    mode: Mode = "forward",
    *,
    param: float | None = None,
) -> float:
    """The gain that keeps a signal the same size through a layer and its activation φ.

    Weights of variance gain² / fan, with z ~ N(0, 1):

        forward    gain² E φ(z)² = 1                       keeps the signal, fan_in
        backward   gain² E φ′(z)² = 1                      keeps the gradient, fan_out
        both       gain² (E φ(z)² + E φ′(z)²) / 2 = 1      a compromise, their mean
        shared     gain² E φ(gain · z)² = 1                gated pairs only, fan_in

    The expectations are integrals, taken to about 14 digits, so every activation has a
    gain, not only those in a table. "forward" is the usual choice.

    A gated pair is h = φ(a) b with a and b independent N(0, 1). It has E h² = E φ² and,
    in the place of E φ′², E |∇h|² = E φ′² + E φ². Its forward gain belongs to the layer
    after it; its shared gain goes to both layers before it and makes E h² = 1; for its
    backward gain fan_out is the width of one of these.

    Args:
        activation: A name ("relu", "gelu_exact", "swiglu", ...), a function of
            `jax.nn`, or any JAX function of one number. A number is a gain already and
            is returned as it is.
        mode: The condition to meet.
        param: The negative slope of "leaky_relu", or the `alpha` of "elu" and "celu".

    Returns:
        The gain.

    Raises:
        TypeError: When JAX can not trace the activation.
        ValueError: When the name or the mode is unknown; when the activation is
            constant, infinite, NaN, or not one real number; when a number is negative.

    Example:
        >>> import jax, jinit
        >>> jinit.gain(jax.nn.relu), jinit.gain("leaky_relu", param=0.5)
        (1.414213, 1.264911)
        >>> jinit.gain("gelu"), jinit.gain("gelu", "backward")
        (1.533580, 1.481168)
        >>> jinit.gain(lambda x: x * abs(x))  # E x⁴ = 3
        0.577350

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers. ICCV 2015. Section 2.2.
        https://arxiv.org/abs/1502.01852
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010. https://proceedings.mlr.press/v9/glorot10a.html
        Shazeer. GLU variants improve transformer. 2020.
        https://arxiv.org/abs/2002.05202
    """
    square = squared_gain(activation, mode, param=param)
    number = _number(activation)
    return math.sqrt(square) if number is None else number


def squared_gain(
    activation: str | Function | float,
    mode: Mode = "forward",
    *,
    param: float | None = None,
    where: str = "jinit.gain",
    what: str = "activation",
) -> float:
    """The square of `jinit.gain`, without the rounding of a root: 2.0 for relu."""
    choose(where, "mode", mode, get_args(Mode))
    number = _number(activation, where)
    if number is not None and param is None:
        return number * number
    phi = Asked.of(where, activation, param, what)
    return _shared(phi) if mode == "shared" else _kept(phi, mode)


def _kept(phi: Asked, mode: Mode) -> float:
    moments = phi.moments()
    if moments.second - moments.mean**2 <= _ROUNDING * moments.second:
        raise ValueError(
            f"`{phi.where}` needs an activation that passes a signal on. Got "
            f"{phi.given!r}, which is constant at {moments.mean}."
        )
    if mode == "forward":
        return 1 / moments.second
    if not 0 < moments.slope < math.inf:
        raise ValueError(
            f"`{phi.where}` needs 0 < E φ′² < ∞ for mode {mode!r}. Got {moments.slope} "
            f"for {phi.given!r}. Use mode 'forward'."
        )
    if mode == "backward":
        return 1 / moments.slope
    return 2 / (moments.second + moments.slope)


def _number(activation: Any, where: str = "jinit.gain") -> Any:
    """`activation` if it is a number, else None."""
    if isinstance(activation, Tracer):
        return activation
    activation = plain(activation)
    if isinstance(activation, numbers.Real):
        return check(where, "activation", NonNegative, activation)
    return None


def _shared(pair: Asked) -> float:
    """The variance of both halves at which their product has E h² = 1."""
    if not pair.is_gated:
        listed = ", ".join(map(repr, GATES))
        raise ValueError(
            f"`{pair.where}` needs one of the gated pairs {listed} for mode 'shared'. "
            f"Got {shown(pair.given)}. Use mode 'forward', 'backward' or 'both'."
        )
    return root(lambda v: pair.moments(v).second - 1, 1.0, 16.0)


@requirement("a number or an activation")
def _setting(where: str, what: str, value: Any) -> Any:
    if isinstance(value, str) or callable(value):
        squared_gain(value, where=where, what=what)
        return value if isinstance(value, str) else activation_name(value) or value
    return check(where, what, NonNegative, value)


# What a scheme's `gain` may be: a number, an activation's name or the activation.
Gain = Annotated[float | str | Function, _setting]
