"""Kernels of a given variance, by the law asked for."""

import math
from typing import Any, Literal

from ..._core import Initializer
from ..._reading import Row
from ..._schemes import (
    block_orthogonal,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    looks_linear,
    orthogonal,
    Sides,
)
from .chains import odd_slope, plain_axes


Law = Literal["truncated_normal", "normal", "uniform", "orthogonal"]
Direction = Literal["forward", "backward", "both"]
_MODES = {"backward": "fan_out", "both": "fan_avg"}


def of_variance(row: Row, square: float, law: Law, direction: Direction) -> Initializer:
    """Weights of variance `square` / fan, with the fan of that direction."""
    fans = float(row.fan_in or 1), float(row.fan_out or 1)
    if law == "orthogonal" and row.in_axes and row.out_axes:
        fan = {"forward": fans[0], "backward": fans[1], "both": sum(fans) / 2}
        # Entries of an orthogonal matrix have the variance 1 / max(rows, columns).
        sizes = (math.prod(row.shape[k] for k in axes) for axes in _matrix(row))
        return orthogonal_of(row, math.sqrt(square / fan[direction] * max(sizes)))
    uniform = law == "uniform"
    he, lecun = (he_uniform, lecun_uniform) if uniform else (he_normal, lecun_normal)
    settings: dict[str, Any] = {}
    if law == "normal":
        settings["distribution"] = "normal"
    if direction != "forward":
        settings["mode"] = _MODES[direction]
    if len(row.shape) < 2 or lecun.fans(row.shape) != fans:
        settings["fans"] = tuple(int(n) if n.is_integer() else n for n in fans)
    if math.isclose(square, 2):
        return he(**settings)
    if not math.isclose(square, 1):
        settings["gain"] = square**0.5
    return lecun(**settings)


def by_shape(shape: tuple[int, ...]) -> Initializer:
    """The law of a kernel of which no more is known: (*window, in, out).

    Of three axes the first counts copies, such as experts.
    """
    return lecun_normal(batch_axis=0) if len(shape) == 3 else lecun_normal


def orthogonal_of(row: Row, gain: float = 1.0) -> Initializer:
    """A semi-orthogonal matrix from all inputs to all outputs, one in each copy."""
    rows, columns = _matrix(row)
    settings: dict[str, Any] = {} if math.isclose(gain, 1) else {"gain": gain}
    if (rows, columns) != ((0,), (1,)):
        settings |= {"in_axis": rows, "out_axis": columns}
    if row.stack_axes:
        settings["batch_axis"] = row.stack_axes
    return orthogonal(**settings)


def _matrix(row: Row) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of rows and columns."""
    return (*(row.window_axes or ()), *(row.in_axes or ())), row.out_axes or ()


def in_pairs(row: Row, sides: Sides, signal: float, target: float) -> Initializer:
    """Mirrored weights, from `signal`, a second moment, or from pairs, to `target`."""
    # What feeds a mirrored input is c z, of one half of the units.
    axes = plain_axes(row)
    assert axes is not None  # chains join only such kernels
    in_axis, out_axis = axes
    slope, terms = (signal**0.5, 1) if sides == "out" else (odd_slope(row) or 1.0, 2)
    halves = [
        row.shape[axis] // (2 if sides in {"both", side} else 1)
        for axis, side in ((in_axis, "in"), (out_axis, "out"))
    ]
    taps = math.prod(row.shape[axis] for axis in row.window_axes or ())
    size = max(taps * halves[0], halves[1])
    gain = math.sqrt(target * terms * size / float(row.fan_in or 1)) / slope
    settings: dict[str, Any] = {} if math.isclose(gain, 1) else {"gain": gain}
    ndim = len(row.shape)
    if (in_axis, out_axis) != (ndim - 2, ndim - 1):
        settings |= {"in_axis": in_axis, "out_axis": out_axis}
    if sides != "both":
        settings["sides"] = sides
    return looks_linear(**settings)


def per_gate(row: Row) -> Initializer | None:
    """An orthogonal matrix for each gate, if the kernel is (units, gates · units)."""
    if len(row.shape) != 2 or not (row.in_axes and row.out_axes):
        return None
    (inputs,), (outputs,) = row.in_axes, row.out_axes
    gates, rest = divmod(row.shape[outputs], row.shape[inputs])
    if rest or not gates:
        return None
    if gates == 1:
        return orthogonal
    return block_orthogonal(gates=gates, gate_axis=outputs)
