"""Data-dependent initialization: every unit's outputs with mean 0 and variance 1."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from .._core import Count, last, lasting, Positive, public, stream
from .._frameworks import given, with_batch
from .._reading import read_alike
from .._schemes import normal
from .fit import Fit
from .passes import Goal
from .records import LayerScales, UnitScale
from .start import draw_kernels


UnitStart = Literal["normal", "given"]


class UnitsScaled(NamedTuple):
    """Weights, and the record of what was done to the units of every layer."""

    params: Any
    record: LayerScales[UnitScale]


@public(concrete=True)
def weight_norm_init(
    model: Any,
    params: Any = None,
    key: Any = None,
    batch: Any = None,
    *,
    start: UnitStart = "normal",
    stddev: Positive = 0.05,
    tolerance: Positive = 0.1,
    max_passes: Count = 10,
    progress: Callable[[str], None] | None = None,
) -> UnitsScaled:
    """Weights and biases under which every unit has mean 0 and variance 1 on a batch.

        w = g v / ‖v‖,   t = v · x / ‖v‖,   g = 1 / std(t),   b = −mean(t) / std(t)

    from v ~ N(0, 0.05²), layer by layer in the order of computation, in one pass and
    one that checks; more where a parameter has several uses. Where a layer is
    weight-normalized, its gain g is set; in any other layer the kernel itself, to the
    same w. It does once, at the start, what batch normalization does in every step.
    Units without a bias of their own keep their mean.

    Args:
        model: A model of any framework, or a function of `(params, batch)`. Its state,
            such as statistics and random streams, is carried along.
        params: The weights, a tree of arrays; left out where the model holds them. Only
            kernels (or gains) and biases change.
        key: The key of the normal start; left out where there is none.
        batch: The input, an array or a tuple or dict of arrays; the paper takes 100 to
            500 rows. Of a list or any other iterable of such, each pass takes the next.
        start: "normal", or "given" to keep the directions of the weights.
        stddev: The standard deviation of the normal start: it sets only ‖v‖ of
            weight-normalized layers, which is the scale of their learning rate.
        tolerance: How far a unit's variance may be from 1 after the last pass.
        max_passes: The most passes over the batch.
        progress: Called with a line of text before each pass.

    Returns:
        `(params, record)`: weights of the structure, shapes and dtypes given, or the
        module that holds them, and what was done per layer. After a Ctrl-C, with a
        warning, what the last whole pass left; before the first is done, it is raised.

    Raises:
        TypeError: When `params` or `batch` hold something other than arrays.
        ValueError: When no layer is found, a unit has fewer than two values on the
            batch or does not vary, or a value is not finite; the message names the
            layer.

    Example:
        >>> import flax.linen as nn, jax, jinit
        >>> model = nn.Sequential([nn.Dense(64), nn.relu, nn.Dense(10)])
        >>> x = 5 + jax.random.normal(jax.random.key(0), (256, 32))
        >>> params = model.init(jax.random.key(1), x)
        >>> params, _ = jinit.weight_norm_init(model, params, jax.random.key(2), x)
        >>> z = model.apply(params, x)
        >>> bool(abs(z.mean(0)).max() < 1e-4), bool(abs(z.std(0) - 1).max() < 1e-4)
        (True, True)

    References:
        Salimans, Kingma. Weight normalization: a simple reparameterization to
        accelerate training of deep neural networks. NeurIPS 2016. Section 3.
        https://arxiv.org/abs/1602.07868
    """
    where = "jinit.weight_norm_init"
    has = given(where, model, params, key, batch)
    first, batches = stream(where, has.batch)
    subject = with_batch(where, model, has.params, has.key, first)
    read, weights = read_alike(where, subject), subject.weights
    if start == "normal":
        weights = draw_kernels(where, read, weights, has.key, normal(stddev=stddev))
    fit = Fit(where, subject, read, Goal("unit", std=1.0, mean=0.0))
    passes = fit.run(
        weights,
        lasting(batches),
        tolerance=tolerance,
        max_passes=max_passes,
        progress=progress,
    )
    weights, record = last(where, passes)
    return UnitsScaled(subject.finish(weights, None), record)
