"""What one batch shows at every layer: one compiled pass, and statistics of it."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .._core import sampling, widened
from .._graph import Activation, Graph, Op, Value
from .._reading import Layer, measurable, Model, outer, varying


BINS = 100
REACH = 6.0  # standard deviations that a histogram covers
FLAT = 0.05  # of the largest slope in the batch: below it an activation is saturated

Tree = dict[str, Any]


@dataclasses.dataclass(eq=False)
class Watch:
    """What the statistics of a probe are of, compiled.

    Attributes:
        model: The model.
        loss: A function from the outputs to a scalar; without one, each output is
            weighted by an independent standard normal number.
        taps: The pre-activations whose gradients are measured. What JAX can not
            differentiate is left out when that is found.
    """

    model: Model
    loss: Callable[[Any], jax.Array] | None

    def __post_init__(self) -> None:
        made = [layer.output for layer in measured(self.model)]
        self.taps = tuple(i for i in made if _is_real(self.model.graph.types[i]))
        self._run = jax.jit(self._watch, static_argnums=0)

    def __call__(self, *arguments: Any) -> Any:
        """What `watch` gives for weights, what else the model reads, and a key."""
        weights, others, key = arguments
        arguments = jax.tree.leaves(weights), jax.tree.leaves(others), key
        try:
            return self._run(self.taps, *arguments)
        except Exception:
            left = self._differentiable(arguments)
            if left == self.taps:
                raise
            self.taps = left
            return self._run(self.taps, *arguments)

    def _watch(self, taps: tuple[Value, ...], *arguments: Any) -> Any:
        return watch(self.model, self.loss, taps, *arguments)

    def _differentiable(self, arguments: Any) -> tuple[Value, ...]:
        """The taps that JAX takes a gradient at; all of them if none is to blame."""
        runs = lambda *taps: _runs(functools.partial(self._watch, taps), arguments)
        return tuple(filter(runs, self.taps)) if runs() else self.taps


def _runs(function: Callable[..., Any], arguments: Any) -> bool:
    try:
        jax.eval_shape(function, *arguments)
    except Exception:  # whatever JAX says of what it can not differentiate
        return False
    return True


def watch(
    model: Model,
    loss: Callable[[Any], jax.Array] | None,
    taps: Sequence[Value],
    weights: Any,
    others: Any,
    key: jax.Array,
) -> tuple[Any, dict[Value, Any], dict[Value, Any], dict[Value, Any]]:
    """What the statistics of a probe are of, from one pass and its gradient at `taps`.

    `others` is what the model reads beside its weights: its state and the inputs.

    Returns:
        The outputs; the values at layers; the gradients of what layers make; and the
        slopes of their activations.
    """
    scalar = lambda outputs: _scalar(loss, outputs, key)
    layers = measured(model)
    wanted = {i for layer in layers for i in _wanted(model, layer)}
    outputs, values, gradients = model.tap(weights, others, scalar, wanted, taps)
    found = {
        layer.output: _slope(model, layer, layer.activation, values)
        for layer in layers
        if layer.activation and layer.activation.ops
    }
    slopes = {value: slope for value, slope in found.items() if slope is not None}
    return _floating(outputs), values, gradients, slopes


def measure(
    model: Model, watched: Callable[..., Any], weights: Any, others: Any, key: jax.Array
) -> Tree:
    """Every statistic of a probe, as a tree of arrays.

    `watched` is the `Watch` of this model. Statistics are compiled apart: layers
    of one shape share a program, in all models.
    """
    outputs, *seen = watched(weights, others, key)
    return {
        "weights": _are_finite(weights),
        "others": _are_finite(others),
        "layers": [_layer(model, layer, *seen) for layer in measured(model)],
        "outputs": _are_finite(outputs),
    }


def measured(model: Model) -> list[Layer]:
    """The layers that can be seen."""
    return [layer for layer in model.layers if measurable(model.graph, layer)]


def _wanted(model: Model, layer: Layer) -> list[Value]:
    found = layer.activation
    return [
        layer.signal,
        layer.output,
        outer(model.graph, layer.kernel.value),
        *([] if layer.bias is None else [layer.bias]),
        *([found.sources[0], found.result] if found else []),
    ]


def _layer(
    model: Model,
    layer: Layer,
    values: dict[Value, Any],
    gradients: dict[Value, Any],
    slopes: dict[Value, Any],
) -> Tree:
    # Iterations that change the kernel are layers of their own. Those that share it are
    # more examples of one.
    graph, found = model.graph, layer.activation
    loops = varying(graph, layer.kernel.value)
    around = graph.loops.get(layer.output, ())
    seen = {
        "signal": values[layer.signal],
        "z": values[layer.output],
        "bias": values[layer.bias] if layer.bias is not None else _none(model, layer),
        "gradient": gradients.get(layer.output, jnp.zeros_like(values[layer.output])),
        "phi": values[found.result] if found else None,
        "slope": slopes.get(layer.output),
    }
    return _statistics(
        seen,
        _kernel(graph, layer, values, loops),
        loops=tuple(around.index(op) for op in loops),
        out_axes=tuple(layer.kernel.out_axes),
    )


def _kernel(
    graph: Graph, layer: Layer, values: dict[Value, Any], loops: Sequence[Op]
) -> jax.Array:
    # Of the iterations that do not change it, the first is as good as any.
    value = outer(graph, layer.kernel.value)
    around = graph.loops.get(value, ())
    return values[value][tuple(slice(None) if op in loops else 0 for op in around)]


def _none(model: Model, layer: Layer) -> jax.Array:
    return jnp.zeros((*model.times(layer.output), 1))


def _slope(
    model: Model, layer: Layer, activation: Activation, values: dict[Value, Any]
) -> jax.Array | None:
    # None where JAX can not differentiate it.
    z = values[activation.sources[0]]
    back = lambda z: jax.vjp(activation, z)[1](jnp.ones_like(activation(z)))[0]
    forward = lambda z: jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]
    for slopes in (back, forward):  # a loop goes forward alone, some rules back alone
        for _ in model.times(layer.output):
            slopes = jax.vmap(slopes)
        if _is_real(z) and _runs(slopes, (z,)):
            return jnp.abs(slopes(z))
    return None


@functools.partial(jax.jit, static_argnames=("loops", "out_axes"))
def _statistics(
    seen: Tree, kernel: jax.Array, loops: tuple[int, ...], out_axes: tuple[int, ...]
) -> Tree:
    """The statistics of one layer; of each of several, along the axes `loops`."""
    seen = jax.tree.map(lambda x: jnp.moveaxis(x, loops, range(len(loops))), seen)
    measured = functools.partial(_of_one, out_axes=out_axes)
    for _ in loops:
        measured = jax.vmap(measured)
    return _automatic(measured)(*jax.tree.map(widened, (seen, kernel)))


def _of_one(seen: Tree, kernel: jax.Array, out_axes: tuple[int, ...]) -> Tree:
    z, gradient, phi, slope = (seen[k] for k in ("z", "gradient", "phi", "slope"))
    return {
        "signal": _moments(seen["signal"]),
        "equal_signal": _equal(seen["signal"], (-1,)),
        "kernel_rms": _rms(kernel),
        "bias_rms": _rms(seen["bias"]),
        "z": _moments(z),
        "gradient": _moments(gradient),
        "equal_units": _equal(kernel, out_axes) & _equal(gradient, (-1,)),
        "activation": None if phi is None else _activation(phi, slope, gradient),
        "activation_histogram": _histogram(z if phi is None else phi),
        "gradient_histogram": _histogram(gradient),
        "finite": jnp.isfinite(z).all(),
        "gradient_finite": jnp.isfinite(gradient).all(),
    }


def _activation(phi: jax.Array, slope: jax.Array | None, gradient: jax.Array) -> Tree:
    if slope is None:
        return {"moments": _moments(phi), "saturated": None, "dead": None}
    # A gradient may pass beside φ: along a skip, or straight through a quantizer.
    alive, beside = _any_example(slope), _any_example(gradient)
    if beside.shape == alive.shape:
        alive |= beside
    stops = (slope == 0).all() & alive.any()
    return {
        "moments": _moments(phi),
        "saturated": jnp.where(stops, 0.0, jnp.mean(slope <= FLAT * slope.max())),
        "dead": jnp.mean(~alive),
    }


def _any_example(x: jax.Array) -> jax.Array:
    """For each unit, whether any example gives it a number other than 0."""
    return (x != 0).any(axis=tuple(range(x.ndim - 1)))


def _scalar(
    loss: Callable[[Any], jax.Array] | None, outputs: Any, key: jax.Array
) -> jax.Array:
    project = _automatic(_project)
    value = jnp.asarray(loss(outputs) if loss else project(_floating(outputs), key))
    if value.shape != ():
        raise ValueError(
            "`jinit.probe` needs `loss` to return a scalar. Got an array of shape "
            f"{value.shape}. Take its mean or its sum."
        )
    if not _is_real(value):
        raise TypeError(
            "`jinit.probe` needs `loss` to return a real number, which has a gradient. "
            f"Got {value.dtype}."
        )
    return value


def _project(outputs: list[jax.Array], key: jax.Array) -> jax.Array:
    if not outputs:
        raise ValueError(
            "`jinit.probe` needs an output of a floating dtype. Got none. Return the "
            "logits, not the class."
        )
    every = jnp.concatenate([widened(y).ravel() for y in outputs])
    return jnp.vdot(sampling.normal(key, every.shape, every.dtype), every)


def _automatic(f: Callable[..., Any]) -> Callable[..., Any]:
    # On a mesh of explicit axes, a statistic leaves it to the compiler what lies where.
    return jax.sharding.auto_axes(f, out_sharding=jax.sharding.PartitionSpec())


def _moments(x: jax.Array) -> Tree:
    mean = jnp.mean(x)
    return {"mean": mean, "std": _rms(x - mean), "rms": _rms(x)}


def _rms(x: jax.Array) -> jax.Array:
    # Of x / max|x|: a square must neither overflow nor vanish before the signal does.
    largest = jnp.max(jnp.abs(x))
    scale = jnp.where(largest > 0, largest, 1.0)
    return scale * jnp.sqrt(jnp.mean(jnp.square(x / scale)))


def _histogram(x: jax.Array) -> Tree:
    # To the extremes, or as far as most of a heavy tail: rarer entries join the ends.
    mean, reach = jnp.mean(x), REACH * _rms(x - jnp.mean(x))
    low = jnp.maximum(jnp.min(x), mean - reach)
    high = jnp.minimum(jnp.max(x), mean + reach)
    width = jnp.where(high > low, high - low, 1.0)
    bins = jnp.clip((x - low) / width * BINS, 0, BINS - 1).astype(jnp.int32)
    counts = jnp.zeros(BINS, jnp.int32).at[bins.ravel()].add(1)
    return {"counts": counts, "low": low, "high": high}


def _equal(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    # Sums of equal terms may differ in rounding; one unit alone says nothing.
    if all(x.shape[axis] == 1 for axis in axes):
        return jnp.asarray(False)
    spread = jnp.max(jnp.max(x, axis=axes) - jnp.min(x, axis=axes))
    return spread <= 1e-5 * jnp.max(jnp.abs(x))


def _are_finite(tree: Any) -> list[jax.Array]:
    return [_is_finite(x) for x in _floating(tree)]


@jax.jit
def _is_finite(x: jax.Array) -> jax.Array:
    return jnp.isfinite(x).all()


def _floating(tree: Any) -> list[jax.Array]:
    leaves = map(jnp.asarray, jax.tree.leaves(tree))
    return [x for x in leaves if _is_real(x)]


def _is_real(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
