"""The two criteria by which hypercomplex weights are scaled."""

import math
from typing import Literal

from .._core import Fans, fans_of, resolve_axes


Criterion = Literal["glorot", "he"]


def fans(where: str, shape, in_axis, out_axis, batch_axis, groups: int = 1) -> Fans:
    """The fans, counted in numbers of whatever kind."""
    axes = resolve_axes(shape, in_axis, out_axis, batch_axis, where)
    return fans_of(shape, axes, groups, where)


def variance(criterion: Criterion, of: Fans) -> float:
    """E|w|²: 2 over the sum of the fans, or over the fan in."""
    return 2 / ((sum(of) if criterion == "glorot" else of.fan_in) or math.inf)
