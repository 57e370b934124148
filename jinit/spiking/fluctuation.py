"""Kernels that let membranes fluctuate below their threshold."""

import math
from typing import Any

import jax

from .. import marginal
from .._core import Fans, law, refuse_traced, sampling, scalar
from .._schemes import fan_of, fans_from
from ..marginal import Marginal
from ..settings import Axes, Count, Finite, Floating, NonNegative, Positive


_NAME = "jinit.spiking.fluctuation_driven"


def _response(synaptic: float, membrane: float, step: float) -> tuple[float, float]:
    """∫ε and ∫ε² of a membrane's response ε to one spike of weight 1.

    In steps of time the synapse keeps b and the membrane a of what it has in each, and
    ε is (1 − a) (aⁿ − bⁿ) / (a − b): two geometric series.
    """
    if step < 1e-9 * min(synaptic, membrane):
        return synaptic, synaptic / (2 * (1 + membrane / synaptic))
    a, b = math.exp(-step / membrane), math.exp(-step / synaptic)
    forgets, decays = -math.expm1(-step / membrane), -math.expm1(-step / synaptic)
    both = -math.expm1(-step / membrane - step / synaptic)
    square = forgets * (1 + a * b) / ((1 + a) * (1 + b) * decays * both)
    return step / decays, step * square


def _over(amount: float, inputs: float) -> float:
    return amount / inputs if inputs else math.inf


def _moments(
    where: str,
    fan_in: float,
    rate: float,
    mean: float,
    distance: float,
    threshold: float,
    synaptic: float,
    membrane: float,
    step: float,
    share: float,
    inputs: int | None,
) -> tuple[float, float]:
    """The mean and the standard deviation of a weight."""
    first, square = _response(synaptic, membrane, step)
    spread = (threshold - mean) / distance
    weight = _over(mean, (inputs or fan_in) * rate * first)
    wanted = _over(share * spread * spread, fan_in * rate * square)
    if not weight * weight <= wanted < math.inf:
        raise ValueError(
            f"`{where}` needs more inputs, or faster ones, for that `mean` and "
            f"`distance`. Got {fan_in} at {rate=}, a mean of {weight:.3g} for weights "
            f"of E w² = {wanted:.3g}. Bring `mean` closer to 0, or ask for a smaller "
            "`distance`."
        )
    return weight, math.sqrt(wanted - weight * weight)


def _check(
    where: str, mean, threshold, share, synaptic, membrane, step, **others: Any
) -> None:
    refuse_traced(where, mean, threshold, share, synaptic, membrane, step, others)
    if not mean < threshold:
        raise ValueError(
            f"`{where}` needs `mean` below `threshold`. Got {mean=} and {threshold=}."
        )
    if not 0 < share <= 1:
        raise ValueError(f"`{where}` needs `share` above 0 and up to 1. Got {share}.")
    if step > 10 * min(synaptic, membrane):
        raise ValueError(
            f"`{where}` needs a `step` within reach of the time constants. Got {step=} "
            f"for {synaptic=} and {membrane=}."
        )


def _law_of_one(shape, in_axis, out_axis, batch_axis, **settings: Any) -> Any:
    axes = in_axis, out_axis, batch_axis
    _check(_NAME, **settings)
    fan_in = fan_of(_NAME, shape, "fan_in", *axes, 1, None)
    return _moments(_NAME, fan_in, **settings)


def _marginal(shape, **settings: Any) -> Marginal:
    return marginal.normal(*_law_of_one(shape, **settings))


def _fans(shape, in_axis, out_axis, batch_axis, **_: Any) -> Fans:
    return fans_from(_NAME, shape, in_axis, out_axis, batch_axis, 1, None)


@law(marginal=_marginal, fans=_fans, check=_check)
def fluctuation_driven(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    rate: Positive,
    mean: Finite = 0.0,
    distance: Positive = 1.0,
    synaptic: Positive = 10e-3,
    membrane: Positive = 20e-3,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Floating = None,
    *,
    threshold: Finite = 1.0,
    step: NonNegative = 0.0,
    share: Positive = 1.0,
    inputs: Count | None = None,
) -> jax.Array:
    """Normal weights that let a membrane fluctuate as asked, below its threshold θ.

        W ~ N(m, s²),   m = μ / (n ν ∫ε),   m² + s² = ((θ − μ) / ξ)² / (n ν ∫ε²)

    for n inputs that spike at random at ν each. The potential of a leaky neuron without
    spikes then has the mean μ and the standard deviation (θ − μ) / ξ: the threshold is
    ξ of these away, so that units do fire, and by chance. The response ε to a spike is
    that of a current which decays over `synaptic` into a membrane which forgets over
    `membrane`: ∫ε = τs and ∫ε² = τs² / (2 (τs + τm)).

    Args:
        rate: ν, spikes of an input per unit of time, that of the time constants.
        mean: μ, of the potential. At 0 inputs excite as much as they inhibit.
        distance: ξ, from the mean to the threshold in standard deviations; for a mean
            of 0 and a threshold of 1, one over the standard deviation of the potential.
        synaptic: τs, the time constant of the current.
        membrane: τm, the time constant of the membrane.
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers.
        dtype: The dtype to draw when a call names none.
        threshold: θ.
        step: The step of time of a simulation, whose sums stand in the place of the
            integrals: I ← e^(−step/τs) I + spikes, U ← e^(−step/τm) U +
            (1 − e^(−step/τm)) I. By default time is continuous; at a tenth of τs the
            two differ by 5 %.
        share: The part of the variance that comes of these inputs, where a unit has
            several kernels: the authors give 0.9 to the forward ones and 0.1 to the
            recurrent ones.
        inputs: How many inputs a unit has in all kernels together, which share the
            mean; by default those of this one.

    Returns:
        Weights of shape `(*spatial, in, out)`, or as the axes say.

    Raises:
        ValueError: When the inputs are too few or too slow to have that mean and no
            larger a variance, or for a mean that is not below the threshold.

    Example:
        >>> from jinit import spiking
        >>> spiking.fluctuation_driven(rate=10.0).std((100, 50))
        0.774597

    References:
        Rossbroich, Gygax, Zenke. Fluctuation-driven initialization for spiking neural
        network training. Neuromorphic Computing and Engineering 2022.
        https://arxiv.org/abs/2206.10226
    """
    center, stddev = _law_of_one(
        shape,
        in_axis,
        out_axis,
        batch_axis,
        rate=rate,
        mean=mean,
        distance=distance,
        threshold=threshold,
        synaptic=synaptic,
        membrane=membrane,
        step=step,
        share=share,
        inputs=inputs,
    )
    return scalar(center, dtype) + sampling.normal(key, shape, dtype, stddev)
