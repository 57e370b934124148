"""How much a weight must amplify to make up for the activation next to it."""

import math
import numbers
from typing import Annotated, Any, get_args, Literal

from jax.core import Tracer

from .._core import (
    check,
    choose,
    Fraction,
    NonNegative,
    plain,
    Positive,
    public,
    refuse_traced,
    requirement,
    shown,
)
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
    param: Any = None,
    q: Positive = 1.0,
    dropout: Fraction = 0.0,
) -> float:
    """The gain that keeps a signal the same size through a layer and its activation φ.

    Weights of variance gain² / fan, with z ~ N(0, q):

        forward    gain² E φ(z)² = q                         keeps the signal, fan_in
        backward   gain² E φ′(z)² = 1                        keeps the gradient, fan_out
        both       gain² (E φ(z)² / q + E φ′(z)²) / 2 = 1    a compromise, their mean
        shared     gain² E φ(gain · z)² = 1                  gated pairs only, fan_in

    The expectations are integrals, taken to about 14 digits, so every activation has a
    gain, not only those in a table. "forward" is the usual choice.

    Where the size of its input says what an activation does, as with a sine, a Gaussian
    or a saturating one, choose that size: q is the second moment that the signal keeps.
    A homogeneous activation, such as relu, has the same gain at every q.

    A gated pair is h = φ(a) b with a and b independent N(0, q). It has E h² = q E φ²
    and, in the place of E φ′², E |∇h|² = q E φ′² + E φ². Its forward gain belongs to
    the layer after it; its shared gain goes to both layers before it and makes E h² = q
    where these read E x² = q; for its backward gain fan_out is the width of one of
    these.

    "maxout", "crelu", "group_sort" and "rrelu" are names too: `gaussian_moments` says
    what these are. The fan in of the layer after them is what it reads: of n units
    crelu makes 2n. Before maxout, fan_out counts units, not their pieces.

    Dropout after the activation divides what it keeps by 1 − rate, so that both signal
    and gradient have 1 / (1 − rate) times the second moment; the gain takes it back.

    Args:
        activation: A name ("relu", "gelu_exact", "swiglu", ...), also with its
            parameter ("leaky_relu(0.2)", "maxout(3)"), a function of `jax.nn`, or any
            JAX function of one number. A number is a gain already and is returned as it
            is.
        mode: The condition to meet.
        param: The negative slope of "leaky_relu", the `alpha` of "elu" and "celu", the
            number of pieces of "maxout", or the least and greatest slope of "rrelu".
        q: The second moment of the pre-activations z.
        dropout: The rate of dropout after the activation, in training.

    Returns:
        The gain.

    Raises:
        TypeError: When JAX can not trace the activation.
        ValueError: When the name or the mode is unknown; when the activation is
            constant, infinite, NaN, or not one real number; when a number is negative
            or `q` is not above 0.

    Example:
        >>> import jax, jinit
        >>> jinit.gain(jax.nn.relu), jinit.gain("leaky_relu", param=0.5)
        (1.414213, 1.264911)
        >>> jinit.gain("gelu"), jinit.gain("gelu", "backward")
        (1.533580, 1.481168)
        >>> jinit.gain(lambda x: x * abs(x))  # E x⁴ = 3
        0.577350
        >>> jinit.gain("sin", q=0.25)  # nearly linear there: E sin² = (1 - e^(-2q)) / 2
        1.127274
        >>> jinit.gain("maxout(3)"), jinit.gain("relu", dropout=0.5)
        (0.885384, 1.0)

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers. ICCV 2015. Section 2.2.
        https://arxiv.org/abs/1502.01852
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010. https://proceedings.mlr.press/v9/glorot10a.html
        Shazeer. GLU variants improve transformer. 2020.
        https://arxiv.org/abs/2002.05202
        Koneputugodage, Ben-Shabat, Ramasinghe, Gould. VI3NR: variance informed
        initialization for implicit neural representations. CVPR 2025.
        https://arxiv.org/abs/2504.19270
        Goodfellow, Warde-Farley, Mirza, Courville, Bengio. Maxout networks. ICML 2013.
        https://arxiv.org/abs/1302.4389
        Hendrycks, Gimpel. Adjusting for dropout variance in batch normalization and
        weight initialization. 2016. https://arxiv.org/abs/1607.02488
    """
    refuse_traced("jinit.gain", q, dropout)
    square = squared_gain(activation, mode, param=param, q=q, dropout=dropout)
    number = _number(activation)
    return math.sqrt(square) if number is None else number


def squared_gain(
    activation: str | Function | float,
    mode: Mode = "forward",
    *,
    param: Any = None,
    q: float = 1.0,
    dropout: float = 0.0,
    where: str = "jinit.gain",
    what: str = "activation",
) -> float:
    """The square of `jinit.gain`, without the rounding of a root: 2.0 for relu."""
    choose(where, "mode", mode, get_args(Mode))
    number = _number(activation, where)
    if number is not None and param is None and not dropout:
        return number * number
    phi = Asked.of(where, activation, param, what, dropout)
    return _shared(phi, q) if mode == "shared" else _kept(phi, mode, q)


def _kept(phi: Asked, mode: Mode, q: float) -> float:
    moments = phi.moments(q)
    if moments.second - moments.mean**2 <= _ROUNDING * moments.second:
        raise ValueError(
            f"`{phi.where}` needs an activation that passes a signal on. Got "
            f"{phi.given!r}, which is constant at {moments.mean}."
        )
    if mode == "forward":
        return q / moments.second
    if not 0 < moments.slope < math.inf:
        raise ValueError(
            f"`{phi.where}` needs 0 < E φ′² < ∞ for mode {mode!r}. Got {moments.slope} "
            f"for {phi.given!r}. Use mode 'forward'."
        )
    if mode == "backward":
        return 1 / moments.slope
    return 2 / (moments.second / q + moments.slope)


def _number(activation: Any, where: str = "jinit.gain") -> Any:
    """`activation` if it is a number, else None."""
    if isinstance(activation, Tracer):
        return activation
    activation = plain(activation)
    if isinstance(activation, numbers.Real):
        return check(where, "activation", NonNegative, activation)
    return None


def _shared(pair: Asked, q: float) -> float:
    """The gain² by which both halves of variance gain² q have a product of E h² = q."""
    if not pair.is_gated:
        listed = ", ".join(map(repr, GATES))
        raise ValueError(
            f"`{pair.where}` needs one of the gated pairs {listed} for mode 'shared'. "
            f"Got {shown(pair.given)}. Use mode 'forward', 'backward' or 'both'."
        )
    excess = lambda square: pair.moments(square * q).second / q - 1
    low, high = 1.0, 16.0
    while excess(low) > 0:
        low /= 16
    while excess(high) < 0:
        high *= 16
    return root(excess, low, high)


@requirement("a number or an activation")
def _setting(where: str, what: str, value: Any) -> Any:
    if isinstance(value, str) or callable(value):
        squared_gain(value, where=where, what=what)
        return value if isinstance(value, str) else activation_name(value) or value
    return check(where, what, NonNegative, value)


# What a scheme's `gain` may be: a number, an activation's name or the activation.
Gain = Annotated[float | str | Function, _setting]
