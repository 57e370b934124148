"""The last layer of a network that starts as a linear fit of its embedding."""

import jax
import jax.numpy as jnp
import numpy as np

from .._core import public, Reals, shown


def _require(what: str, array: np.ndarray, axes: str, fits: bool) -> None:
    if not (fits and array.size and np.isfinite(array).all()):
        raise ValueError(
            f"`jinit.implicit.piratenet` needs `{what}` to be finite numbers of shape "
            f"`{axes}`. Got {shown(array)} of {array.shape}."
        )


@public("jinit.implicit", concrete=True)
def piratenet(features: Reals, targets: Reals) -> jax.Array:
    """The kernel of a last layer that starts as a least squares fit of the embedding.

        w = argmin ‖Φ w − y‖²,   of all such w that of least norm

    The blocks of a PirateNet, x ← α F(x) + (1 − α) x, start at α = 0, by `jinit.zeros`,
    so that the whole network is Φ(x) w, linear in its embedding Φ. What w fits is what
    is known at the start: initial values, other data, or the linear part of a
    differential equation, whose operator has then been applied to Φ and whose right
    side is y.

    Args:
        features: Φ at the places of the fit, `(places, features)`.
        targets: y, `(places,)` or `(places, outputs)`.

    Returns:
        The kernel, `(features,)` or `(features, outputs)`, computed in float64.

    Raises:
        ValueError: For shapes that do not fit, no places, or numbers not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from jinit import implicit
        >>> x = jnp.linspace(0, 1, 20)
        >>> embedding = jnp.stack([jnp.cos(x), jnp.sin(x)], -1)
        >>> implicit.piratenet(embedding, jnp.cos(x - 0.5)).tolist()  # cos ½, sin ½
        [0.877583, 0.479426]

    References:
        Wang, Li, Chen, Perdikaris. PirateNets: physics-informed deep learning with
        residual adaptive networks. JMLR 2024, section 4.
        https://arxiv.org/abs/2402.00326
    """
    _require("features", features, "(places, features)", features.ndim == 2)
    same = targets.ndim in (1, 2) and len(targets) == len(features)
    _require("targets", targets, "(places,)` or `(places, outputs)", same)
    kernel, *_ = np.linalg.lstsq(features, targets, rcond=None)
    return jnp.asarray(kernel, jnp.result_type(float))
