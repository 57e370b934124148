"""Every unit the same, and every layer equally fast to learn."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax

from .._core import check_key, drawn, Finite, first_of, last, public, Whole
from .._frameworks import given, with_batch
from .._reading import read_alike
from .._schemes import normal
from .balance import balance
from .directions import clusters, principal
from .fit import Fit
from .passes import Goal
from .records import LayerScale, LayerScales, UnitScale
from .start import draw_kernels


Directions = Literal["normal", "pca", "kmeans", "given"]
_CHOOSE = {"pca": principal, "kmeans": clusters}


@dataclasses.dataclass(frozen=True)
class WithinLayer:
    """What `jinit.within_layer` did; prints as tables.

    Attributes:
        units: Of every layer, the standard deviations of its units.
        rates: Of every kernel, its relative rate of change; empty where a Ctrl-C came
            before the balancing.
    """

    units: LayerScales[UnitScale]
    rates: LayerScales[LayerScale]

    def __str__(self) -> str:
        return f"{self.units}\n\n{self.rates}"

    def plot(self, path: str | None = None) -> Any:
        """Draws both, layer by layer.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return drawn([self.units.draw, self.rates.draw], path)


class Balanced(NamedTuple):
    """What `jinit.within_layer` returns: the weights and the record."""

    params: Any
    record: WithinLayer


@public(concrete=True)
def within_layer(
    model: Any,
    params: Any = None,
    key: Any = None,
    batch: Any = None,
    *,
    directions: Directions = "normal",
    mean: Finite = 0.0,
    rounds: Whole = 10,
    progress: Callable[[str], None] | None = None,
) -> Balanced:
    """Weights under which all units are alike, and all layers learn equally fast.

    Within each layer, unit by unit, in the order of computation,

        w ← w / std(w · x),   b = mean − mean(w · x) / std(w · x)

    and then between layers, with G the gradient of the outputs in a random direction,

        rate_l = rms(G_l) / rms(W_l),   W_l ← W_l √(rate_l / the geometric mean of all)

    until no layer changes faster than another relative to its size. Where a network
    that was pre-trained is to be matched without labels, take "kmeans" or "pca".

    Args:
        model: A model of any framework, or a function of `(params, batch)`. Its state,
            such as statistics and random streams, is carried along.
        params: The weights, a tree of arrays; left out where the model holds them. Only
            kernels (of a normalized kernel, the gain) and biases change.
        key: A PRNG key, for kernels and for the random direction.
        batch: The input, an array or a tuple or dict of arrays. Of a list or any other
            iterable of such, the first is fitted.
        directions: The kernels before they are scaled: "normal" draws N(0, 1); "pca"
            takes the whitened principal axes of what the layer reads; "kmeans" the
            centers of spherical k-means on it, whitened; "given" keeps the kernels.
            Grouped, shared and composed kernels are drawn, with "pca" too. Both need
            all that a layer reads in memory: a convolution's patches.
        mean: What biases make the mean of every unit, in standard deviations. The paper
            takes 0; its code 0.1, against dead units.
        rounds: How often layers are balanced against each other; 0 for not at all.
        progress: Called with a line of text before each pass.

    Returns:
        `(params, record)`: weights of the structure, shapes and dtypes given, or the
        module that holds them, and what was done per layer: `record.units` within and
        `record.rates` between them. After a Ctrl-C, with a warning, what the last whole
        pass or round left; before the first is done, it is raised.

    Raises:
        TypeError: When `params` or `batch` hold something other than arrays.
        ValueError: When no layer is found, a unit has fewer than two values on the
            batch or does not vary, or a value is not finite; the message names the
            layer.

    Example:
        >>> import flax.linen as nn, jax, jinit
        >>> model = nn.Sequential([nn.Dense(64), nn.relu, nn.Dense(64), nn.relu])
        >>> x = jax.random.normal(jax.random.key(0), (256, 32))
        >>> params = model.init(jax.random.key(1), x)
        >>> _, record = jinit.within_layer(model, params, jax.random.key(2), x)
        >>> rates = [each.after for each in record.rates]
        >>> max(rates) / min(rates) < 1.02
        True

    References:
        Krähenbühl, Doersch, Donahue, Darrell. Data-dependent initializations of
        convolutional neural networks. ICLR 2016. Algorithms 1 and 2.
        https://arxiv.org/abs/1511.06856
    """
    where = "jinit.within_layer"
    has = given(where, model, params, key, batch)
    first = first_of(where, has.batch)
    subject = with_batch(where, model, has.params, has.key, first)
    draw, choice, cotangent = jax.random.split(check_key(where, has.key), 3)
    read, weights = read_alike(where, subject), subject.weights
    if directions != "given":
        weights = draw_kernels(where, read, weights, draw, normal(stddev=1.0))
    goal = Goal("unit", std=1.0, mean=mean)
    fit = Fit(where, subject, read, goal, _CHOOSE.get(directions))

    def states() -> Iterator[tuple[Any, WithinLayer]]:
        fitted, units = weights, LayerScales[UnitScale](())
        passes = fit.run(fitted, itertools.repeat(first), key=choice, progress=progress)
        for fitted, units in passes:
            yield fitted, WithinLayer(units, LayerScales((), "rate"))
        for balanced, rates in balance(fit, fitted, cotangent, rounds):
            yield balanced, WithinLayer(units, rates)

    weights, record = last(where, states())
    return Balanced(subject.finish(weights, None), record)
