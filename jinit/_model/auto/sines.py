"""Kernels beside sines of a high frequency, as in networks of coordinates."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from ..._core import digits, Initializer
from ..._graph import Activation
from ..._reading import Row, Trace
from ...implicit import siren
from .laws import Law, of_variance


_GRID = np.linspace(-0.5, 0.5, 41, dtype=np.float32)


class Sine(NamedTuple):
    """A sine of w₀ z beside a kernel: before it or after it, which may be the first."""

    w0: float
    where: str
    first: bool = False


def sines(trace: Trace) -> Mapping[str, Sine]:
    """The kernels whose layer a sine of w₀ z follows or comes before, w₀ not 1.

    Args:
        trace: The model.

    Returns:
        By path, the sine: of two, that which follows.
    """
    rows = {row.path: row for row in trace if row.is_kernel}
    read = {path: w0 for path, row in rows.items() if (w0 := _frequency(row))}
    found = {path: Sine(w0, "before") for path, w0 in read.items()}
    for path, w0 in read.items():
        before = rows.get(rows[path].follows or "")
        if before is not None:
            found[before.path] = Sine(w0, "after", before.depth == 1)
    return found


def of_sine(row: Row, sine: Sine, law: Law) -> tuple[Initializer, str]:
    """SIREN's bounds, or weights of the same variance by another law, and why.

    Those of the first layer set the frequencies, which go up to w₀; those of the others
    leave the sine's argument at a variance of about 1, whatever w₀ is.
    """
    reason = f"sin({digits(sine.w0)} z) {sine.where} it"
    square = 1 / (3 * (row.fan_in or 1)) if sine.first else 2 / sine.w0**2
    init = siren.configure(first=sine.first, w0=sine.w0)
    if not _has_fans(init, row):
        axes = row.in_axes, row.out_axes, row.stack_axes
        names = ("in_axis", "out_axis", "batch_axis")
        init = init.configure(**dict(zip(names, axes, strict=True)))
    if law not in {"truncated_normal", "uniform"} or not _has_fans(init, row):
        init = of_variance(row, square, law, "forward")
    return init, reason


def _has_fans(init: Initializer, row: Row) -> bool:
    return len(row.shape) > 1 and init.fans(row.shape)[0] == row.fan_in


def _frequency(row: Row) -> float | None:
    """The w₀ if a kernel reads sin(w₀ z); None for another function, and for 1.

    Near 0 alone, so that sin(w₀ (|z| + 1) z) is one (FINER); it must stay within ±1.
    """
    phi = row.activation
    if row.activation_name != "other" or not isinstance(phi, Activation):
        return None
    if len(phi.sources) > 1 or all(op.name != "sin" for op in phi.ops):
        return None
    _, slope = jax.jvp(phi, (np.float32(0),), (np.float32(1),))
    w0 = abs(float(slope))
    if not 0 < w0 < np.inf:
        return None
    near, far = (np.asarray(phi(grid / w0)) for grid in (_GRID, 40 * _GRID))
    is_sine = np.allclose(near * np.sign(slope), np.sin(_GRID), rtol=0.05, atol=1e-3)
    return w0 if is_sine and np.abs(far).max() <= 1 + phi.precision else None
