"""What a plan predicts of every layer, beside what a batch shows."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .._core import bare, digits, shown, times
from .._model import Choice, Plan
from .records import LayerProbe


PARTED = 1.3  # a factor between the two, from which on they part


def with_plan(layers: Sequence[LayerProbe], plan: Any) -> tuple[LayerProbe, ...]:
    """The records with the second moments that a plan predicts for them."""
    if not isinstance(plan, Plan):
        raise TypeError(
            "`jinit.probe` needs `plan` to be one of `jinit.explain`. "
            f"Got {shown(plan)}."
        )
    choices = {bare(choice.path): choice for choice in plan}
    uses = Counter(layer.path for layer in layers if "[" not in layer.name)
    if not any(bare(layer.path) in choices for layer in layers):
        raise ValueError(
            "`jinit.probe` needs the `plan` of this model, from `jinit.explain`. Got "
            f"one of {', '.join(choice.path for choice in plan)}."
        )
    return tuple(_with_choice(layer, choices, uses[layer.path]) for layer in layers)


def _with_choice(
    layer: LayerProbe, choices: Mapping[str, Choice], uses: int
) -> LayerProbe:
    choice = choices.get(bare(layer.path))
    if choice is None or choice.makes is None:
        return layer
    often = f"the kernel is used {uses} times" if uses > 1 else ""
    return dataclasses.replace(
        layer,
        predicted_signal_second_moment=choice.reads,
        predicted_second_moment=choice.makes,
        doubt=choice.doubt or often,
    )


def off(layer: LayerProbe) -> float | None:
    """E z² as measured over what was predicted; None where nothing was."""
    seen, told = layer.second_moment, layer.predicted_second_moment
    if told is None:
        return None
    if told == 0:
        return 1.0 if seen == 0 else math.inf
    return seen / told


def parts(layer: LayerProbe) -> bool:
    """Whether the two are further apart than `PARTED`, and than chance makes them.

    The mean of z² over m units has a standard deviation of √(2/m) of itself.
    """
    factor, units = off(layer), layer.shape[-1] if layer.shape else 1
    slack = max(PARTED, math.exp(2 * math.sqrt(2 / units)))
    return factor is not None and not 1 / slack <= factor <= slack


def first_parting(layers: Sequence[LayerProbe]) -> LayerProbe | None:
    """The first layer where they part though the plan was sure."""
    return next((each for each in layers if parts(each) and not each.doubt), None)


def compared(layers: Sequence[LayerProbe]) -> str:
    """How far the plan was right, in a sentence; "" without a plan."""
    told = [layer for layer in layers if layer.predicted_second_moment is not None]
    if not told:
        return ""
    found = first_parting(layers)
    unsure = [layer for layer in told if layer.doubt]
    sure = len(told) - len(unsure)
    said = f"plan: E z² is as predicted in all {sure} layers that it is sure of"
    if found is not None:
        seen, predicted = found.second_moment, found.predicted_second_moment
        said = (
            f"plan: parts from the measured first at {found.name}, E z² = "
            f"{digits(seen)} for {digits(predicted)} ({_factor(found)})"
        )
    apart = [f"{each.name} {_factor(each)} ({each.doubt})" for each in unsure]
    return said + (f"; unsure: {', '.join(apart)}" if apart else "")


def _factor(layer: LayerProbe) -> str:
    factor = off(layer)
    return "" if factor is None else times(factor)
