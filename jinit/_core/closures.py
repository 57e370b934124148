"""What JAX does not take, where it hides: in functions, and beside leaves of trees."""

import contextlib
import copy
import functools
import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax.core import Tracer

from .host import is_traced
from .origin import is_users
from .text import shown


_MOST = 2000  # things that are looked at: an error waits for them


class Held(NamedTuple):
    """A traced value, and the name that it has where it is held."""

    name: str
    value: Tracer

    def __str__(self) -> str:
        return f"{shown(self.value)} by the name of `{self.name}`"


def held_traced(*things: Any) -> Held | None:
    """The first traced value that functions, objects or trees hold, however deep."""
    waiting, seen = [("", each) for each in things], set[int]()
    while waiting and len(seen) < _MOST:
        name, thing = waiting.pop(0)
        if isinstance(thing, Tracer):
            return Held(name, thing)
        if id(thing) not in seen:
            seen.add(id(thing))
            waiting += ((own or name, part) for own, part in _parts(thing))
    return None


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """What a thing holds, by the name that it has there."""
    if isinstance(thing, type | types.ModuleType):
        return
    if isinstance(thing, Mapping):
        yield from ((str(name), part) for name, part in [*thing.items()])
    elif isinstance(thing, Sequence) and not isinstance(thing, str | bytes):
        yield from (("", part) for part in thing)
    elif isinstance(thing, functools.partial):
        yield from [("", thing.func), ("", thing.args), ("", thing.keywords)]
    elif inspect.ismethod(thing):
        yield from [("", thing.__self__), ("", thing.__func__)]
    else:
        if inspect.isfunction(thing):
            cells = zip(
                thing.__code__.co_freevars, thing.__closure__ or (), strict=True
            )
            for name, cell in cells:
                with contextlib.suppress(ValueError):  # a name that has no value yet
                    yield name, cell.cell_contents
            yield from [("", thing.__defaults__), ("", thing.__kwdefaults__)]
        yield "", getattr(thing, "__dict__", None)
        yield "", getattr(thing, "__wrapped__", None)


def _unequal(structure: Any) -> str:
    """The type in a tree whose metadata has no equality, as arrays have none."""
    kind, metadata = structure.node_data() or (type(None), None)
    with contextlib.suppress(Exception):  # what is not copied has none to be asked for
        twin = copy.deepcopy(metadata)
        try:
            bool(metadata == twin)
        except (TypeError, ValueError):
            return kind.__name__
    return next(filter(None, map(_unequal, structure.children())), "")


@contextlib.contextmanager
def explained(
    where: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[None]:
    """Where an error that is nobody's own is told by what JAX does not take, if given.

    Args:
        where: The public function that was called.
        args: Its arguments by position.
        kwargs: Those by name.
    """
    try:
        yield
    except Exception as error:
        if is_users(error) or str(error).startswith("`"):
            raise
        given = [*args, *kwargs.values()]
        held = held_traced(given) if is_traced() else None
        if held is not None:
            raise TypeError(
                f"`{where}` needs functions and models that hold numbers. Got {held}. "
                "Call it outside of `jax.jit`, `jax.grad` and the like, or hand the "
                "value over as an argument."
            ) from error
        kind = _unequal(jax.tree.structure(given))
        if kind:
            raise TypeError(
                f"`{where}` needs trees whose metadata can be compared. Got a {kind} "
                "with some that can not, such as an array. Make it a leaf, or a tuple."
            ) from error
        raise
