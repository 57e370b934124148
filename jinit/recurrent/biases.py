"""Biases of gates, which set how long a recurrent network remembers."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law, sampling, scalar, Whole
from ..marginal import Marginal
from ..settings import AnyDType, Count, Finite, Floating


def _is_a_gate(where: str, what: str, gate: int | None, gates: int) -> None:
    if gate is not None and gate >= gates:
        raise ValueError(
            f"`{where}` needs `{what}` to be the place of one of {gates} gates, from 0 "
            f"to {gates - 1}. Got {gate}."
        )


def _hidden(where: str, shape: tuple[int, ...], gates: int) -> int:
    """The units of each gate."""
    if not shape or shape[-1] % gates:
        raise ValueError(
            f"`{where}` needs a shape `(*batch, gates · hidden)` for {gates} gates. "
            f"Got {shape}."
        )
    return shape[-1] // gates


def _forget_marginal(
    shape: tuple[int, ...], value: float, gate: int, gates: int
) -> Marginal:
    _hidden("jinit.recurrent.forget_bias", shape, gates)
    return marginal.two_points(value, 1 / gates)


@law(
    marginal=_forget_marginal,
    check=lambda where, gate, gates, **_: _is_a_gate(where, "gate", gate, gates),
)
def forget_bias(
    _: Any,
    shape: tuple[int, ...],
    /,
    value: Finite = 1.0,
    gate: Whole = 1,
    gates: Count = 4,
    dtype: AnyDType = None,
) -> jax.Array:
    """Biases of all gates as one vector: `value` at the forget gate, 0 elsewhere.

        b = (0, value, 0, 0) for the gates (input, forget, cell, output)

    An LSTM with a forget bias of 1 keeps sigmoid(1) = 0.73 of its cell at each step,
    rather than half. The place of the forget gate is the library's own:

        PyTorch, Keras, Equinox   input, forget, cell, output   gate=1
        Haiku                     input, cell, forget, output   gate=2
        Flax                      a bias for each gate          gates=1, gate=0

    PyTorch adds two biases, of which one is to be 0; Keras and Haiku add a 1 of their
    own.

    Args:
        value: The bias of the forget gate.
        gate: Its place among the gates, from 0.
        gates: How many gates the vector holds: 4 for an LSTM.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, gates · hidden)`.

    Raises:
        ValueError: If `gates` does not divide the last axis, or `gate` is none of them.

    Example:
        >>> import jinit
        >>> jinit.recurrent.forget_bias(None, (8,)).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]

    References:
        Gers, Schmidhuber, Cummins. Learning to forget: continual prediction with LSTM.
        Neural Computation 2000.
        Jozefowicz, Zaremba, Sutskever. An empirical exploration of recurrent network
        architectures. ICML 2015.
    """
    hidden = _hidden("jinit.recurrent.forget_bias", shape, gates)
    place = jax.lax.broadcasted_iota(np.int32, shape, len(shape) - 1)
    return jnp.where(place // hidden == gate, scalar(value, dtype), dtype.type(0))


def _chrono_check(
    where: str, max_time: float, forget_gate: int, input_gate: int | None, gates: int
) -> None:
    if max_time < 2:
        raise ValueError(
            f"`{where}` needs `max_time` of at least 2 steps. Got {max_time!r}."
        )
    _is_a_gate(where, "forget_gate", forget_gate, gates)
    _is_a_gate(where, "input_gate", input_gate, gates)
    if forget_gate == input_gate:
        raise ValueError(
            f"`{where}` needs `input_gate` to be another than `forget_gate`. "
            f"Got {input_gate}. For a cell without one, set `input_gate=None`."
        )


def _chrono_marginal(
    shape: tuple[int, ...],
    max_time: float,
    forget_gate: int,
    input_gate: int | None,
    gates: int,
) -> Marginal:
    """L = log X of X ~ U(1, T − 1) at one gate, −L at another, 0 at the rest."""
    _hidden("jinit.recurrent.chrono_bias", shape, gates)
    forget, input_ = 1 / gates, float(input_gate is not None) / gates
    width, top = max_time - 2, math.log(max_time - 1)
    if not width:
        return marginal.values(0.0)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    nodes, weights = top * (nodes + 1) / 2, top * weights / 2
    weights = weights * np.exp(nodes) / width  # the density of L
    mean = (forget - input_) * float(weights @ nodes)

    def central(power: int) -> float:
        at = forget * (nodes - mean) ** power + input_ * (-nodes - mean) ** power
        return float(weights @ at) + (1 - forget - input_) * (-mean) ** power

    def cdf(x: np.ndarray) -> np.ndarray:
        below = lambda x: np.expm1(np.clip(x, 0, top)) / width  # P(L ≤ x)
        rest = (1 - forget - input_) * (np.asarray(x) >= 0)
        return forget * below(x) + input_ * (1 - below(-x)) + rest

    variance = central(2)
    low = -top if input_gate is not None else 0.0
    kurtosis = central(4) / variance**2
    return Marginal(mean, math.sqrt(variance), (low, top), kurtosis, cdf)


@law(marginal=_chrono_marginal, check=_chrono_check)
def chrono_bias(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    max_time: Finite,
    forget_gate: Whole = 1,
    input_gate: Whole | None = 0,
    gates: Count = 4,
    dtype: Floating = None,
) -> jax.Array:
    """Biases of gates for memories of all lengths up to `max_time`: chrono.

        b_forget = log X,   b_input = −b_forget,   X ~ U(1, max_time − 1),   else 0

    A unit with a forget bias b remembers for about 1 + e^b steps, which is uniform from
    2 to `max_time`. The choice where dependencies are long and their length is known.

    Args:
        max_time: The longest time to remember, in steps.
        forget_gate: The place of the forget gate: see `jinit.recurrent.forget_bias`.
            For a GRU, that of the gate that keeps the state.
        input_gate: The place of the input gate; None for a cell that has none, such as
            a GRU.
        gates: How many gates the vector holds: 4 for an LSTM, 3 for a GRU.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, gates · hidden)`.

    Raises:
        ValueError: For a `max_time` below 2, gates that do not divide the last axis, or
            places that are none of them or the same.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> b = jinit.recurrent.chrono_bias(100)(jax.random.key(0), (400,))
        >>> time = 1 + jnp.exp(b[100:200])  # of the forget gate
        >>> bool(((time >= 2) & (time <= 100.001)).all())
        True

    References:
        Tallec, Ollivier. Can recurrent neural networks warp time? ICLR 2018.
        https://arxiv.org/abs/1804.11188
    """
    hidden = _hidden("jinit.recurrent.chrono_bias", shape, gates)
    u = sampling.uniform(key, (*shape[:-1], hidden), dtype)
    b = jnp.log1p(scalar(max_time - 2, dtype) * u)
    parts = {forget_gate: b, input_gate: -b}
    return jnp.concatenate(
        [parts.get(gate, jnp.zeros_like(b)) for gate in range(gates)], axis=-1
    )
