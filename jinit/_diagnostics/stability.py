"""What becomes of a scale that is a little off, as depth goes on.

A relative error of the variance q of a signal is multiplied, in each layer, by the
elasticity of the variance map,

    e = d log E φ(√q z)² / d log q        at q = 1

which is 1 for ReLU, less for what saturates and more for GELU and SiLU. Above 1, no
scale of random weights is stable, whatever the gain: depth makes an error of any.
"""

import functools
from collections.abc import Sequence

from .._core import times
from ..theory import variance_map, variance_slope
from .advice import main_activation
from .records import LayerProbe


EVEN = 0.05  # of an elasticity that counts as 1
UNSTABLE = 10.0  # times an error, over the depth of the model


def stability(layers: Sequence[LayerProbe]) -> str:
    """In a sentence; "" where there is no chain of layers for theory to speak of."""
    chain = [each for each in layers if _follows_another(each, layers)]
    name = main_activation([layers[i] for each in chain for i in each.before])
    error, depth = elasticity(name) if name else None, len(chain)
    if error is None or depth < 2:
        return ""
    whole = times(error**depth)
    if error > 1 + EVEN:
        end = "no scale of random weights is stable at this depth, so use normalization"
        end = f": {end} or jinit.looks_linear" if error**depth > UNSTABLE else ""
        return (
            f"stability: a relative error of E z² grows {times(error)} per {name} "
            f"layer, {whole} over these {depth}{end}"
        )
    if error < 1 - EVEN:
        return (
            f"stability: a relative error of E z² shrinks {times(error)} per {name} "
            f"layer, to {whole} over these {depth}: a scale that is nearly right "
            "will do"
        )
    return (
        f"stability: {name} hands on a relative error of E z² as it is: a scale that "
        f"is 1% off in every layer ends {1.02**depth - 1:.0%} off after these {depth}"
    )


def _follows_another(layer: LayerProbe, layers: Sequence[LayerProbe]) -> bool:
    """Whether it reads one layer alone, which no norm has mended."""
    befores = [layers[i] for i in layer.before]
    return len(befores) == 1 and not (befores[0].normalized or layer.in_branch)


@functools.cache
def elasticity(name: str) -> float | None:
    """The elasticity of E φ(√q z)² at q = 1; None where it is not known."""
    try:
        return variance_slope(name, 1.0) / variance_map(name, 1.0)
    except (ValueError, ZeroDivisionError):
        return None
