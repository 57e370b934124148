"""Fourier transforms on samples: what all entries share lies at frequency 0.

By Parseval's theorem a transform of n entries multiplies the variance by n, an inverse
divides it by n. Transforms along several axes are made one after another.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from . import parts
from .call import Call
from .source import Source
from .value import Samples


_INVERSE = (lax.FftType.IFFT, lax.FftType.IRFFT)


def fft(call: Call) -> Samples:
    """`lax.fft`: along the last axes, of which the last is the one of real numbers."""
    back = call.params["fft_type"] in _INVERSE
    lengths = call.params["fft_lengths"]
    steps = list(enumerate(lengths, call.ndim - len(lengths)))
    made, is_real = call.operands[0], not _is_complex(call.outputs[0])
    for axis, n in steps if back else reversed(steps):
        last = is_real and axis == call.ndim - 1
        turn = _Turn(axis, n, call.after[axis], 1 / n if back else 1.0, not last)
        made = turn.of(made, call.source)
    return made


def _is_complex(kind: Any) -> bool:
    return jnp.issubdtype(kind.dtype, jnp.complexfloating)


class _Turn(NamedTuple):
    """A transform of `n` entries along one axis into `results`, times `scale`."""

    axis: int
    n: int
    results: int
    scale: float
    is_complex: bool

    def of(self, x: Samples, source: Source) -> Samples:
        """What it makes of samples: of each part, of what has parts along others."""
        if x.parts is None:
            return self._spread(None, x, self.n, source)
        where = x.parts.where
        if x.parts.axis != self.axis:
            made = [self.of(value, source) for value in x.parts.values]
            return parts.joined(x.parts.axis, [*zip(made, where, strict=True)], source)
        if where[0].tolist() != [0]:
            return self._spread(None, x, self.n, source)
        first, *others = x.parts.values
        pieces = [*zip(others, where[1:], strict=True)]
        rest = parts.joined(self.axis, pieces, source)
        return self._spread(first, rest, self.n - 1, source)

    def _spread(
        self, first: Samples | None, rest: Samples, n: int, source: Source
    ) -> Samples:
        """The first entry goes everywhere; what all others share, to the first."""
        alike = rest.likeness(self.axis)
        apart = n * self.scale**2 * rest.variance * (1 - alike)
        mean, steady = (first.mean, first.variance) if first else (0.0, 0.0)
        mean, steady = self.scale * mean, self.scale**2 * steady
        common = n * self.scale
        likeness = [rest.likeness(k) for k in range(len(rest.axes))]
        likeness[self.axis] = steady / (steady + apart) if steady else 0.0
        made = lambda mean, variance: source.gaussian(
            mean, variance, likeness, self.is_complex, rest.doubt
        )
        everywhere = made(mean, steady + apart)
        if not (alike or rest.mean):
            return everywhere
        shared = common**2 * rest.variance * alike
        at_first = made(mean + common * rest.mean, steady + apart + shared)
        pieces = [(at_first, np.array([0])), (everywhere, np.arange(1, self.results))]
        return parts.joined(self.axis, pieces, source)
