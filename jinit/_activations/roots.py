"""Where a function of one number is zero."""

from collections.abc import Callable


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """The zero of `function` between `low` and `high`, where its signs differ.

    False position in the Illinois form: when the same end is replaced twice running,
    the value kept at the other end is halved, so that both ends close in.
    """
    old, new = low, high
    at_old, at_new = function(old), function(new)
    while at_new != 0:
        x = new - at_new * (new - old) / (at_new - at_old)
        if x in (old, new) or abs(x - new) <= 1e-14 * abs(x):
            return x
        at_x = function(x)
        if (at_x > 0) == (at_new > 0):
            at_old /= 2
        else:
            old, at_old = new, at_new
        new, at_new = x, at_x
    return new
