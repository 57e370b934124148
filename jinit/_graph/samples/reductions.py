"""Rules of what makes one number of many: sums, maxima, windows, cumulations."""

import math
from collections.abc import Sequence

import numpy as np

from . import choices, products, sums
from .call import Call
from .source import Source
from .value import EQUAL, LEAST, LITTLE, new_axis, Samples, unrepeated


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
    """At place t of n, an entry and the sum of the t − 1 before it.

    The places are those of arrays that are known, such as the t that it is divided by.
    """
    x, axis, source = call.operands[0], call.params["axis"], call.source
    n, last = call.before[axis], call.params.get("reverse", False)
    places = source.places(call.ndim - axis, n)
    before = lambda at: (n - 1 - at if last else at).astype(float)
    here, first, rows = before(places.here), source.normal(), []
    mean, v, together = x.mean, x.variance, x.overlap(axis) - x.mean**2
    alike = together / max(v, LEAST)
    told = together * alike  # of each pair of others, by the entry itself
    spread = lambda t: (t * v + t * (t - 1) * together - t**2 * told).clip(0) ** 0.5
    rounded, part = _is_count(x), source.uniform()
    is_fixed = abs(alike * (n - 1) + 1) < LITTLE  # as one of all classes is 1
    most = max(round(n * mean), 1) if is_fixed else n
    for k in (None, *range(call.ndim)):
        there, r = here, 1.0 if k is None else x.likeness(k)
        if k == axis:  # two sums share what the shorter has
            there = before(places.there)
            less, more = np.minimum(here, there), np.maximum(here, there)
            both = less * v + less * (more - 1) * together - less * more * told
            r = np.clip(both / np.maximum(spread(here) * spread(there), LEAST), -1, 1)
        own = x.rows[0 if k is None else 1 + k]
        noise = r * first + (1 - r**2) ** 0.5 * source.normal()
        others = (mean + alike * (own - mean)) * there
        add = _counted if rounded else lambda m, s, z, _: m + s * z
        total = own + add(others, spread(there), noise, part)
        rows.append(np.minimum(total, most) if rounded else total)
    runs = [a for a in (places.axis, x.axes[axis]) if a is not EQUAL]
    axes = tuple(
        places.axis.beside(runs) if k == axis else a.of_uneven()
        for k, a in enumerate(x.axes)
    )
    of_places = -places.axis.number
    sources = x.sources | {of_places, source.fresh()}
    made = Samples(np.stack(rows), axes, sources, doubt=x.doubt)
    uneven = of_places in x.sources
    return made.doubted("a running sum of what differs by place" if uneven else "")


def _is_count(x: Samples) -> bool:
    return x.rows.dtype.kind in "bif" and bool(np.isin(x.rows, (0, 1)).all())


def _counted(
    mean: np.ndarray, spread: np.ndarray, noise: np.ndarray, part: np.ndarray
) -> np.ndarray:
    """Whole numbers: as many times more than a mean as its fraction says, or so."""
    fraction = mean % 1
    rest = np.sqrt((spread**2 - fraction * (1 - fraction)).clip(0))
    return np.floor(mean + rest * noise + part).clip(0)


def cummax(call: Call) -> Samples:
    x, axis = call.operands[0], call.params["axis"]
    top = choices.largest(x, (axis,), (call.before[axis] + 1) / 2, call.source)
    order = [None if k == axis else k - (k > axis) for k in range(call.ndim)]
    return top.picked(order)
