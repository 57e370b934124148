"""What a setting may be: the types with which a law annotates its settings.

    @jinit.law
    def gumbel(key, shape, dtype, /, scale: Positive = 1.0, axis: Axes = -1): ...

A value that the annotation does not allow is refused when it is given, in the name of
the law, with the fix. A `Literal` is a choice; any other annotation is for readers and
type checkers alone.

    Finite, Positive, NonNegative, Fraction     a number; any, > 0, ≥ 0, from 0 to 1
    Bound                                       a number that may be infinite
    Flag                                        True or False
    Count                                       a whole number of at least 1
    Axis                                        an axis of a kernel
    Axes                                        an axis of a kernel, or several
    TwoFans                                     `(fan_in, fan_out)`
    Gain                                        a number, an activation or its name
    Values                                      a number or an array; comes as `Frozen`
    AnyDType, Inexact, Floating                 what `dtype` may be

Each but `Literal` is `Annotated` with a `Requirement`; `requirement` makes your own.
`check` and `choose` refuse a value elsewhere as they do for laws.
"""

from ._activations import Gain as Gain
from ._core.settings import (
    AnyDType as AnyDType,
    Axes as Axes,
    Axis as Axis,
    Bound as Bound,
    check as check,
    choose as choose,
    Count as Count,
    Finite as Finite,
    Flag as Flag,
    Floating as Floating,
    Fraction as Fraction,
    Inexact as Inexact,
    NonNegative as NonNegative,
    Positive as Positive,
    Requirement as Requirement,
    requirement as requirement,
    TwoFans as TwoFans,
    Values as Values,
)
from ._core.values import Frozen as Frozen
