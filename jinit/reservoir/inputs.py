"""Input kernels of reservoirs: chaotic maps, signs, one input to each unit."""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law, requirement, sampling, scalar
from ..marginal import Marginal
from ..settings import check, Finite, Floating, NonNegative, Positive


@requirement("a number from -1 to 1")
def _cosine(where: str, what: str, value: Any) -> float:
    number = check(where, what, Finite, value)
    if abs(number) > 1:
        raise ValueError(f"`{where}` needs `{what}` from -1 to 1. Got {value}.")
    return number


@requirement("a number from 0 to 4")
def _growth(where: str, what: str, value: Any) -> float:
    number = check(where, what, Finite, value)
    if not 0 <= number <= 4:
        raise ValueError(
            f"`{where}` needs `{what}` from 0 to 4, where the map stays within 0 "
            f"and 1. Got {value}."
        )
    return number


Cosine = Annotated[float, _cosine]
Growth = Annotated[float, _growth]


def _two_axes(where: str, shape: tuple[int, ...]) -> None:
    if len(shape) < 2:
        raise ValueError(
            f"`{where}` needs an input kernel's shape, `(*batch, in, units)`. "
            f"Got {shape}."
        )


def _mapped(
    where: str, shape, amplitude: float, divisor: float, step: Callable
) -> np.ndarray:
    """A sine over the inputs for the first unit, and the map from unit to unit.

    On the host in float64: a chaotic map makes another kernel of another rounding.
    """
    _two_axes(where, shape)
    *_, n_in, units = shape
    x = amplitude * np.sin(np.pi * np.arange(1, n_in + 1) / (divisor * n_in))
    w = np.empty((n_in, units))
    for unit in range(units):
        w[:, unit] = x
        x = step(x)
    return w


@law
def chebyshev(
    _: Any,
    shape: tuple[int, ...],
    /,
    amplitude: Cosine = 1.0,
    divisor: Positive = 1.0,
    degree: Positive = 2.0,
    dtype: Floating = None,
) -> jax.Array:
    """Input weights by the Chebyshev map, from unit to unit.

        w[j, 1] = amplitude · sin(jπ / (divisor · in)),   j = 1, …, in

        w[j, i+1] = cos(degree · arccos w[j, i])

    Chaotic, and so unlike from unit to unit, from a degree of 2 on; with 1, the value
    in some libraries, all units are equal.

    Args:
        amplitude: Of the sine over the inputs.
        divisor: How much of half a period lies over the inputs, as its inverse.
        degree: The degree of the map.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, in, units)`.

    Raises:
        ValueError: For an `amplitude` beyond 1, or fewer than two axes.

    Example:
        >>> import jinit
        >>> init = jinit.reservoir.chebyshev(amplitude=0.5)
        >>> init(None, (1, 3)).round(4).tolist()  # sin π is 0, T₂(0) is -1, T₂(-1) is 1
        [[0.0, -1.0, 1.0]]

    References:
        Xie, Wang, Yu. Time series prediction of ESN based on Chebyshev mapping and
        strongly connected topology. Neural Processing Letters 2024.
        https://doi.org/10.1007/s11063-024-11474-7
    """
    # What rounding leaves beyond 1 would have no arccos.
    step = lambda x: np.cos(degree * np.arccos(np.clip(x, -1, 1)))
    w = _mapped("jinit.reservoir.chebyshev", shape, amplitude, divisor, step)
    return jnp.broadcast_to(jnp.asarray(w, dtype), shape)


@law
def logistic(
    _: Any,
    shape: tuple[int, ...],
    /,
    amplitude: Cosine = 0.3,
    divisor: Positive = 5.9,
    growth: Growth = 3.7,
    dtype: Floating = None,
) -> jax.Array:
    """Input weights by the logistic map, from unit to unit.

        w[j, 1] = amplitude · sin(jπ / (divisor · in)),   j = 1, …, in

        w[j, i+1] = growth · w[j, i] (1 − w[j, i])

    Args:
        amplitude: Of the sine over the inputs; it must leave it between 0 and 1.
        divisor: How much of half a period lies over the inputs, as its inverse.
        growth: The parameter of the map, chaotic from about 3.57 on.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, in, units)`, from 0 to 1.

    Raises:
        ValueError: For a start outside of 0 to 1, from where the map grows without end;
            for fewer than two axes.

    Example:
        >>> import jinit
        >>> w = jinit.reservoir.logistic(None, (3, 200))
        >>> 0 < float(w.min()) and float(w.max()) < 1
        True

    References:
        Wang, Liu, Lu, Luo, Wang, Xu. Echo state network with logistic mapping and bias
        dropout for time series prediction. Neurocomputing 2022.
        https://doi.org/10.1016/j.neucom.2022.03.018
    """
    where = "jinit.reservoir.logistic"
    w = _mapped(where, shape, amplitude, divisor, lambda x: growth * x * (1 - x))
    if w.size and w[:, 0].min() < -1e-12:
        raise ValueError(
            f"`{where}` needs a start from 0 to 1. Got amplitude={amplitude} and "
            f"divisor={divisor}, which start at {w[:, 0].min():.3g}."
        )
    return jnp.broadcast_to(jnp.asarray(np.maximum(w, 0.0), dtype), shape)


@law(marginal=lambda shape, scale: marginal.values([-scale, scale]))
def signs(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    scale: NonNegative = 0.1,
    dtype: Floating = None,
) -> jax.Array:
    """Weights of one size, half of them negative.

        w = ± scale, each with probability ½

    Args:
        scale: The size.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> import jax, jinit
        >>> w = jinit.reservoir.signs(0.5)(jax.random.key(0), (3, 100))
        >>> sorted(set(w.ravel().tolist()))
        [-0.5, 0.5]

    References:
        Rodan, Tiňo. Minimum complexity echo state network. IEEE Transactions on Neural
        Networks 2011.
    """
    positive = sampling.bits(key, shape, jnp.dtype("uint32")) >> 31 == 1
    size = scalar(scale, dtype)
    return jnp.where(positive, size, -size)


def _weighted_marginal(shape: tuple[int, ...], bound: float) -> Marginal:
    _two_axes("jinit.reservoir.weighted", shape)
    return marginal.sparse(1 / max(shape[-2], 1), marginal.uniform(-bound, bound))


@law(marginal=_weighted_marginal)
def weighted(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    bound: NonNegative = 0.1,
    dtype: Floating = None,
) -> jax.Array:
    """Uniform input weights, of which each unit has one: inputs keep to their groups.

        w[j, i] ~ U(−bound, bound)  for the input j = ⌊i · in / units⌋,   else 0

    Args:
        bound: The half width.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, in, units)`.

    Raises:
        ValueError: For fewer than two axes.

    Example:
        >>> import jax, jinit
        >>> w = jinit.reservoir.weighted(jax.random.key(0), (2, 4))
        >>> (w != 0).astype(int).tolist()
        [[1, 1, 0, 0], [0, 0, 1, 1]]

    References:
        Lu, Pathak, Hunt, Girvan, Brockett, Ott. Reservoir observers: model-free
        inference of unmeasured variables in chaotic systems. Chaos 2017.
    """
    _two_axes("jinit.reservoir.weighted", shape)
    n_in, units = shape[-2:]
    its_input = np.arange(units) * n_in // units
    heard = np.arange(n_in)[:, None] == its_input
    w = sampling.symmetric_uniform(key, shape, dtype) * scalar(bound, dtype)
    return jnp.where(jnp.asarray(heard), w, 0)
