"""The heads of agents, which make actions or a value, and the scalars beside them."""

import math
import re
from typing import Literal

from .._model import Leaf, path, role, Rule, Selector
from .._reading import Row
from .._schemes import constant
from .recipe import rules, UnfitError


Place = Literal["input", "branch", "branch end", "output"]

head = role("output head")
# What a name says of a head, where the computation does not.
_VALUE = re.compile(r"critic|value|vf|q_?net|(^|_)(v|q|qs|q\d)(_|$)", re.I)
_POLICY = re.compile(
    r"actor|policy|action|mean|log_?std|logits|(^|_)(pi|mu)(_|$)", re.I
)


def policy_head(value: str | None = None, policy: str | None = None) -> Selector:
    """Heads that make actions, as the computation shows.

    A head of several outputs makes actions. One of a single output makes a value where
    others have several; else the deepest name that speaks of either decides.

    Args:
        value: The glob of the heads that make a value, where that is not so.
        policy: The glob of the heads that make actions; one of the two is enough.
    """

    def makes_actions(leaf: Leaf) -> bool:
        if not head(leaf):
            return False
        for glob, answer in ((policy, True), (value, False)):
            if glob is not None and path(glob)(leaf):
                return answer
        if (policy is None) != (value is None):
            return policy is None
        single = [row.fan_out == 1 for row in leaf.trace if row.role == "output head"]
        if not all(single):
            return leaf.row.fan_out != 1
        return _is_named_for_actions(leaf)

    return Selector("the policy's head", makes_actions)


def _is_named_for_actions(leaf: Leaf) -> bool:
    for name in reversed(leaf.path.split("/")):
        acts, values = _POLICY.search(name), _VALUE.search(name)
        if bool(acts) != bool(values):
            return bool(acts)
    raise UnfitError(
        "to know whether a head makes actions or a value",
        f"{leaf.path} of shape {leaf.shape}: no head has several outputs, and no name "
        "tells. Give the glob of such heads: `policy=` or `value=`.",
    )


def scalars(log_std: float = 0.0, temperature: float | None = None) -> tuple[Rule, ...]:
    """Rules for a spread that reads no state, and for the logarithm of a temperature.

    They go by name, and leave layers of such names to the rules after them.
    """
    spread = path("{*log_std*,*logstd*,*log_scale*}") & _no_layer
    chosen = rules((spread, constant(log_std)))
    if temperature is None:
        return chosen
    few = Selector("few numbers", lambda leaf: len(leaf.shape) < 2)  # needs no trace
    warmth = path("{*log_temp*,*log_alpha*,*log_ent*}") & few
    return (*chosen, *rules((warmth, constant(math.log(temperature)))))


_no_layer = Selector(
    "no part of a layer",
    lambda leaf: not leaf.row.is_kernel and leaf.row.kernel is None,
)


def scaled_kernel(leaf: Leaf) -> tuple[Row, Place]:
    """The kernel whose product a scaler multiplies, and where that stands."""
    kernels = [row for row in leaf.trace.in_order if row.is_kernel]
    before = [row for row in kernels if (row.order or 0) < (leaf.row.order or 0)]
    inside = [row for row in kernels if row.branches]
    if not (before and inside):
        raise UnfitError(
            "scalers of kernels in a network of residual blocks",
            f"{leaf.path} of shape {leaf.shape}, which is none. Give it a rule of its "
            f"own, before the recipe: `[({leaf.path!r}, ...), *recipe]`.",
        )
    row = before[-1]
    if not row.branches:
        first = min(each.depth or 0 for each in inside)
        return row, "input" if (row.depth or 0) < first else "output"
    is_last = (inside.index(row) + 1) % row.branch_layers == 0
    return row, "branch end" if is_last else "branch"
