"""The model of a report: a plain MLP, or whatever a factory returns; and new weights.

Flax is imported only when a model needs it.
"""

import functools
import importlib
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core.activations import activation_function
from ..core.initializer import Initializer
from ..graph.layers import Layer
from ..graph.taps import Model


# What a linen module may ask of its caller, answered as in training.
_TRAINING = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}


class Subject(NamedTuple):
    """A function of `(params, batch)` and its parameters."""

    apply: Callable[[Any, Any], Any]
    params: Any


def mlp(
    activation: str,
    depth: int,
    width: int,
    batch_norm: bool,
    batch: jax.Array,
    key: jax.Array,
    outputs: int = 10,
) -> Subject:
    """A Flax linen MLP: `depth` hidden layers of `width` units and a linear readout."""
    from flax import linen as nn

    phi = activation_function(activation)

    # Every scheme draws the kernels anew, so their first values do not matter.
    dense = functools.partial(nn.Dense, kernel_init=nn.initializers.zeros)

    class MLP(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            for i in range(depth):
                x = dense(width, name=f"layer_{i + 1}")(x)
                if batch_norm:
                    x = nn.BatchNorm(use_running_average=False)(x)
                x = phi(x)
            return dense(outputs, name="readout")(x)

    return _linen(MLP(), batch, key)


def load_model(spec: str, batch: jax.Array, key: jax.Array) -> Subject:
    """The model that `package.module:factory` returns, or that stands there itself.

    Args:
        spec: Where the factory is. It takes no arguments and returns a linen module, an
            NNX module, an `(apply, params)` pair, or an object with `init(key, batch)`
            and `apply(params, batch)`.
        batch: The input, whose shape the parameters are made for.
        key: The key of the model's own initialization.

    Raises:
        ValueError: When the module has no such attribute or the input does not fit.
        TypeError: When the factory needs arguments or returns something else.
        ImportError: When the module does not import.
    """
    model = _make(spec)
    try:
        subject = _as_subject(model, batch, key)
        if subject is not None:
            jax.eval_shape(subject.apply, subject.params, batch)
    except Exception as error:
        raise ValueError(
            f"`jinit report` needs an input that {spec} takes. Got shape "
            f"{tuple(batch.shape)}: {_first_line(error)}"
        ) from error
    if subject is None:
        raise TypeError(
            f"`jinit report` needs {spec} to return a linen module, an NNX module, an "
            "(apply, params) pair, or an object with init and apply. Got "
            f"{type(model).__name__}."
        )
    return subject


def _make(spec: str) -> Any:
    module_name, _, path = spec.partition(":")
    if not path:
        raise ValueError(
            f"`jinit report` needs --model package.module:factory. Got {spec!r}."
        )
    sys.path.insert(0, "")
    try:
        made = importlib.import_module(module_name)
        for name in path.split("."):
            made = getattr(made, name)
    except AttributeError as error:
        raise ValueError(f"`jinit report` finds no {spec}: {error}.") from error
    except Exception as error:
        raise ImportError(
            f"`jinit report` can not import {module_name}: {_first_line(error)}"
        ) from error
    finally:
        sys.path.remove("")
    is_factory = inspect.isclass(made) or not hasattr(made, "apply")
    return _call(made, spec) if is_factory and callable(made) else made


def _call(factory: Callable[..., Any], spec: str) -> Any:
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise TypeError(
            f"`jinit report` needs a factory without arguments. Got {spec}: {error}. "
            "Wrap it in a function that fills them in."
        ) from None
    except ValueError:  # a builtin without a signature
        pass
    try:
        return factory()
    except Exception as error:
        raise TypeError(
            f"`jinit report` can not call {spec}(): {_first_line(error)}"
        ) from error


def _as_subject(model: Any, batch: jax.Array, key: jax.Array) -> Subject | None:
    if isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        return Subject(*model)
    if _is_a(model, "flax.nnx", "Module"):
        return _nnx(model)
    if _is_a(model, "flax.linen", "Module"):
        return _linen(model, batch, key)
    init, apply = (getattr(model, name, None) for name in ("init", "apply"))
    return Subject(apply, init(key, batch)) if init and apply else None


def _is_a(model: Any, module: str, name: str) -> bool:
    # Without importing a framework that the model can not be of.
    return module in sys.modules and isinstance(
        model, getattr(sys.modules[module], name)
    )


def _nnx(model: Any) -> Subject:
    from flax import nnx

    graph, state = nnx.split(model)
    return Subject(lambda state, x: nnx.merge(graph, state)(x), state)


def _linen(module: Any, batch: jax.Array, key: jax.Array) -> Subject:
    asked = inspect.signature(module.__call__).parameters
    flags = {name: _TRAINING[name] for name in asked if name in _TRAINING}
    keys = dict(zip(("params", "dropout"), jax.random.split(key), strict=True))
    init = lambda keys, batch: module.init(keys, batch, **flags)
    variables = jax.jit(init)(keys, batch)

    def apply(variables: Any, batch: jax.Array) -> Any:
        dropout = {"dropout": keys["dropout"]}
        return module.apply(variables, batch, rngs=dropout, mutable=True, **flags)[0]

    return Subject(apply, variables)


def redraw(model: Model, params: Any, initializer: Initializer, key: jax.Array) -> Any:
    """`params` with every kernel drawn anew; biases, tables and scales stay.

    A kernel is drawn in the shape that its layer sees, `(in, out)` or
    `(*window, in, out)`, and put back in its own layout, so that fans are right for
    attention heads and for any framework.
    """
    leaves, structure = jax.tree.flatten(params)
    for i, order, shape in _kernels(model):
        leaf = leaves[i]
        drawn = initializer(jax.random.fold_in(key, i), shape, leaf.dtype)
        drawn = drawn.reshape([leaf.shape[axis] for axis in order])
        leaves[i] = jnp.transpose(drawn, np.argsort(order).tolist())
    return jax.tree.unflatten(structure, leaves)


def _kernels(model: Model) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Each kernel leaf once: its number, its axes in drawing order, the drawn shape."""
    seen = set()
    for layer in model.layers:
        i = model.paths.index(layer.path)
        if i not in seen:
            seen.add(i)
            yield i, *_order(model, layer, i)


def _order(
    model: Model, layer: Layer, i: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = model.graph.types[model.graph.inputs[i]].shape
    kernel, found = layer.kernel, layer.axes
    axes = (*kernel.window_axes, *kernel.in_axes, *kernel.out_axes)
    order = tuple(k for axis in axes for k in found.axes[axis]) if found else ()
    if sorted(order) != list(range(len(shape))):
        return tuple(range(len(shape))), shape
    sizes = tuple(shape[axis] for axis in order)
    if kernel.window_axes:
        return order, sizes
    rows = sum(len(found.axes[axis]) for axis in kernel.in_axes) if found else 0
    return order, (math.prod(sizes[:rows]), math.prod(sizes[rows:]))


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().split("\n")[0]
