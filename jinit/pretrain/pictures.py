"""What the units of a first layer look for, as images."""

import math
from typing import Any

import numpy as np

from .._core import blank, Count, File, held, public, Reals, Shape


_WHERE = "jinit.pretrain.plot_filters"


@public("jinit.pretrain", concrete=True)
def plot_filters(
    weights: Any,
    path: File | None = None,
    *,
    shape: Shape | None = None,
    count: Count = 64,
) -> Any:
    """Draws the weights of the first units, each as an image.

    Args:
        weights: `(pixels, units)`, or what was pre-trained: a first layer.
        path: Where to save the figure, if anywhere.
        shape: Height and width of an image; by default a square.
        count: How many units to show.

    Returns:
        The matplotlib figure. Blue is below 0, red above, on a scale per unit.

    Example:
        >>> import numpy as np, jinit.pretrain
        >>> weights = np.random.default_rng(0).normal(size=(784, 100))
        >>> figure = jinit.pretrain.plot_filters(weights, count=16)
    """
    weights = getattr(weights, "weights", weights)
    weights = np.asarray(held(_WHERE, "weights", Reals, weights))
    if weights.ndim != 2 or not weights.size:
        raise ValueError(
            f"`{_WHERE}` needs weights of shape `(pixels, units)`. Got {weights.shape}."
        )
    if shape is None:
        shape = math.isqrt(len(weights)), math.isqrt(len(weights))
    if len(shape) != 2 or math.prod(shape) != len(weights):
        raise ValueError(
            f"`{_WHERE}` needs the `shape` of an image of "
            f"{len(weights)} pixels. Got {shape}."
        )
    units = weights.T[:count]
    columns = math.ceil(math.sqrt(len(units)))
    rows = math.ceil(len(units) / columns)
    figure = blank(columns * 0.6, rows * 0.6, dpi=150, layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, unit in zip(figure.axes, units, strict=False):
        most = np.abs(unit).max() or 1.0
        axes.imshow(unit.reshape(shape), cmap="RdBu_r", vmin=-most, vmax=most)
    if path is not None:
        figure.savefig(path)
    return figure
