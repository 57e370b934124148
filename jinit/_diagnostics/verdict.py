"""A plain verdict on the weights of a model, from what a probe measured."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from .._core import percent, times
from ..theory import variance_map
from .advice import has_scale, keeps_signal, suited, unmendable
from .growth import (
    depths,
    FORGIVEN,
    Growth,
    log,
    size_backward,
    size_forward,
    STEADY,
    UNTOLD,
)
from .records import LayerProbe
from .sleep import asleep


GONE = 1e-3  # of the input: a signal too small to learn from
DEPTH = 50  # layers, beyond which nothing is foretold
UNCLEAR = 0.3  # a drift per layer that only a narrow network leaves to chance
SINGLE = math.log(1.5)  # one layer at He's scale makes √2 of a unit input, LeCun's 1
BOUNDED = {"arctan", "erf", "hard_sigmoid", "hard_tanh", "sigmoid", "softsign", "tanh"}
EXAMPLES = 8  # fewer leave half of relu's units silent by chance


class Verdict(NamedTuple):
    """What is wrong with the weights of a model, if anything, and what to do about it.

    Attributes:
        condition: In a word or two: "keeps", "shrinks", "symmetric", ...
        sentence: What was seen.
        layer: The first layer where it was seen; "" if nothing is wrong.
        fix: What to do; "" if nothing is to be done.
        scheme: The initializer that the fix names, if any.
        lost: What no scale of weights keeps, though nothing is wrong with these.
        note: What else there is to say.
    """

    condition: str
    sentence: str
    layer: str = ""
    fix: str = ""
    scheme: str = ""
    lost: str = ""
    note: str = ""

    def __str__(self) -> str:
        said = (self.sentence, self.fix, self.lost, self.note)
        return "; ".join(filter(None, said))


def judge(layers: Sequence[LayerProbe], input_std: float) -> Verdict:
    """The verdict on a model.

    Args:
        layers: The `LayerProbe`s of a model, in order.
        input_std: The standard deviation of what the first layer reads.
    """
    sleep, deep = asleep(layers), depths(layers)
    still = {*sleep.zeros, *sleep.behind}
    kept = [i for i, layer in enumerate(layers) if layer.hidden] or range(len(layers))
    hidden = [layers[i] for i in kept]
    awake = [layers[i] for i in kept if i not in still]
    problem = _symmetric(awake) or _saturated(hidden) or _dead(awake)
    if problem:
        return _advised(problem, hidden)
    forward = Growth(*_picked(layers, deep, [i for i in kept if i not in sleep.zeros]))
    problem = _forward(forward, hidden, input_std)
    if problem:
        return _advised(problem, hidden)
    back = [i for i in kept if i not in still and layers[i].gradient_std is not None]
    untold = not any(layers[i].gradient_std is not None for i in kept)
    if not (untold or sleep.behind or any(layers[i].gradient_std for i in back)):
        lost = "gradient is 0 in every hidden layer"
        return _advised(Verdict("gradient vanishes", lost, hidden[0].name), hidden)
    backward = Growth(*_streamed(layers, deep, back))
    problem, lost = _backward(backward, hidden)
    if problem:
        return _advised(problem, hidden)
    sentence = _healthy(forward, backward, hidden, bool(lost))
    return Verdict("keeps", sentence, lost=lost, note=sleep.note(layers))


def _healthy(
    forward: Growth, backward: Growth, hidden: Sequence[LayerProbe], told: bool
) -> str:
    if not forward.steps and not backward.steps:
        seen = times(hidden[0].ratio or 0.0)
        return f"one layer has nothing to compound: signal {seen} its input"
    there, back = forward.of(size_forward(forward)), _gradient(backward)
    clear = abs(log(there)) < UNCLEAR and (told or abs(log(back)) < UNCLEAR)
    kept = "keeps the signal" if told else "keeps the scale"
    words = kept if clear else "no drift that chance could not explain"
    sizes = f"signal {times(there)}"
    if backward.layers:
        sizes += f" and gradient {times(back)}"
    return f"{words}: {sizes} per layer"


def _picked(
    layers: Sequence[LayerProbe], deep: Sequence[int], chosen: Sequence[int]
) -> tuple[list[LayerProbe], list[int]]:
    """The layers whose signal is compared: what ends a branch is small on purpose."""
    plain = [i for i in chosen if not (layers[i].closes or layers[i].recurrent)]
    picked = plain or chosen
    return [layers[i] for i in picked], [deep[i] for i in picked]


def _streamed(
    layers: Sequence[LayerProbe], deep: Sequence[int], chosen: Sequence[int]
) -> tuple[list[LayerProbe], list[int]]:
    """The layers whose gradient is compared: where it is that of the stream."""
    closing = [i for i in chosen if layers[i].closes]
    outside = [i for i in chosen if not layers[i].in_branch]
    picked = closing if len(closing) > 1 else outside or chosen
    return [layers[i] for i in picked], [deep[i] for i in picked]


def _advised(problem: Verdict, hidden: Sequence[LayerProbe]) -> Verdict:
    normalized = all(layer.normalized for layer in hidden)
    if normalized and problem.condition.startswith("gradient"):
        return problem._replace(
            fix="normalization sets this, not the weights: add residual connections"
        )
    lost = unmendable(hidden)
    if lost:
        return problem._replace(
            fix=f"no scale of weights keeps both signal and gradient of {lost}: add "
            "normalization, or use tanh or relu"
        )
    fix = suited(hidden)
    if not fix.scheme:
        return problem._replace(fix="use lecun_normal with the gain of your activation")
    steady = hidden[1:] if len(hidden) > 3 else hidden
    if has_scale(steady, fix):
        return problem._replace(
            fix=f"the weights have the scale of {fix.scheme} already, so add "
            "normalization"
        )
    return problem._replace(fix=f"use {fix.scheme}", scheme=fix.scheme)


def _symmetric(layers: Sequence[LayerProbe]) -> Verdict | None:
    for layer in layers:
        if layer.equal_units:
            return Verdict(
                "symmetric",
                f"symmetric: all units of {layer.name} have equal weights and equal "
                "gradients, so no training can tell them apart",
                layer.name,
            )
    return None


def _saturated(hidden: Sequence[LayerProbe]) -> Verdict | None:
    bounded = (layer for layer in hidden if layer.activation in BOUNDED)
    found = next((layer for layer in bounded if (layer.saturated or 0) > 0.5), None)
    if found is None:
        return None
    return Verdict(
        "saturated",
        f"saturated: {percent(found.saturated)} of {found.name} lies where "
        f"{found.activation} is flat",
        found.name,
    )


def _dead(layers: Sequence[LayerProbe]) -> Verdict | None:
    # Where z is 0 throughout, what came before it died, and that is another story.
    for layer in layers:
        *examples, units = layer.shape or (1,)
        chance = 0.5 + 1.5 / math.sqrt(units)  # of units that are silent or not alike
        told = math.prod(examples) >= EXAMPLES and layer.std > 0
        if told and (layer.dead or 0.0) > chance:
            return Verdict(
                "dead",
                f"dead: {percent(layer.dead)} of the units of {layer.name} pass no "
                "gradient for any example",
                layer.name,
            )
    return None


def _forward(
    growth: Growth, hidden: Sequence[LayerProbe], input_std: float
) -> Verdict | None:
    if not growth.steps:
        return _single(hidden)
    size = size_forward(growth)
    factor = growth.of(size)
    if not _drifts(growth, factor):
        return None
    shrinks = factor < 1
    layer = _reaches(hidden, input_std, factor)
    when = f": {_END[shrinks]} by layer {layer}" if layer else ""
    return Verdict(
        "shrinks" if shrinks else "explodes",
        f"signal {_VERB[shrinks]} {times(factor)} per layer{when}",
        _off(hidden, shrinks) or growth.layers[-1].name,
    )


def _off(hidden: Sequence[LayerProbe], shrinks: bool) -> str:
    """The name of the first layer that makes its signal smaller, or larger."""
    for layer in hidden:
        free = STEADY if layer.before else SINGLE
        step = log(layer.ratio) if layer.ratio is not None else 0.0
        if abs(step) > free and (step < 0) == shrinks:
            return layer.name
    return ""


def _drifts(growth: Growth, factor: float) -> bool:
    """Whether a signal drifts beyond chance, or as theory says that it must."""
    slack, told = growth.slack(), growth.told()
    if not growth.is_chain:
        slack = max(slack, UNTOLD / growth.steps)
    if abs(log(factor)) > slack:
        return True
    if told is None or growth.is_normalized:
        return False
    same = log(told) * log(factor) > 0 and abs(log(factor)) > STEADY
    return same and abs(log(told)) > growth.told_slack()


def _single(hidden: Sequence[LayerProbe]) -> Verdict | None:
    """One layer that makes its signal far smaller or larger than its input."""
    first = hidden[0]
    seen, told = first.ratio, first.predicted_ratio
    if first.before or first.normalized or not (seen and told):
        return None
    if not (abs(log(seen)) > SINGLE < abs(log(told)) and log(seen) * log(told) > 0):
        return None
    shrinks = seen < 1
    return Verdict(
        "shrinks" if shrinks else "explodes",
        f"signal {_VERB[shrinks]} {times(seen)} in {first.name}",
        first.name,
    )


def _backward(
    growth: Growth, hidden: Sequence[LayerProbe]
) -> tuple[Verdict | None, str]:
    """What is wrong with the gradient; and what the weights are not to blame for."""
    if not growth.steps:
        return None, ""
    slack, factor = growth.slack(), _gradient(growth)
    if growth.is_normalized or not growth.is_chain:
        slack = max(slack, FORGIVEN / growth.steps)
    if abs(log(factor)) <= slack:
        return None, ""
    shrinks = factor < 1
    seen = f"gradient {_VERB[shrinks]} {times(factor)} per layer on its way back"
    lost = unmendable(hidden)
    if lost and keeps_signal(growth.layers):
        return None, (
            f"{seen}, as {lost} does at every scale that keeps its signal: add "
            "normalization, or use tanh or relu"
        )
    depth = math.ceil(math.log(GONE) / -abs(log(factor)))
    when = f": {_END[shrinks]} {depth} layers back" if depth <= DEPTH / 2 else ""
    condition = "gradient vanishes" if shrinks else "gradient explodes"
    return Verdict(condition, f"{seen}{when}", _off_back(growth, shrinks)), ""


_VERB = {True: "shrinks", False: "grows"}
_END = {True: "gone", False: "past 1000x"}


def _gradient(growth: Growth) -> float:
    """The growth of the gradient per layer on its way back."""
    factor = growth.of(size_backward)
    return 1 / factor if factor else 0.0


def _off_back(growth: Growth, shrinks: bool) -> str:
    """The name of the last layer whose gradient is not that of the next."""
    for layer, after in reversed([*itertools.pairwise(growth.layers)]):
        here, there = size_backward(layer), size_backward(after)
        step = log(here / there) if there > 0 else 0.0
        if abs(step) > STEADY and (step < 0) == shrinks:
            return layer.name
    return growth.layers[0].name


def _reaches(
    hidden: Sequence[LayerProbe], input_std: float, factor: float
) -> int | None:
    """The layer at which the signal is gone, or 1000 times too large: seen or foretold.

    Foretold by the variance map of the last hidden layer, where its activation has a
    name: what shrinks ever more slowly, as behind tanh, is never gone.
    """
    if not input_std:
        return None
    done = lambda size: size < GONE if factor < 1 else size > 1 / GONE
    for number, layer in enumerate(hidden, 1):
        if done(layer.activation_std / input_std):
            return number
    last = hidden[-1]
    size, q = last.activation_std / input_std, last.second_moment
    for number in range(len(hidden) + 1, DEPTH + 1):
        growth = factor
        if last.activation not in (None, "other"):
            after = variance_map(last.activation, q, last.weight_variance)
            growth, q = math.sqrt(after / q), after
        size *= growth
        if done(size):
            return number
    return None
