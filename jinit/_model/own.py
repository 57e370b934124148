"""What its author started on purpose stays: which weights are the model's own."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping

import jax.numpy as jnp
import numpy as np

from .._core import Initializer
from .._reading import KERNELS, Own, Row, Trace
from .._schemes import constant, ones, zeros
from .plan import Choice


# What jinit decides about, where the model draws it at random.
DECIDED = KERNELS | {"embedding", "positional", "token"}

SMALL = 0.1  # of other kernels: a head that is smaller was meant to be


@dataclasses.dataclass(frozen=True)
class Owns:
    """What a model itself makes of its weights, as far as it may stay.

    Attributes:
        read: Gives it by path; called only where it is needed.
        asked: Whether all of it stays, as the user has asked for just these.
    """

    read: Callable[[], Mapping[str, Own]] = dict
    asked: bool = False

    @functools.cached_property
    def by_path(self) -> Mapping[str, Own]:
        """What the model makes of each weight, by path."""
        return self.read()

    def stays(self, row: Row, trace: Trace) -> Own | None:
        """The model's own of a parameter, if that stays.

        Kernels, embeddings, positions and tokens stay where the model makes them
        without chance; all else stays, but for biases drawn by default.
        """
        own = self.by_path.get(row.path)
        if own is None or self.asked:
            return own
        if own.given:
            is_given = row.role not in KERNELS | {"embedding"}
            return own if is_given and not self.was_random(row, trace) else None
        if row.role in DECIDED:
            if own.drawn and self.is_small(row, trace):
                return dataclasses.replace(own, is_small_head=True)
            return None if own.drawn else own
        return None if self.was_random(row, trace) else own

    def is_small(self, row: Row, trace: Trace) -> bool:
        """Whether it is a head that starts much smaller than other kernels do.

        So policies start: with actions that hardly depend on the state.
        """
        if row.role != "output head":
            return False
        gains = self._gains(trace)
        others = [gain for path, gain in gains.items() if path != row.path]
        own = gains.get(row.path, math.inf)
        return bool(others) and own < SMALL * float(np.median(others))

    def _gains(self, trace: Trace) -> Mapping[str, float]:
        """How large kernels are drawn, by path, as multiples of 1/√fan_in."""
        kernels = [row for row in trace if row.role in KERNELS and row.fan_in]
        drawn = [(row, self.by_path.get(row.path)) for row in kernels]
        return {
            row.path: own.factor * (1.0 if own.is_frame else (row.fan_in or 1.0) ** 0.5)
            for row, own in drawn if own and own.drawn and own.factor
        }  # fmt: skip

    def staying(self, trace: Trace) -> dict[str, Own]:
        """The model's own that stays, by path."""
        self._foresee(trace)
        found = {row.path: self.stays(row, trace) for row in trace}
        return {path: own for path, own in found.items() if own is not None}

    def was_random(self, row: Row, trace: Trace) -> bool:
        """Whether it is a bias as PyTorch and Equinox draw them: U(±1/√fan_in)."""
        own = self.by_path.get(row.path)
        if own is None or row.role != "bias" or own.number is not None or own.is_normal:
            return False
        if not (own.drawn or own.is_there):
            return False
        entries = own.sample()
        return entries is not None and any(
            _is_uniform(np.asarray(entries, float), 1 / math.sqrt(fan_in))
            for fan_in in _default_fans(row, trace)
        )

    def _foresee(self, trace: Trace) -> None:
        """Has all that may be looked at sampled at once."""
        may_stay = (
            own for row in trace
            if (own := self.by_path.get(row.path)) and own.has_sample
            and own.number is None and (row.role not in DECIDED or not own.drawn)
        )  # fmt: skip
        starts = [own for own in may_stay if own.start]
        if starts and starts[0].start:
            starts[0].start.likely = frozenset(own.index for own in starts)


NOTHING = Owns()


def _default_fans(bias: Row, trace: Trace) -> Iterator[float]:
    """What frameworks take for the fan_in: of its kernel or one beside it, as in cells.

    They do not count strides.
    """
    home = lambda row: row.path.rpartition("/")[0]
    for row in trace:
        if row.fan_in and (row.path == bias.kernel or home(row) == home(bias)):
            yield row.fan_in
            sizes = lambda axes, row=row: math.prod(row.shape[k] for k in axes or ())
            yield sizes(row.in_axes) * sizes(row.window_axes)


def _is_uniform(entries: np.ndarray, bound: float) -> bool:
    """Whether entries may be U(±bound): by the largest, E x = 0 and E x² = bound²/3."""
    x = entries / bound
    means = np.array([x.mean(), (x**2).mean() - 1 / 3])
    deviations = np.sqrt([1 / 3, 4 / 45]) / math.sqrt(x.size)
    largest = np.abs(x).max()
    return bool(0.02 < largest <= 1.001 and (abs(means) < 4 * deviations).all())


def kept(path: str, own: Own, row: Row | None = None) -> Choice:
    """The choice of the model's own, of a parameter whose row may not be known."""
    reason = f"the model's own: {own.text}"
    choice = Choice(path, own.shape, initializer(own), reason, own=own)
    if row is None:
        return choice
    reason += _purpose(own, row)
    return dataclasses.replace(choice, reason=reason, role=row.role, order=row.order)


def initializer(own: Own) -> Initializer | None:
    """The law that makes what is one number; None for what is not."""
    if own.number is None or not jnp.issubdtype(own.dtype, jnp.inexact):
        return None
    return {0.0: zeros, 1.0: ones}.get(own.number) or constant(own.number)


def _purpose(own: Own, row: Row) -> str:
    if own.is_small_head:
        return ", so that the outputs start near their bias"
    if own.number != 0 or not row.is_kernel:
        return ""
    if row.closes_residual:
        return ", so that its branch starts closed"
    if row.role == "output head":
        return ", so that the outputs start at their bias"
    return ", so that its layer starts at its bias"
