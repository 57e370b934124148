"""What an operation runs, where that is a jaxpr: calls, loops and branches.

A body is joined to the values around it by links, one for each input and output.
"""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any

from jax.extend.core import JaxprEqn


class Link(enum.Enum):
    """How a value passes between a body and what is around it."""

    ENTER = "enter"  # an outer value that stays
    UNSTACK = "unstack"  # taken apart along its first axis
    CARRY = "carry"  # the initial value, then what the last iteration left
    SHARD = "shard"  # a part of an array
    LEAVE = "leave"
    STACK = "stack"  # put together along a new first axis
    EITHER = "either"  # one of several


@dataclasses.dataclass(frozen=True)
class Inside:
    """A jaxpr that an operation runs, and its links, one for each input and output.

    The operands before `skipped` do not enter it.
    """

    jaxpr: Any
    enter: tuple[Link, ...]
    leave: tuple[Link, ...]
    skipped: int = 0


@dataclasses.dataclass(frozen=True)
class Call:
    """Has the value of the jaxpr in its parameter of that name.

    Where it has a derivative rule of its own, to open it would lose that.
    """

    jaxpr: str
    rule: bool = False


@dataclasses.dataclass(frozen=True)
class Loop:
    """Runs what is inside: again and again, one of several, or on each device.

    Attributes:
        inside: The jaxprs it runs, of its equation.
        scans: Whether it can be run with values inside looked at or changed.
    """

    inside: Callable[[JaxprEqn], Sequence[Inside]]
    scans: bool = False


def scan(equation: JaxprEqn) -> Sequence[Inside]:
    constants, carries = _scan_counts(equation)
    slices = len(equation.invars) - constants - carries
    stacks = len(equation.outvars) - carries
    enter = [Link.ENTER] * constants + [Link.CARRY] * carries + [Link.UNSTACK] * slices
    leave = [Link.LEAVE] * carries + [Link.STACK] * stacks
    return [Inside(equation.params["jaxpr"], tuple(enter), tuple(leave))]


def _scan_counts(equation: JaxprEqn) -> tuple[int, int]:
    # How many operands of a scan are constants, and how many are carried.
    params = equation.params
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    constants, carries, _ = params["ft_in"].unpack()  # from jax 0.11 on
    return len(constants), len(carries)


def while_loop(equation: JaxprEqn) -> Sequence[Inside]:
    params, carries = equation.params, len(equation.outvars)
    enter = [Link.ENTER] * params["body_nconsts"] + [Link.CARRY] * carries
    leave = (Link.LEAVE,) * carries
    return [Inside(params["body_jaxpr"], tuple(enter), leave, params["cond_nconsts"])]


def cond(equation: JaxprEqn) -> Sequence[Inside]:
    enter = (Link.ENTER,) * (len(equation.invars) - 1)
    leave = (Link.EITHER,) * len(equation.outvars)
    branches = equation.params["branches"]
    return [Inside(branch, enter, leave, skipped=1) for branch in branches]


def shard_map(equation: JaxprEqn) -> Sequence[Inside]:
    enter = (Link.SHARD,) * len(equation.invars)
    leave = (Link.LEAVE,) * len(equation.outvars)
    return [Inside(equation.params["jaxpr"], enter, leave)]
