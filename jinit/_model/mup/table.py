"""The table of a parametrization: a line per parameter."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..._core import digits, sizes
from .parametrizations import PARAMETRIZATIONS
from .width import Width


Column = tuple[str, Callable[[Width], Any]]


def cells(found: Sequence[Width], rule: str) -> Iterator[tuple[str, ...]]:
    """The names of the columns, then the line of each parameter."""
    columns = [*_columns(found, rule)]
    yield tuple(name for name, _ in columns)
    for width in found:
        values = (tell(width) for _, tell in columns)
        yield tuple(x if isinstance(x, str) else digits(x, 4) for x in values)


def _columns(found: Iterable[Width], rule: str) -> Iterator[Column]:
    """The columns, without those that would say nothing of any parameter."""
    yield "parameter", lambda width: width.path
    yield "shape", _change
    yield "class", lambda width: width.kind
    yield "n_in", lambda width: width.n_in
    yield "n_out", lambda width: width.n_out
    yield "std", lambda width: width.scaling.std
    yield "forward", lambda width: width.scaling.multiplier
    yield "Adam", lambda width: width.scaling.adam
    if any(width.scaling.epsilon != 1 for width in found):
        yield "epsilon", lambda width: width.scaling.epsilon
    yield "decay", lambda width: width.scaling.shrink / width.scaling.adam
    if "sgd" in PARAMETRIZATIONS[rule].optimizers:
        yield "SGD", lambda width: width.scaling.sgd
    if any(width.note for width in found):
        yield "note", lambda width: width.note


def _change(width: Width) -> str:
    before, after = (sizes(shape) or "scalar" for shape in (width.base, width.shape))
    return before if before == after else f"{before} → {after}"
