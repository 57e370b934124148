"""What a function asks of its caller, and what a model in training answers."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any


# What a module may ask of its caller, answered as in training.
_TRAINING = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
}


def is_a(model: Any, module: str, *names: str) -> bool:
    """Whether a model is of one of these classes, without importing a framework."""
    found = sys.modules.get(module)
    kinds = tuple(getattr(found, name) for name in names if hasattr(found, name))
    return isinstance(model, kinds)


def parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters that a function or a class still waits for."""
    if isinstance(function, functools.partial):
        found = parameters(function.func)
        skipped = [*found][: len(function.args)]
        given = {*skipped, *function.keywords}
        return {name: each for name, each in found.items() if name not in given}
    # The metaclasses of frameworks hide the arguments of `__init__`.
    is_class = inspect.isclass(function)
    try:
        found = inspect.signature(function.__init__ if is_class else function)
    except (TypeError, ValueError):  # a builtin without a signature
        return {}
    own = dict([*found.parameters.items()][is_class:])
    wrapped = _wrapped(function)
    return (
        parameters(wrapped)
        if wrapped and not any(map(_is_named, own.values()))
        else own
    )


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The one function that a wrapper of `(*args, **kwargs)` holds, if it is one.

    `eqx.nn.make_with_state` returns such a wrapper.
    """
    cells = getattr(function, "__closure__", None) or ()
    held = [cell.cell_contents for cell in cells]
    return held[0] if len(held) == 1 and callable(held[0]) else None


def _is_named(parameter: inspect.Parameter) -> bool:
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return parameter.kind not in variadic


def is_required(parameter: inspect.Parameter) -> bool:
    """Whether a call without this argument fails."""
    return parameter.default is inspect.Parameter.empty and _is_named(parameter)


def asks_for(make: Any) -> str | None:
    """What a constructor is made with, "rngs" or "key"; None if it is none.

    A constructor is a function or class whose only required arguments are these.
    """
    if not callable(make):
        return None
    found = {name: x for name, x in parameters(make).items() if _is_named(x)}
    required = {name for name, each in found.items() if is_required(each)}
    asked = [name for name in ("rngs", "key") if name in found]
    return asked[0] if len(asked) == 1 and required <= {*asked} else None


def flags(call: Callable[..., Any], given: Mapping[str, Any], all_: bool) -> Mapping:
    """The keywords that tell a model that it is in training.

    Args:
        call: What is called with them.
        given: What the caller has said; it wins.
        all_: Whether to give those with a default as well.
    """
    found = parameters(call)
    asked = {
        name: _TRAINING[name]
        for name, each in found.items()
        if name in _TRAINING and (all_ or is_required(each))
    }
    return {**asked, **given}
