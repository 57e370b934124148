"""Any framework's model as a function of parameters and inputs.

Flax is imported only when a model needs it.
"""

import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from .._model.rules import UnmatchedError
from .subject import is_a, linen_apply, training_flags


class Subject(NamedTuple):
    """A function of `(params, batch)` and its parameters."""

    apply: Callable[[Any, Any], Any]
    params: Any


def load_model(
    spec: str, batch: Any, key: jax.Array, command: str = "jinit report"
) -> Subject:
    """The model that `package.module:factory` returns, or that stands there itself.

    Args:
        spec: Where the factory is. It takes no arguments and returns a linen module, an
            NNX module, an `(apply, params)` pair, or an object with `init(key, batch)`
            and `apply(params, batch)`.
        batch: The input that the parameters are made for. If it is a shape only, so
            are they.
        key: The key of the model's own initialization.
        command: The command that asks, for its errors.

    Raises:
        ValueError: When the module has no such attribute or the input does not fit.
        TypeError: When the factory needs arguments or returns something else.
        ImportError: When the module does not import.
    """
    model = find_model(spec, command)
    with takes_input(spec, batch, command):
        subject = _as_subject(model, batch, key)
        if subject is not None:
            jax.eval_shape(subject.apply, subject.params, batch)
    if subject is None:
        raise TypeError(
            f"`{command}` needs {spec} to return a linen module, an NNX module, an "
            "(apply, params) pair, or an object with init and apply. Got "
            f"{type(model).__name__}."
        )
    return subject


@contextlib.contextmanager
def takes_input(spec: str, batch: Any, command: str) -> Iterator[None]:
    """Says of whatever goes wrong inside that the input does not fit the model."""
    try:
        yield
    except UnmatchedError:
        raise
    except Exception as error:
        raise ValueError(
            f"`{command}` needs an input that {spec} takes. Got shape "
            f"{tuple(batch.shape)}: {_first_line(error)}"
        ) from error


def find_model(spec: str, command: str) -> Any:
    """What stands at `package.module:factory`, called if it is a factory."""
    made = find_object(spec, command)
    is_factory = inspect.isclass(made) or not hasattr(made, "apply")
    return _call(made, spec, command) if is_factory and callable(made) else made


def find_object(spec: str, command: str) -> Any:
    """What stands at `package.module:name`."""
    module_name, _, path = spec.partition(":")
    if not path:
        raise ValueError(f"`{command}` needs package.module:factory. Got {spec!r}.")
    sys.path.insert(0, "")
    try:
        made = importlib.import_module(module_name)
        for name in path.split("."):
            made = getattr(made, name)
    except AttributeError as error:
        raise ValueError(f"`{command}` finds no {spec}: {error}.") from error
    except Exception as error:
        raise ImportError(
            f"`{command}` can not import {module_name}: {_first_line(error)}"
        ) from error
    finally:
        sys.path.remove("")
    return made


def _call(factory: Callable[..., Any], spec: str, command: str) -> Any:
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise TypeError(
            f"`{command}` needs a factory without arguments. Got {spec}: {error}. "
            "Wrap it in a function that fills them in."
        ) from None
    except ValueError:  # a builtin without a signature
        pass
    try:
        return factory()
    except Exception as error:
        raise TypeError(
            f"`{command}` can not call {spec}(): {_first_line(error)}"
        ) from error


def _as_subject(model: Any, batch: Any, key: jax.Array) -> Subject | None:
    if isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        return Subject(*model)
    if is_a(model, "flax.nnx", "Module"):
        return _nnx(model)
    if is_a(model, "flax.linen", "Module"):
        return linen(model, batch, key)
    init, apply = (getattr(model, name, None) for name in ("init", "apply"))
    return Subject(apply, _made(batch, init, key, batch)) if init and apply else None


def _made(like: Any, init: Callable[..., Any], *arguments: Any) -> Any:
    # Shapes make shapes, arrays arrays.
    if isinstance(like, jax.ShapeDtypeStruct):
        return jax.eval_shape(init, *arguments)
    return init(*arguments)


def _nnx(model: Any) -> Subject:
    from flax import nnx

    graph, state = nnx.split(model)
    return Subject(lambda state, x: nnx.merge(graph, state)(x), state)


def linen(module: Any, batch: Any, key: jax.Array) -> Subject:
    """A linen module in training, with all its variable collections."""
    flags = training_flags(module)
    keys = dict(zip(("params", "dropout"), jax.random.split(key), strict=True))
    init = jax.jit(lambda keys, batch: module.init(keys, batch, **flags))
    variables = _made(batch, init, keys, batch)
    return Subject(linen_apply(module, keys["dropout"]), variables)


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().split("\n")[0]
