"""How signals and gradients travel through a model at its present weights."""

import contextlib
import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.draw import in_mesh
from .._core.progress import working
from .._graph.elementwise import Activation
from .._graph.recognition import label, recognize
from .._reading.finite import first_not_finite
from .._reading.instances import copies, Instance, measurable, unmeasured, unroll
from .._reading.layers import Layer
from .._reading.model import Model, read_model
from .measure import measure
from .ratios import backward, forward, Phi, square
from .records import Histogram, LayerProbe, Probe


Apply = Callable[[Any, Any], Any]
Loss = Callable[[Any], jax.Array]


def probe(
    apply: Apply,
    params: Any,
    batch: Any,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
) -> Probe:
    """Measures how one batch travels through a model, forward and backward.

    At every layer, that is, every product of a kernel with a signal: the size of the
    pre-activation z, of the activation φ(z) that follows and of the gradient at z;
    how much of φ is saturated or dead; and the growth from layer to layer beside what
    mean-field theory predicts,

        E z² → σw² E φ(√q ξ)² + σb²,     E g² → σw² E φ′(√q ξ)² E g²,     q = E z²

    It reads the model's computation, so it takes any function and needs no hooks:
    linen, NNX, Equinox and plain JAX alike. A layer in a `scan` over stacked kernels
    gives one record for each; layers inside `while`, `cond` and `shard_map` are not
    seen, and the verdict names them.

    Args:
        apply: A function of `(params, batch)` that returns the outputs.
        params: The weights, a tree of arrays.
        batch: The input, an array or a tree of arrays; ideally of mean 0 and variance
            1, as the schemes assume.
        loss: A function from the outputs to a scalar, whose gradient is measured.
            Without it, the outputs are weighted by independent standard normal numbers,
            which sends back a gradient of unit variance.
        key: The key of these numbers; `jax.random.key(0)` if None.

    Returns:
        A `Probe`: print it, `.plot()` it, or read its `.layers` and `.verdict`.

    Raises:
        TypeError: When `params` holds something other than arrays, or a layer is
            complex.
        ValueError: When no layer is found, the loss is not a scalar, the batch is empty
            or a value is not finite; the message names the first such layer.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> def apply(params, x):
        ...     for w in params:
        ...         x = jnp.tanh(x @ w)
        ...     return x
        >>> x = jax.random.normal(jax.random.key(0), (256, 64))
        >>> probe = jinit.probe(apply, [jnp.zeros((64, 64))] * 3, x)
        >>> probe.condition
        'symmetric'

    References:
        Glorot, Bengio. Understanding the difficulty of training deep feedforward neural
        networks. AISTATS 2010, figures 6 and 7.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    result = examine(apply, params, batch, loss=loss, key=key)
    warn_of_scale(batch)
    return result


class NotFiniteError(ValueError):
    """A value that is infinite or NaN; `place` says where it was first seen."""

    def __init__(self, place: str, advice: str = ""):
        self.place = place
        super().__init__(
            f"`jinit.probe` needs finite numbers. Got inf or nan first at {place}."
            f"{advice}"
        )


def examine(
    apply: Apply,
    params: Any,
    batch: Any,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
) -> Probe:
    """`probe` without the warning about the scale of the input."""
    key = jax.random.key(0) if key is None else key
    with working("probing"), _mesh_of((params, batch)):
        program = _program(apply, loss, params, batch)
        seen = jax.device_get(program.measure(params, batch, key))
    layers = _each(program.model, seen["layers"])
    _require_finite(program, seen | {"layers": layers}, params, batch)
    input_std = float(layers[0]["signal"]["std"])
    unseen = unmeasured(program.model.graph, program.model.layers)
    return Probe(tuple(_records(program, layers)), input_std, unseen)


def warn_of_scale(batch: Any, stacklevel: int = 3) -> None:
    """Warns of an input that is not of mean 0 and variance 1, beyond chance."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(batch)]
    for x in [x for x in leaves if jnp.issubdtype(x.dtype, jnp.floating)][:1]:
        mean, variance = float(x.mean(dtype=float)), float(x.var(dtype=float))
        slack = 0.1 + 5 / math.sqrt(x.size)
        if abs(mean) > slack or abs(variance - 1) > slack * math.sqrt(2):
            second = mean**2 + variance
            warnings.warn(
                f"The input has mean {mean:.2g} and variance {variance:.2g}. Schemes "
                "assume 0 and 1: the variance of a pre-activation scales with E x², "
                f"here {second:.2g}, so every signal of the first layer is "
                f"{math.sqrt(second):.2g}x what the scheme intends. Standardize the "
                "input: (x - x.mean()) / x.std().",
                stacklevel=stacklevel,
            )


def _mesh_of(tree: Any) -> contextlib.AbstractContextManager:
    shardings = (getattr(leaf, "sharding", None) for leaf in jax.tree.leaves(tree))
    meshes = (each for each in shardings if getattr(each, "mesh", None) is not None)
    return in_mesh(next(meshes, None))


@dataclasses.dataclass(frozen=True, eq=False)
class _Program:
    """A model as read, its compiled measurement, and its activations."""

    model: Model
    layers: tuple[Instance, ...]
    measure: Callable[[Any, Any, jax.Array], Mapping[str, Any]]
    activations: tuple[Phi, ...]
    names: tuple[str | None, ...]


def _program(apply: Apply, loss: Loss | None, params: Any, batch: Any) -> _Program:
    leaves, structure = jax.tree.flatten((params, batch))
    try:
        types = tuple(jax.typeof(leaf) for leaf in leaves)
    except TypeError:
        odd = next(leaf for leaf in leaves if not hasattr(leaf, "dtype"))
        raise TypeError(
            "`jinit.probe` needs `params` and `batch` to hold arrays only. Got "
            f"{odd!r}. Split the model first, with `nnx.split` or "
            "`eqx.partition(model, eqx.is_array)`."
        ) from None
    if any(0 in each.shape for each in types):
        raise ValueError(
            "`jinit.probe` needs a batch and parameters that are not empty. Got shapes "
            f"{', '.join(str(each.shape) for each in types)}."
        )
    try:
        hash((apply, loss))
    except TypeError:
        return _read(apply, loss, structure, types)
    return _read_once(apply, loss, structure, types)


def _read(apply: Apply, loss: Loss | None, structure: Any, types: Any) -> _Program:
    params, batch = jax.tree.unflatten(structure, types)
    model = read_model(apply, params, batch)
    layers = unroll(model.graph, model.layers)
    if not layers:
        raise ValueError(
            "`jinit.probe` needs a model with a layer: a product of a parameter with "
            f"the data. Got none in {apply!r}. Pass the weights as `params` instead of "
            "closing over them; inside `while`, `cond` or `shard_map` none is seen."
        )
    _require_real(model, layers)
    run = jax.jit(functools.partial(measure, model, loss))
    phis = {layer: layer.activation for layer in model.layers}
    names = {layer: label(phi) for layer, phi in phis.items()}
    return _Program(
        model,
        layers,
        run,
        tuple(_function(phis[each.layer]) for each in layers),
        tuple(names[each.layer] for each in layers),
    )


def _require_real(model: Model, layers: Sequence[Instance]) -> None:
    for each in layers:
        dtype = model.graph.types[each.layer.output].dtype
        if jnp.issubdtype(dtype, jnp.complexfloating):
            raise TypeError(
                "`jinit.probe` needs layers of real numbers, which have an order. Got "
                f"{dtype} at {each.name or 'the first layer'}. Compute with real and "
                "imaginary parts as units of their own."
            )


_read_once = functools.lru_cache(maxsize=16)(_read)


def _function(activation: Activation | None) -> Phi:
    # Equal functions by one name share what quadrature has compiled.
    known = recognize(activation) if activation else None
    return known.name if known and known.scale == 1 else activation


def _records(program: _Program, seen: Sequence[Any]) -> Iterator[LayerProbe]:
    known = program.layers, program.activations
    for i, (each, at) in enumerate(zip(program.layers, seen, strict=True)):
        layer = each.layer
        acts = at["activation"] or {"moments": at["z"], "saturated": None, "dead": None}
        ratio, predicted_ratio = forward(*known, seen, i)
        gradient_ratio, predicted_gradient_ratio = backward(*known, seen, i)
        yield LayerProbe(
            name=each.name,
            path=layer.path,
            shape=tuple(program.model.graph.types[layer.output].shape),
            fan_in=layer.kernel.fan_in,
            fan_out=layer.kernel.fan_out,
            weight_variance=layer.kernel.fan_in * square(at["kernel_rms"]),
            hidden=not layer.last,
            mean=float(at["z"]["mean"]),
            std=float(at["z"]["std"]),
            second_moment=square(at["z"]["rms"]),
            activation=program.names[i],
            normalized=_normalized(layer),
            activation_std=float(acts["moments"]["std"]),
            saturated=_number(acts["saturated"]),
            dead=_number(acts["dead"]),
            gradient_std=float(at["gradient"]["std"]),
            ratio=ratio,
            predicted_ratio=predicted_ratio,
            gradient_ratio=gradient_ratio,
            predicted_gradient_ratio=predicted_gradient_ratio,
            equal_units=bool(at["equal_units"]),
            activation_histogram=_histogram(at["activation_histogram"]),
            gradient_histogram=_histogram(at["gradient_histogram"]),
        )


def _normalized(layer: Layer) -> bool:
    return layer.activation is not None and layer.output not in layer.activation.sources


def _each(model: Model, seen: Sequence[Any]) -> list[Any]:
    # The statistics of every instance: those of a loop come stacked.
    layers = [layer for layer in model.layers if measurable(model.graph, layer)]
    each = []
    for layer, stacked in zip(layers, seen, strict=True):
        counts = copies(model.graph, layer)
        for index in np.ndindex(counts):
            each.append(jax.tree.map(lambda x, i=index: x[i], stacked))
    return each


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _histogram(seen: Mapping[str, Any]) -> Histogram:
    counts = tuple(map(int, seen["counts"]))
    return Histogram(counts, float(seen["low"]), float(seen["high"]))


def _require_finite(
    program: _Program, seen: Mapping[str, Any], params: Any, batch: Any
) -> None:
    names = [each.name for each in program.layers]
    layers = list(zip(names, seen["layers"], strict=True))
    forward = [
        *((name, at["finite"]) for name, at in layers),
        *(("the outputs", finite) for finite in seen["outputs"]),
    ]
    backward = [
        (f"the gradient at {name}", at["gradient_finite"])
        for name, at in reversed(layers)
    ]
    given = all((*seen["params"], *seen["batch"]))
    advice = " Weights that are too large overflow with depth: use a smaller scale."
    for place, finite in (("the inputs", given), *forward, *backward):
        if not finite:
            if (place, finite) not in backward:
                place = first_not_finite(program.model, params, batch) or place
            raise NotFiniteError(place, advice if given else "")
