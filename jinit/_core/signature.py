"""Signatures that a person can read: what `help`, IPython and Jupyter show of a law."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from .law import Law


F = TypeVar("F", bound=Callable[..., Any])


def _draw(key, shape, dtype=None, out_sharding=None): ...


def _call(self, key, shape, dtype=None, out_sharding=None, **settings): ...


def _configure(self, *settings, **named): ...


DRAW, CALL, CONFIGURE = map(inspect.signature, (_draw, _call, _configure))


def signed(signature: inspect.Signature) -> Callable[[F], F]:
    """Shows a function under this signature instead of `(*args, **kwargs)`."""

    def show(function: F) -> F:
        vars(function)["__signature__"] = signature
        return function

    return show


class Signature:
    """Of an initializer: both call forms in one, the draw, then settings by keyword.

    Of the class there is none, so that tools take that of its `__init__`.
    """

    def __get__(self, initializer: Any, owner: type | None = None) -> inspect.Signature:
        if initializer is None:
            raise AttributeError("__signature__")
        law: Law = initializer.law
        settings = [
            parameter.replace(
                kind=parameter.KEYWORD_ONLY,
                annotation=law.types.get(name, parameter.empty),
            )
            for name, parameter in law.parameters.items()
            if name != "dtype"
        ]
        return inspect.Signature([*DRAW.parameters.values(), *settings])
