"""One reader of frameworks: what a model of any of them computes, and from what.

A file per framework. Each says whether a model is its own (`owns`), takes it apart into
a `Subject` from its inputs (`read`) or with weights that are there (`bind`), and names
what it takes (`KIND`). No framework is imported but for a model that is its own.
"""

import inspect
from typing import Any

import jax

from .._core import check_key, is_key, ours, require_tree, shown
from . import equinox, haiku, keras, linen, nnx, plain
from .calls import is_a
from .subject import Subject


# The first that owns a model reads it.
FRAMEWORKS = (linen, nnx, haiku, keras, equinox, plain)


def read(where: str, model: Any, key: Any, inputs: tuple[Any, ...]) -> Subject:
    """A model with the shapes of its weights; nothing is allocated or run for them.

    Args:
        where: The public function that asks, for errors.
        model: A linen module; an NNX or Equinox module, or its constructor, a function
            of `rngs` or `key`; a Haiku transform; a Keras model; a pair `(apply,
            params)`; an object with `init(key, *inputs)` and `apply(params, *inputs)`;
            or an apply function, whose params are the first of the inputs.
        key: For what the model itself makes, such as the state of its dropout; None
            for any.
        inputs: Arrays or shapes.

    Raises:
        TypeError: When the model is of no known kind, or something is in the wrong
            place.
        ValueError: When the inputs do not fit the model.
    """
    require_tree(where, "inputs", inputs)
    check_inputs(where, inputs)
    return _owner(where, model).read(where, model, as_key(where, key), inputs)


def bind(where: str, model: Any, params: Any = None, key: Any = None) -> Subject:
    """A model with weights that are there.

    Args:
        where: The public function that asks, for errors.
        model: As in `read`.
        params: The weights in the model's own form (linen's variables, Haiku's params
            or `(params, state)`); None where the model holds them.
        key: For dropout; None for any.

    Raises:
        TypeError: When the model is of no known kind or has no weights.
    """
    require_tree(where, "params", params)
    return _owner(where, model).bind(where, model, params, as_key(where, key))


def is_model(model: Any) -> bool:
    """Whether some framework owns it: a tree of shapes is no model."""
    return any(framework.owns(model) for framework in FRAMEWORKS)


def holds_weights(model: Any) -> bool:
    """Whether a model has its weights in itself, so that none go beside it."""
    if any(each.owns(model) for each in (linen, haiku)) or not is_model(model):
        return False
    pair = isinstance(model, tuple)
    return pair or equinox.owns(model) or keras.owns(model) or nnx.is_module(model)


def as_key(where: str, key: Any) -> jax.Array:
    """One typed key, from whatever holds one; a fixed one from None."""
    if key is None:
        with ours():
            return jax.random.key(0)
    if is_a(key, "flax.nnx", "Rngs"):
        key = key.params.key[...]
    return check_key(where, key)


def check_inputs(where: str, inputs: tuple[Any, ...]) -> None:
    """Refuses inputs that are no arrays: sizes, flags and the like."""
    for x in jax.tree.leaves(inputs, is_leaf=_is_sizes):
        if _is_sizes(x):
            raise TypeError(
                f"`{where}` needs shapes with a dtype. Got {shown(x)}. Write "
                f"`jax.ShapeDtypeStruct({shown(x)}, 'float32')`."
            )
        if isinstance(x, bool):
            raise TypeError(
                f"`{where}` needs inputs to be arrays or shapes. Got {shown(x)}. Leave "
                "flags such as `train` out: they are set as in training."
            )


def _is_sizes(x: Any) -> bool:
    return isinstance(x, tuple) and bool(x) and all(type(n) is int for n in x)


def _owner(where: str, model: Any) -> Any:
    if is_key(model) or is_a(model, "flax.nnx", "Rngs"):
        raise TypeError(f"`{where}` needs the model first. Got a key in its place.")
    if isinstance(model, tuple) and [callable(part) for part in model] == [False, True]:
        raise TypeError(
            f"`{where}` needs a pair (apply, params). Got (params, apply). Swap them."
        )
    if inspect.isclass(model) and "flax.linen.module" in map(_module, model.__mro__):
        raise TypeError(
            f"`{where}` needs a linen module. Got the class {model.__name__}. Call it: "
            f"`{model.__name__}(...)`."
        )
    owner = next((each for each in FRAMEWORKS if each.owns(model)), None)
    if owner is None:
        kinds = ", ".join(framework.KIND for framework in FRAMEWORKS)
        raise TypeError(
            f"`{where}` needs a model: {kinds}. Got {type(model).__name__}."
        )
    return owner


def _module(kind: type) -> str:
    return kind.__module__
