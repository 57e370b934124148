"""Linear recurrent units: poles uniform on a ring inside of the unit circle."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from .._core import law, Numbers, public, sampling, scalar, shown, widened
from ..marginal import Marginal
from ..settings import Floating, Fraction, Positive
from .ring import decay, ring
from .statements import ordered


def _nu_marginal(shape: tuple[int, ...], r_min: float, r_max: float) -> Marginal:
    return ring(r_min, r_max, np.log, np.exp)


@law(marginal=_nu_marginal, check=ordered("r_min", "r_max"))
def lru_nu(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    r_min: Fraction = 0.0,
    r_max: Fraction = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """The moduli of the poles of a linear recurrent unit, as it stores them.

        |λ|² ~ U(r_min², r_max²),   ν = log(−log |λ|),   |λ| = exp(−exp ν)

    With phases of `jinit.ssm.lru_theta` the poles λ = exp(−exp ν + i exp θ) are uniform
    on a ring. Long dependencies want one close to the unit circle: 0.9 to 0.999. The
    input is scaled by `jinit.ssm.lru_gamma` of what is drawn here. The matrices into
    and out of the state are complex normal: B of `jinit.lecun_normal`, C the same with
    a gain of √2.

    Args:
        r_min: The inner radius.
        r_max: The outer radius.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless 0 ≤ `r_min` < `r_max` ≤ 1.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> nu = jinit.ssm.lru_nu(0.9, 0.999)(jax.random.key(0), (1000,))
        >>> modulus = jnp.exp(-jnp.exp(nu))
        >>> bool(((modulus > 0.9) & (modulus < 0.999)).all())
        True

    References:
        Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De. Resurrecting recurrent
        neural networks for long sequences. ICML 2023. https://arxiv.org/abs/2303.06349
    """
    return jnp.log(decay(key, shape, dtype, r_min, r_max))


def _theta_marginal(shape: tuple[int, ...], max_phase: float) -> Marginal:
    """The logarithm of a uniform number is minus an exponential one."""
    top = math.log(max_phase)
    cdf = lambda x: np.exp(np.minimum(x - top, 0))
    return Marginal(top - 1, 1.0, (-math.inf, top), 9.0, cdf)


@law(marginal=_theta_marginal)
def lru_theta(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    max_phase: Positive = math.tau,
    dtype: Floating = None,
) -> jax.Array:
    """The phases of the poles of a linear recurrent unit, as it stores them.

        arg λ ~ U(0, max_phase),   θ = log arg λ

    A phase is turned by at each token: a smaller `max_phase`, such as π/10, keeps a
    state from turning often within what it remembers.

    Args:
        max_phase: The largest phase.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape, of which the model takes the exponential.

    Raises:
        ValueError: Unless `max_phase` is above 0.

    Example:
        >>> import jax, jinit
        >>> theta = jinit.ssm.lru_theta(0.3)(jax.random.key(0), (1000,))
        >>> bool((jax.numpy.exp(theta) < 0.301).all())
        True

    References:
        Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De. Resurrecting recurrent
        neural networks for long sequences. ICML 2023. https://arxiv.org/abs/2303.06349
    """
    # On (0, 1], where `sampling.uniform` is on [0, 1).
    return jnp.log(scalar(max_phase, dtype) * (1 - sampling.uniform(key, shape, dtype)))


@public("jinit.ssm")
def lru_gamma(nu: Numbers) -> jax.Array:
    """The logarithm of what scales the input of a linear recurrent unit.

        log γ = ½ log(1 − |λ|²),   |λ| = exp(−exp ν)

    So scaled, white inputs of variance 1 make states of variance 1, however long they
    remember. It depends on the moduli that were drawn: no law of its own, but a
    function of them.

    Args:
        nu: The moduli, as `jinit.ssm.lru_nu` draws them.

    Returns:
        An array of the shape and dtype of `nu`.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> nu = jnp.log(-jnp.log(0.8))  # |λ| = 0.8
        >>> round(float(jnp.exp(jinit.ssm.lru_gamma(nu))), 4)
        0.6

    References:
        Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De. Resurrecting recurrent
        neural networks for long sequences. ICML 2023. https://arxiv.org/abs/2303.06349
    """
    if jnp.iscomplexobj(nu):
        raise TypeError(
            f"`jinit.ssm.lru_gamma` needs `nu` to be real. Got {shown(nu)}. Give it "
            "what `jinit.ssm.lru_nu` draws, not the poles."
        )
    wide = widened(nu)
    rate = 2 * jnp.exp(jnp.maximum(wide, -30))
    # Below −30 the square is 2 e^ν to all digits, and falls with ν.
    log_square = jnp.log(-jnp.expm1(-rate)) + jnp.minimum(wide + 30, 0)
    dtype = jnp.asarray(nu).dtype
    is_float = jnp.issubdtype(dtype, jnp.floating)
    return (log_square / 2).astype(dtype if is_float else wide.dtype)
