"""What starts at 0 on purpose: heads, ends of branches, gates; and what wakes it.

A layer whose kernel is 0 moves with the first step if it reads a signal and a gradient
comes back to it, unless all units that it reads are alike, as its weights then stay.
What stands behind it has no gradient until then, and one step later it has. So neither
says anything against the weights.
"""

import dataclasses
from collections.abc import Sequence

from .records import LayerProbe


@dataclasses.dataclass(frozen=True)
class Sleep:
    """The layers, by number, that start at 0 without harm, and those behind them."""

    zeros: frozenset[int]
    behind: frozenset[int]

    def note(self, layers: Sequence[LayerProbe]) -> str:
        """Which layers start at 0 and what that means, in words; "" if none does."""
        if not self.zeros:
            return "parts behind gates of 0 wake after one step" if self.behind else ""
        first, *rest = (layers[i].name for i in sorted(self.zeros))
        names = f"{first} and {len(rest)} more start" if rest else f"{first} starts"
        held = ", and what is behind has no gradient yet" if self.behind else ""
        return f"{names} at 0{held}: it wakes after one step"


def asleep(layers: Sequence[LayerProbe]) -> Sleep:
    """What is asleep among all layers of a model, heads included."""
    readers = [
        [each for each in layers if i in each.before] for i in range(len(layers))
    ]
    zeros = frozenset(
        i
        for i, layer in enumerate(layers)
        if layer.weight_variance == 0
        and (layer.gradient_std is None or layer.gradient_std > 0)
        and layer.signal_second_moment > 0
        and not layer.equal_signal
        and all(reader.signal_second_moment > 0 for reader in readers[i])
    )
    silent = {i for i, layer in enumerate(layers) if layer.gradient_std == 0}
    held = {i for zero in zeros for i in _upstream(layers, zero)}
    if len(silent) < len(layers):  # the gate of a branch is no layer of its own
        held |= {i for i in silent if layers[i].in_branch}
    return Sleep(zeros, frozenset(silent & held) - zeros)


def _upstream(layers: Sequence[LayerProbe], start: int) -> set[int]:
    found, waiting = set(), [start]
    while waiting:
        new = {*layers[waiting.pop()].before} - found
        found |= new
        waiting += new
    return found
