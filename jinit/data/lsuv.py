"""Layer-sequential unit variance: layer by layer, scaled to outputs of variance 1."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from .._core import Count, last, lasting, Positive, public, stream
from .._frameworks import given, with_batch
from .._reading import read_alike
from .fit import Fit
from .passes import Goal
from .records import LayerScale, LayerScales
from .start import draw_kernels


Start = Literal["orthogonal", "given"]


class Scaled(NamedTuple):
    """What `jinit.lsuv` returns: the weights and the record."""

    params: Any
    record: LayerScales[LayerScale]


@public(concrete=True)
def lsuv(
    model: Any,
    params: Any = None,
    key: Any = None,
    batch: Any = None,
    *,
    start: Start = "orthogonal",
    target: Positive = 1.0,
    tolerance: Positive = 0.1,
    max_passes: Count = 10,
    center: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Scaled:
    """Weights under which every layer's output has variance 1 on a batch.

        W ← W / std(W x),    layer by layer in the order of computation

    from orthonormal matrices. A layer's output is linear in its kernel, so all layers
    are scaled in one pass over the computation, each by what it sees after those
    before it were scaled; a second pass checks. A kernel used more than once, or one
    that is made of several parameters, takes further passes. Layers stacked for a
    `scan` get a scale each. It reads the model's computation: no hooks, any framework.

    Args:
        model: A model of any framework, or a function of `(params, batch)`. Its state,
            such as statistics and random streams, is carried along.
        params: The weights, a tree of arrays; left out where the model holds them. Only
            kernels change (of a kernel that is
            divided by its own norm, the gain instead; a tied embedding is one), with
            `center` biases too.
        key: The key of the orthonormal start; left out where there is none.
        batch: The input, an array or a tuple or dict of arrays, large enough for a
            variance. Of a list or any other iterable of such, each pass takes the next.
        start: "orthogonal", or "given" to scale the weights as they are.
        target: The standard deviation to reach, without the bias's part.
        tolerance: How far the variance may be from its target, relative to it.
        max_passes: The most passes over the batch.
        center: Whether biases are set so that every unit has mean 0 on the batch.
        progress: Called with a line of text before each pass.

    Returns:
        `(params, record)`: weights of the structure, shapes and dtypes given, or the
        module that holds them, and what was done per layer. After a Ctrl-C, with a
        warning, what the last whole pass left; before the first is done, it is raised.

    Raises:
        TypeError: When `params` or `batch` hold something other than arrays.
        ValueError: When no layer is found, a value is not finite (the message names
            the first operation that made it), a layer's output does not vary, or a
            setting is out of range.

    Example:
        >>> import flax.linen as nn, jax, jinit
        >>> model = nn.Sequential([nn.Dense(64), nn.tanh, nn.Dense(64), nn.tanh])
        >>> x = 3 * jax.random.normal(jax.random.key(0), (128, 32))
        >>> params = model.init(jax.random.key(1), x)
        >>> params, record = jinit.lsuv(model, params, jax.random.key(2), x)
        >>> print([round(each.after, 3) for each in record])
        [1.0, 1.0]

    References:
        Mishkin, Matas. All you need is a good init. ICLR 2016. Algorithm 1.
        https://arxiv.org/abs/1511.06422
    """
    where = "jinit.lsuv"
    has = given(where, model, params, key, batch)
    first, batches = stream(where, has.batch)
    subject = with_batch(where, model, has.params, has.key, first)
    read, weights = read_alike(where, subject), subject.weights
    if start == "orthogonal":
        weights = draw_kernels(where, read, weights, has.key)
    fit = Fit(where, subject, read, Goal("layer", target, 0.0 if center else None))
    passes = fit.run(
        weights,
        lasting(batches),
        tolerance=tolerance,
        max_passes=max_passes,
        progress=progress,
    )
    weights, record = last(where, passes)
    return Scaled(subject.finish(weights, None), record)
