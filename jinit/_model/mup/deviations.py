"""Rules for a wide model: the deviations of a narrow one, times the factors."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

from ..._core import Initializer, shown
from ..._reading import Trace
from ...compose import scaled
from ..rules import Leaf, resolve, Rule, Value
from .width import Width


@dataclasses.dataclass(frozen=True)
class Deviations:
    """Makes rules that are right at the base width right at the model's own.

    Attributes:
        find: The `Width` of a parameter, by its path.
        read_base: Gives the trace of the base, or raises where there is none.
    """

    find: Callable[[str], Width]
    read_base: Callable[[], Trace]

    def rule(self, rule: Any) -> Rule:
        """The rule with every standard deviation as the parametrization has it."""
        if not isinstance(rule, tuple):
            return rule  # for `jinit.materialize` to refuse
        pattern, value, *required = rule
        return Rule(pattern, functools.partial(self._value, value), *required)

    def _value(self, value: Value, leaf: Leaf) -> Initializer:
        width = self.find(leaf.path)
        target = resolve(value, leaf)
        if width.law and not _is_zero(target, width):
            return _times(width.law, width.scaling.std)
        if width.base == width.shape and width.scaling.std == 1:
            return target
        small = dataclasses.replace(
            leaf, path=width.origin, shape=width.base, read=self.read_base
        )
        return _with_std(target, resolve(value, small), width)


def _with_std(target: Initializer, base: Initializer, width: Width) -> Initializer:
    """`target` with the standard deviation of `base` times the factor."""
    try:
        stds = base.std(width.base), target.std(width.shape)
    except TypeError:
        raise TypeError(
            "`Mup.rules` needs rules whose initializers state their standard "
            f"deviation. Got {shown(target)} for {width.path}. Use one of jinit, or "
            "state it: `@jinit.law(marginal=...)`."
        ) from None
    constant = not all(stds)
    factor = width.scaling.std * (1.0 if constant else stds[0] / stds[1])
    return target if _is_zero(target, width) else _times(target, factor)


def _is_zero(initializer: Initializer, width: Width) -> bool:
    try:
        return initializer.support(width.shape) == (0, 0)
    except TypeError:  # it does not state its law
        return False


def _times(initializer: Initializer, factor: float) -> Initializer:
    is_one = math.isclose(factor, 1, rel_tol=1e-9)
    return initializer if is_one else scaled(initializer, factor)
