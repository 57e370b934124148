"""The table of a parametrization: a line per parameter."""

from collections.abc import Iterable, Iterator

from ..._core import digits, sizes
from .parametrizations import PARAMETRIZATIONS
from .width import Width


_START = ("parameter", "shape", "class", "n_in", "n_out", "std", "forward", "Adam")


def head(found: Iterable[Width], rule: str) -> tuple[str, ...]:
    """The names of the columns; those that say nothing of any parameter are out."""
    epsilon = ("epsilon",) * _has_epsilon(found)
    return (*_START, *epsilon, "decay", *("SGD",) * _has_sgd(rule), "note")


def rows(found: Iterable[Width], rule: str) -> Iterator[tuple[str, ...]]:
    """The line of each parameter under `head`."""
    has_epsilon, has_sgd = _has_epsilon(found), _has_sgd(rule)
    for width in found:
        scale = width.scaling
        numbers = [width.n_in, width.n_out, scale.std, scale.multiplier, scale.adam]
        numbers += [scale.epsilon] * has_epsilon
        numbers += [scale.shrink / scale.adam] + [scale.sgd] * has_sgd
        told = (digits(x, 4) for x in numbers)
        yield width.path, _change(width), width.kind, *told, width.note


def _change(width: Width) -> str:
    before, after = (sizes(shape) or "scalar" for shape in (width.base, width.shape))
    return before if before == after else f"{before} → {after}"


def _has_sgd(rule: str) -> bool:
    return "sgd" in PARAMETRIZATIONS[rule].optimizers


def _has_epsilon(found: Iterable[Width]) -> bool:
    return any(width.scaling.epsilon != 1 for width in found)
