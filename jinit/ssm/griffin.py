"""Real-gated linear recurrent units, of Griffin and RecurrentGemma."""

import jax
import numpy as np

from .._core import law, scalar
from ..marginal import Marginal
from ..settings import Floating, Fraction, Positive
from .ring import decay, ring
from .statements import ordered
from .steps import inverse_softplus


def _marginal(
    shape: tuple[int, ...], r_min: float, r_max: float, power: float
) -> Marginal:
    return ring(
        r_min,
        r_max,
        of_decay=lambda decay: inverse_softplus(decay / power),
        to_decay=lambda weight: power * np.logaddexp(0, weight),  # softplus
    )


@law(marginal=_marginal, check=ordered("r_min", "r_max"))
def rg_lru(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    r_min: Fraction = 0.9,
    r_max: Fraction = 0.999,
    power: Positive = 1.0,
    dtype: Floating = None,
) -> jax.Array:
    """What a real-gated linear recurrent unit stores of its decay: Griffin's Λ.

        a² ~ U(r_min², r_max²),   a = exp(−power · softplus(w))

    The unit multiplies its state by exp(−8 gate softplus(w)) at each token. The code of
    RecurrentGemma has exp(−softplus(w)) on the ring, so that an open gate multiplies by
    its eighth power, 0.43 to 0.992. Griffin's text has that eighth power on the ring:
    `power=8`.

    Args:
        r_min: The inner radius.
        r_max: The outer radius.
        power: What power of exp(−softplus(w)) is on the ring.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Raises:
        ValueError: Unless 0 ≤ `r_min` < `r_max` ≤ 1.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jinit.ssm.rg_lru(power=8)(jax.random.key(0), (1000,))
        >>> a = jnp.exp(-8 * jax.nn.softplus(w))  # with an open gate
        >>> bool(((a > 0.8999) & (a < 0.9991)).all())
        True

    References:
        De et al. Griffin: mixing gated linear recurrences with local attention for
        efficient language models. 2024. https://arxiv.org/abs/2402.19427
        Botev et al. RecurrentGemma: moving past transformers for efficient open
        language models. 2024. https://arxiv.org/abs/2404.07839
    """
    return inverse_softplus(
        decay(key, shape, dtype, r_min, r_max) / scalar(power, dtype)
    )
