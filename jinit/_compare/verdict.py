"""Which start trains best, in a sentence that claims what the seeds allow."""

from collections.abc import Mapping, Sequence

from .._core import digits
from .._training import Interval
from .outcomes import Outcome


def verdict(
    results: Sequence[Outcome], best: int, below: Mapping[int, Interval], seeds: int
) -> str:
    """The sentence.

    Args:
        results: What each start reached.
        best: The place of that with the lowest loss.
        below: By the place of each other, by how much the best is below it.
        seeds: How many seeds there are.
    """
    first = results[best]
    if first.failed == seeds:
        return (
            "Not told: no start learns anything at any rate. Try other learning rates "
            "or more steps."
        )
    if not below:
        return f"Nothing to compare: {_loss(first)}."
    if seeds < 2:
        order = sorted(results, key=lambda each: each.loss.value)
        return (
            f"Not told: one seed says nothing of chance. In this one: "
            f"{_listed([_loss(each) for each in order])}."
        )
    beaten = [i for i, each in below.items() if each.low > 0 and not results[i].edge]
    open_ = [i for i in below if i not in beaten]
    better = f"better than {_listed([_loss(results[i]) for i in beaten])}"
    if not open_:
        return f"{_loss(first)} trains best: it is {better}; {_sure(seeds)}."
    near = _listed([_against(results[i], below[i]) for i in open_])
    said = f"Not told apart over {seeds} seeds: {_loss(first)} and {near}."
    also = f" {first.start} is {better}; {_sure(seeds)}." if beaten else ""
    return said + also


def _loss(each: Outcome) -> str:
    return f"{each.start} ({digits(each.loss.value)})"


def _against(each: Outcome, below: Interval) -> str:
    """A start that is not told from the best, and why if that is not chance."""
    if each.edge and below.low > 0:
        way = "lower" if each.edge == "lowest" else "higher"
        return f"{_loss(each)} at the {each.edge} rate tried: try {way} ones"
    return _loss(each)


def _sure(seeds: int) -> str:
    return f"95 % sure for all pairs at once, over {seeds} seeds"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
