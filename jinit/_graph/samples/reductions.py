"""Rules of what makes one number of many: sums, maxima, windows, cumulations."""

import math
from collections.abc import Sequence

import numpy as np

from . import choices, products, sums
from .call import Call
from .source import Source
from .value import Along, EQUAL, LEAST, LITTLE, new_axis, Samples, unrepeated


def reduced(call: Call) -> tuple[Samples, tuple[int, ...], float, Source]:
    axes = tuple(call.params["axes"])
    count = math.prod(call.before[k] for k in axes)
    return call.operands[0], axes, count, call.source


def reduce_sum(call: Call) -> Samples:
    """Over the axes first along which entries are most alike: a sum of sums."""
    made, left = call.operands[0], list(range(len(call.before)))
    for axes in _stages(made, call.params["axes"]):
        count = math.prod(call.before[k] for k in axes)
        made = sums.sum_over(made, [left.index(k) for k in axes], count, call.source)
        left = [k for k in left if k not in axes]
    return made


def _stages(x: Samples, axes: Sequence[int]) -> list[list[int]]:
    """Axes in groups along which entries are about as much alike, most first."""
    stages: list[list[int]] = []
    for k in sorted(axes, key=lambda k: -x.likeness(k)):
        if stages and x.likeness(stages[-1][0]) - x.likeness(k) < LITTLE:
            stages[-1].append(int(k))
        else:
            stages.append([int(k)])
    return stages


def reduce_max(call: Call) -> Samples:
    return choices.largest(*reduced(call))


def reduce_min(call: Call) -> Samples:
    x, axes, count, source = reduced(call)
    return negative(choices.largest(negative(x), axes, count, source))


def negative(x: Samples) -> Samples:
    array = x.array
    if array is not None:
        array = np.broadcast_to(-unrepeated(array), array.shape)
    return Samples(-x.rows, x.axes, x.sources, array, x.doubt)


def reduce_prod(call: Call) -> Samples:
    """Of independent entries: E y = (E x)ⁿ, E y² = (E x²)ⁿ."""
    x, axes, count, source = reduced(call)
    if all(x.axes[k] is EQUAL for k in axes) and count == 1:
        return x.picked([k for k in range(len(x.axes)) if k not in axes])
    mean, second = x.mean**count, x.second**count
    ndim = call.ndim
    made = source.gaussian(mean, max(second - mean**2, 0.0), [0.0] * ndim)
    return made.doubted(x.doubt, "a product along an axis")


def reduce_logical(call: Call) -> Samples:
    x, _, count, source = reduced(call)
    share = x.entries.astype(float).mean()
    every = share**count if call.name == "reduce_and" else 1 - (1 - share) ** count
    draw = lambda: source.uniform() < every
    return source.free(draw, call.ndim).doubted(x.doubt)


def windowed(call: Call) -> tuple[Samples, tuple[int, ...], float]:
    """The operand, with the places in a window as axes of its own; how many."""
    x, params = call.operands[0], call.params
    window = [int(n) for n in params["window_dimensions"]]
    wide = [k for k, n in enumerate(window) if n > 1]
    ndim = len(window)
    axes = [
        *(a if a is EQUAL else new_axis(a.along, a) for a in x.axes),
        *(x.axes[k] if x.axes[k] is EQUAL else new_axis(x.axes[k].along) for k in wide),
    ]
    own = x.picked([*range(ndim), *wide], axes)
    dilations = params.get("base_dilation") or (1,) * ndim
    apart = params.get("window_dilation") or (1,) * ndim
    settings = {
        "padding": params["padding"], "lhs_dilation": dilations,
        "rhs_dilation": apart, "window_strides": params["window_strides"],
    }  # fmt: skip
    taps = [
        products.taps(call.before[k], window[k], call.after[k], k, settings)
        for k in wide
    ]
    return own, tuple(range(ndim, ndim + len(wide))), math.prod(taps)


def reduce_window_sum(call: Call) -> Samples:
    return sums.sum_over(*windowed(call), call.source)


def reduce_window_max(call: Call) -> Samples:
    return choices.largest(*windowed(call), call.source)


def reduce_window_min(call: Call) -> Samples:
    x, axes, count = windowed(call)
    return negative(choices.largest(negative(x), axes, count, call.source))


def cumsum(call: Call) -> Samples:
    """At place t of n, the sum of t entries."""
    x, axis = call.operands[0], call.params["axis"]
    n = call.before[axis]
    if x.axes[axis] is EQUAL and x.is_number:
        steps = np.floor(call.source.uniform() * n) + 1
        rows = x.rows * steps
        axes = tuple(
            new_axis(Along.SHARED) if k == axis else a for k, a in enumerate(x.axes)
        )
        return Samples(rows, axes, x.sources | {call.source.fresh()}, doubt=x.doubt)
    v, together = x.variance, x.overlap(axis) - x.mean**2
    draw = lambda: np.floor(call.source.uniform() * n) + 1
    spread = lambda t: np.maximum(t * v + t * (t - 1) * together, 0.0) ** 0.5
    here, first, rows = draw(), call.source.normal(), []
    for k in (None, *range(call.ndim)):
        there, r = here, 1.0 if k is None else x.likeness(k)
        if k == axis:  # two sums share what the shorter has
            there = draw()
            less, more = np.minimum(here, there), np.maximum(here, there)
            both = less * v + less * (more - 1) * together
            r = np.clip(both / np.maximum(spread(here) * spread(there), LEAST), -1, 1)
        entries = r * first + (1 - r**2) ** 0.5 * call.source.normal()
        rows.append(x.mean * there + spread(there) * entries)
    axes = tuple(
        new_axis(Along.SHARED) if k == axis else a.of_uneven()
        for k, a in enumerate(x.axes)
    )
    sources = x.sources | {call.source.fresh()}
    made = Samples(np.stack(rows), axes, sources, doubt=x.doubt)
    mixed = x.axes[axis].along is Along.SHARED
    return made.doubted("a running sum of what is alike" if mixed else "")


def cummax(call: Call) -> Samples:
    x, axis = call.operands[0], call.params["axis"]
    top = choices.largest(x, (axis,), (call.before[axis] + 1) / 2, call.source)
    order = [None if k == axis else k - (k > axis) for k in range(call.ndim)]
    return top.picked(order)
