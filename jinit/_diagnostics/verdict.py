"""A plain verdict on the weights of a model, from what a probe measured."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .._activations import gain
from .._core.text import percent, times
from ..theory.mean_field import variance_map
from .records import LayerProbe


GONE = 1e-3  # of the input: a signal too small to learn from
DEPTH = 50  # layers, beyond which nothing is foretold
STEADY = math.log(1.1)  # a growth per layer that no one needs to mind
# Three standard deviations of what chance adds to log rms per layer, times √width: half
# of √5, since E φ(z)⁴ = 6 (E φ(z)²)² for relu.
CHANCE = 3 * math.sqrt(5) / 2
UNCLEAR = 0.3  # a drift per layer that only a narrow network leaves to chance
# Batch normalization makes gradients grow with depth, by √(π / (π − 1)) = 1.21 per relu
# layer whatever the weights; in all this much, in logarithms, needs no mention. Yang et
# al. A mean field theory of batch normalization. ICLR 2019.
FORGIVEN = math.log(10)
BOUNDED = {"arctan", "erf", "hard_sigmoid", "hard_tanh", "sigmoid", "softsign", "tanh"}


class Fix(NamedTuple):
    """A scheme that suits an activation: `gain² / fan`, the fan in or the average."""

    scheme: str
    gain: float
    average: bool


def judge(layers: Sequence[LayerProbe], input_std: float) -> tuple[str, str]:
    """The condition of the weights in a word or two, and the verdict in a sentence.

    Args:
        layers: The `LayerProbe`s of a model, in order.
        input_std: The standard deviation of what the first layer reads.
    """
    hidden = [layer for layer in layers if layer.hidden] or list(layers)
    problem = (
        _symmetric(hidden)
        or _saturated(hidden)
        or _dead(hidden)
        or _drift(hidden, input_std)
    )
    if problem:
        condition, sentence = problem
        return condition, f"{sentence}; {_advice(condition, hidden)}"
    if len(hidden) == 1:
        seen = times(hidden[0].ratio or 0.0)
        return "keeps", f"one layer has nothing to compound: signal {seen} its input"
    forward, backward = _factors(hidden)
    clear = abs(_log(forward)) < UNCLEAR and abs(_log(backward)) < UNCLEAR
    words = "keeps the scale" if clear else "no drift that chance could not explain"
    return "keeps", (
        f"{words}: signal {times(forward)} and gradient {times(backward)} per layer"
    )


def suited(layers: Sequence[LayerProbe]) -> Fix:
    """The classical scheme for the activation that most layers have."""
    names = Counter(layer.activation for layer in layers if layer.activation)
    name = names.most_common(1)[0][0] if names else None
    match name:
        case "relu":
            return Fix("he_normal", math.sqrt(2), False)
        case "identity":
            return Fix("glorot_uniform", 1.0, True)
        case "tanh":
            return Fix("glorot_uniform(gain='tanh')", gain("tanh"), True)
        case "sigmoid":
            return Fix("sigmoid_uniform", 4.0, True)
        case "selu":
            return Fix("lecun_normal", 1.0, False)
        case None | "other":
            return Fix("lecun_normal with the gain of your activation", 0.0, False)
    return Fix(f"lecun_normal(gain={name!r})", gain(name), False)


def _advice(condition: str, hidden: Sequence[LayerProbe]) -> str:
    if condition.startswith("gradient") and _normalized(hidden):
        return "normalization sets this, not the weights: add residual connections"
    fix = suited(hidden)
    fan = lambda x: (x.fan_in + x.fan_out) / 2 if fix.average else x.fan_in
    scales = [x.weight_variance * fan(x) / x.fan_in for x in _steady(hidden)]
    if fix.gain and all(0.9 < scale / fix.gain**2 < 1.1 for scale in scales):
        return (
            f"the weights have the scale of {fix.scheme} already, so add normalization"
        )
    return f"use {fix.scheme}"


def _symmetric(hidden: Sequence[LayerProbe]) -> tuple[str, str] | None:
    for layer in hidden:
        if layer.equal_units:
            return "symmetric", (
                f"symmetric: all units of {layer.name} have equal weights and equal "
                "gradients, so no training can tell them apart"
            )
    return None


def _saturated(hidden: Sequence[LayerProbe]) -> tuple[str, str] | None:
    bounded = [layer for layer in hidden if layer.activation in BOUNDED]
    share = lambda layer: layer.saturated or 0.0
    worst = max(bounded, key=share, default=None)
    if worst is None or share(worst) <= 0.5:
        return None
    return "saturated", (
        f"saturated: {percent(worst.saturated)} of {worst.name} lies where "
        f"{worst.activation} is flat"
    )


def _dead(hidden: Sequence[LayerProbe]) -> tuple[str, str] | None:
    # Where z is 0 throughout, what came before it died, and that is another story.
    alive = [layer for layer in hidden if layer.std > 0]
    share = lambda layer: layer.dead or 0.0
    worst = max(alive, key=share, default=None)
    if worst is None or share(worst) <= 0.5:
        return None
    return "dead", (
        f"dead: {percent(worst.dead)} of the units of {worst.name} pass no gradient "
        "for any example"
    )


def _drift(hidden: Sequence[LayerProbe], input_std: float) -> tuple[str, str] | None:
    forward, backward = _factors(hidden)
    slack = _slack(hidden)
    if abs(_log(forward)) > slack:
        shrinks = forward < 1
        layer = _reaches(hidden, input_std, forward)
        when = f": {_END[shrinks]} by layer {layer}" if layer else ""
        condition = "shrinks" if shrinks else "explodes"
        return condition, f"signal {_VERB[shrinks]} {times(forward)} per layer{when}"
    if not any(layer.gradient_std for layer in hidden):
        return "gradient vanishes", "gradient is 0 in every hidden layer"
    if abs(_log(backward)) > slack:
        shrinks = backward < 1
        depth = math.ceil(math.log(GONE) / -abs(_log(backward)))
        when = f": {_END[shrinks]} {depth} layers back" if depth <= DEPTH / 2 else ""
        condition = "gradient vanishes" if shrinks else "gradient explodes"
        return condition, (
            f"gradient {_VERB[shrinks]} {times(backward)} per layer on its way "
            f"back{when}"
        )
    return None


_VERB = {True: "shrinks", False: "grows"}
_END = {True: "gone", False: "past 1000x"}


def _factors(hidden: Sequence[LayerProbe]) -> tuple[float, float]:
    """The growth per layer, forward and backward, as a geometric mean."""
    steady = _steady(hidden)
    forward = [layer.activation_std for layer in steady]
    # The norm: a stride or a wider layer spreads one gradient over more entries.
    backward = [x.gradient_std * math.sqrt(math.prod(x.shape)) for x in steady]
    return _growth(forward), _growth(backward[::-1])


def _steady(hidden: Sequence[LayerProbe]) -> Sequence[LayerProbe]:
    # The first layer reads the data, not an activation: its scale is its own.
    return hidden[1:] if len(hidden) > 3 else hidden


def _growth(sizes: Sequence[float]) -> float:
    seen = [size for size in sizes if size > 0]
    if len(seen) < 2:
        return 1.0 if len(seen) == len(sizes) else 0.0
    return (seen[-1] / seen[0]) ** (1 / (len(seen) - 1))


def _slack(hidden: Sequence[LayerProbe]) -> float:
    steps = len(_steady(hidden)) - 1
    if steps == 0:
        return math.inf
    width = min(layer.shape[-1] for layer in hidden)
    chance = max(STEADY, CHANCE / math.sqrt(width * steps))
    return max(chance, FORGIVEN / steps) if _normalized(hidden) else chance


def _normalized(hidden: Sequence[LayerProbe]) -> bool:
    return all(layer.normalized for layer in hidden)


def _reaches(
    hidden: Sequence[LayerProbe], input_std: float, factor: float
) -> int | None:
    """The layer at which the signal is gone, or 1000 times too large: seen or foretold.

    Foretold by the variance map of the last hidden layer, where its activation has a
    name: what shrinks ever more slowly, as behind tanh, is never gone.
    """
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


def _log(factor: float) -> float:
    return math.log(factor) if factor > 0 else -math.inf
