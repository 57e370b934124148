"""Where a parameter stands in the residual stream, by the ends of its branches."""

import bisect
import dataclasses
from collections.abc import Callable, Iterator, Sequence

from .._core import Initializer
from .._model import Leaf, Selector
from .._reading import Row, Trace
from ..compose import blocks
from .leaves import kernel_of
from .recipe import UnfitError


@dataclasses.dataclass(frozen=True)
class Branch:
    """A branch of the residual stream, or those of a scan, by order of computation.

    Attributes:
        end: What ends it: a kernel, or the scale of a norm.
        rows: The rows of its parameters in order, norms before it included.
        places: Its places in the stream, from 0: one for each turn of a scan.
    """

    end: Row
    rows: tuple[Row, ...]
    places: tuple[int, ...]

    def holds(self, condition: Callable[[Row], bool]) -> bool:
        """Whether some parameter in it meets a condition."""
        return any(map(condition, self.rows))


def branches(trace: Trace) -> list[Branch]:
    """The branches of the stream that has the most of them, in order.

    Streams within a branch, such as a skip around a convolution, are others.
    """
    known = vars(trace)  # kept with it, as a cached property is
    if "branches" not in known:
        known["branches"] = [*_branches(trace)]
    return known["branches"]


def _branches(trace: Trace) -> Iterator[Branch]:
    closing = [row for row in trace if row.closes_residual]
    most = max((row.branches for row in closing), default=0)
    rows = list[Row]()
    for row in trace.in_order:
        rows.append(row)
        if row.closes_residual and row.branches == most:
            places = (each.places for each in rows if each.branches == most)
            yield Branch(row, tuple(rows), next(filter(None, places), ()))
            rows = []


def branch_of(leaf: Leaf) -> Branch | None:
    """The branch that a parameter is in, if it is in one: a bias is in its kernel's."""
    row = kernel_of(leaf) or leaf.row
    found = branches(leaf.trace)
    last = lambda branch: branch.end.order or 0
    place = bisect.bisect_left(found, row.order or 0, key=last)
    is_before = row.order is not None and place < len(found)
    return found[place] if is_before else None


def _ends_a_branch(leaf: Leaf) -> bool:
    branch = branch_of(leaf) if leaf.row.is_kernel else None
    return branch is not None and branch.end is leaf.row


end_of_branch = Selector("the end of a branch", _ends_a_branch)


def stream_width(leaf: Leaf) -> float:
    """The width of that stream: what most of its ends put out."""
    made = [each.end.fan_out for each in branches(leaf.trace)]
    fans = [fan_out for fan_out in made if fan_out]
    if not fans:
        raise UnfitError(
            "a model with residual branches, whose width it takes,",
            f"none, at {leaf.path}. Use a recipe for networks without them.",
        )
    return max({*fans}, key=fans.count)


def scanned_axes(leaf: Leaf) -> tuple[int, ...]:
    """The axes of a parameter along which a scan stacks the layers it is in."""
    branch = branch_of(leaf)
    layers = len(branch.end.stack_axes) if branch else 0
    return leaf.row.stack_axes[:layers]


def block_numbers(
    leaf: Leaf, begins: Callable[[Branch], bool]
) -> tuple[Sequence[int], int]:
    """The blocks that a parameter is in, from 0, and how many there are in all.

    Args:
        leaf: The parameter; one that is in no branch counts as of block 0.
        begins: Whether a branch is the first of its block.
    """
    starts = (each.places for each in branches(leaf.trace) if begins(each))
    first = sorted(place for places in starts for place in places)
    branch = branch_of(leaf)
    places = branch.places if branch else first[:1]
    return [bisect.bisect(first, place) - 1 for place in places], len(first)


def for_each(leaf: Leaf, laws: Sequence[Initializer]) -> Initializer:
    """A law for each layer that a scan stacks in a parameter, or the one there is."""
    axes = scanned_axes(leaf)
    if len({*laws}) == 1 or not axes:
        return laws[0]
    return blocks(tuple(laws), sizes=(1,) * len(laws), axis=axes[0])
