"""Biases by which a network starts from what is known before it is trained."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from .. import marginal
from .._core import check, law, requirement, shown
from ..marginal import Marginal
from ..settings import Floating, Values


_ROUNDING = 1e-4  # within which probabilities add up to 1


@requirement("probabilities between 0 and 1")
def _probabilities(where: str, what: str, value: Any) -> Any:
    p = check(where, what, Values, value)
    if isinstance(p, Tracer):
        return p
    if np.iscomplexobj(p) or not ((np.asarray(p) > 0) & (np.asarray(p) < 1)).all():
        raise ValueError(
            f"`{where}` needs `{what}` above 0 and below 1, where the bias is finite. "
            f"Got {shown(value)}."
        )
    return p


Probabilities = Annotated[ArrayLike | Sequence[float], _probabilities]


def _adds_up(where: str, p: Any, activation: str) -> None:
    if activation == "softmax" and abs(np.sum(np.asarray(p)) - 1) > _ROUNDING:
        raise ValueError(
            f"`{where}` needs a `p` for each class, which add up to 1, for a softmax. "
            f"Got {shown(p)}, which add up to {np.sum(np.asarray(p)):.6g}."
        )


def _bias(p: Any, activation: str) -> np.ndarray:
    """The logits, in float64."""
    p = np.asarray(p, np.float64)
    return np.log(p) if activation == "softmax" else np.log(p) - np.log1p(-p)


def _require_fit(p: Any, shape: tuple[int, ...]) -> None:
    if np.ndim(p) and np.shape(p) != shape[-1:]:
        raise ValueError(
            "`jinit.prior_bias` needs a `p` for each unit of the last axis, or one for "
            f"all. Got {np.shape(p)} for {shape}."
        )


def _marginal(shape: tuple[int, ...], p: Any, activation: str) -> Marginal:
    _require_fit(p, shape)
    return marginal.values(_bias(p, activation))


@law(marginal=_marginal, check=_adds_up)
def prior_bias(
    _: Any,
    shape: tuple[int, ...],
    /,
    p: Probabilities,
    activation: Literal["sigmoid", "softmax"] = "sigmoid",
    dtype: Floating = None,
) -> jax.Array:
    """The bias by which an output starts at the prior probability of its class.

        sigmoid    b = ln(p / (1 − p))
        softmax    b = ln p

    Where classes are rare, a network that starts at ½ spends its first steps, with
    their large losses, on learning how rare: the classifier of a detector by focal loss
    starts at p = 0.01. The kernel before it should start small or at zero.

    Args:
        p: The probability of every unit, or one for each, as counted in the data.
        activation: What makes probabilities of the outputs.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, units)`.

    Raises:
        ValueError: For a `p` of 0 or 1 or beyond, probabilities of a softmax that do
            not add up to 1, and a shape of other units.

    Example:
        >>> import jax, jinit
        >>> float(jinit.prior_bias(0.01)(None, (80,))[0])
        -4.59512...
        >>> bias = jinit.prior_bias([0.7, 0.2, 0.1], "softmax")(None, (3,))
        >>> [round(float(p), 6) for p in jax.nn.softmax(bias)]
        [0.7, 0.2, 0.1]

    References:
        Lin, Goyal, Girshick, He, Dollár. Focal loss for dense object detection. ICCV
        2017, section 3.3. https://arxiv.org/abs/1708.02002
    """
    _require_fit(p, shape)
    if isinstance(p, Tracer):
        bias = jnp.log(p) - (0 if activation == "softmax" else jnp.log1p(-p))
    else:
        bias = _bias(p, activation)
    return jnp.broadcast_to(jnp.asarray(bias, dtype), shape)
