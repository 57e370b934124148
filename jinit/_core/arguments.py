"""Arguments of public functions: each is held to what its annotation says it may be.

    @public()
    def fans(shape: Shape, in_axis: Axes = -2, *, transposed: bool = False): ...

A function so marked sees arguments in their plain form, and no others: what is wrong is
refused in the name of the function, in one line. What an annotation may be is what it
may be in a law, and the kinds that stand here.
"""

import difflib
import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Annotated, Any, ParamSpec, TypeVar

import jax
import numpy as np

from .closures import explained
from .draw import check_key, check_shape
from .host import at_once, ours, refuse_traced
from .settings import check, Count, Flag, is_known, requirement, Text
from .text import listed, reason, shown
from .trees import require_tree


P = ParamSpec("P")
R = TypeVar("R")


def public(
    home: str = "jinit", *, concrete: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function public under the name that it has in the module `home`.

    Args:
        home: Where others find the function.
        concrete: Whether it looks at numbers: it takes none that JAX traces, and goes
            on at once where its caller is traced.

    Returns:
        A decorator: the function, which refuses what its annotations do not allow.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        where = f"{home}.{function.__name__}"

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if concrete:
                refuse_traced(where, args, kwargs)
            now = at_once if concrete else nullcontext
            with explained(where, args, kwargs), ours(), now():
                args_, kwargs_ = arguments(where, function, args, kwargs)
                return function(*args_, **kwargs_)

        return checked

    return decorate


def arguments(
    where: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call in their plain form, by position and by name."""
    signature, hints = _form(function)
    given = bind(where, signature, args, kwargs)
    for name, value in given.arguments.items():
        kind, hint = signature.parameters[name].kind, hints.get(name)
        if kind is inspect.Parameter.VAR_POSITIONAL:
            each = (held(where, name, hint, one) for one in value)
            given.arguments[name] = tuple(each)
        elif kind is not inspect.Parameter.VAR_KEYWORD:
            given.arguments[name] = held(where, name, hint, value)
    return given.args, given.kwargs


@functools.lru_cache(maxsize=512)
def _form(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    hints = typing.get_type_hints(function, include_extras=True)
    return inspect.signature(function), hints


def bind(
    where: str,
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> inspect.BoundArguments:
    """The arguments by name; refuses unknown ones, missing ones and too many."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        every = signature.parameters.values()
        bare = inspect.Signature(
            [each.replace(annotation=each.empty) for each in every]
        )
        unknown = next(
            (name for name in kwargs if name not in signature.parameters), ""
        )
        near = difflib.get_close_matches(unknown, signature.parameters, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise TypeError(
            f"`{where}` needs the arguments of `{where.rpartition('.')[2]}{bare}`. "
            f"Got ({listed(args, kwargs)}): {reason(error)}.{hint}"
        ) from None


def held(where: str, what: str, hint: Any, value: Any) -> Any:
    """Returns `value`, in its plain form, if the annotation of an argument allows it.

    Beside what `check` reads, `bool`, `str`, a `Callable` and a class of jinit are
    required, and each of them or None.
    """
    kinds = [each for each in typing.get_args(hint) if each is not type(None)]
    if type(None) in typing.get_args(hint) and len(kinds) == 1:
        return None if value is None else held(where, what, kinds[0], value)
    if typing.get_origin(hint) is Callable:
        hint = Function
    if isinstance(hint, type) and hint.__module__.partition(".")[0] == "jinit":
        return _one_of(where, what, hint, value)
    plain_hint = _PLAIN.get(hint, hint) if isinstance(hint, type) else hint
    return check(where, what, plain_hint, value)


def _one_of(where: str, what: str, kind: type, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    raise TypeError(
        f"`{where}` needs `{what}` to be a `{kind.__name__}` of jinit. "
        f"Got {shown(value)}."
    )


@requirement("a function")
def _function(where: str, what: str, value: Any) -> Any:
    if not callable(value):
        raise TypeError(
            f"`{where}` needs `{what}` to be a function. Got {shown(value)}."
        )
    return value


@requirement("a key")
def _key(where: str, what: str, value: Any) -> jax.Array:
    return check_key(where, value)


@requirement("a seed")
def _seed(where: str, what: str, value: Any) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= value < 2**32:
        raise ValueError(
            f"`{where}` needs `{what}` to be a whole number from 0 to 2^32 - 1. "
            f"Got {shown(value)}."
        )
    return int(value)


@requirement("a shape")
def _shape(where: str, what: str, value: Any) -> tuple[int, ...]:
    return check_shape(where, value)


@requirement("whole numbers of at least 1")
def _counts(where: str, what: str, value: Any) -> tuple[int, ...]:
    if not _is_listed(value):
        raise TypeError(
            f"`{where}` needs `{what}` to be a list of whole numbers. "
            f"Got {shown(value)}."
        )
    return tuple(check(where, what, Count, each) for each in value)


@requirement("a path of a file")
def _file(where: str, what: str, value: Any) -> str:
    path = value.__fspath__() if hasattr(value, "__fspath__") else value
    if not isinstance(path, str):
        raise TypeError(
            f"`{where}` needs `{what}` to be the path of a file. Got {shown(value)}."
        )
    if not path.strip() or not path.isprintable():
        raise ValueError(
            f"`{where}` needs `{what}` to be the path of a file. Got {path!r}."
        )
    return path


@requirement("a list")
def _list(where: str, what: str, value: Any) -> Any:
    if not _is_listed(value):
        raise TypeError(f"`{where}` needs `{what}` to be a list. Got {shown(value)}.")
    return tuple(value)


@requirement("texts")
def _texts(where: str, what: str, value: Any) -> tuple[str, ...]:
    return tuple(check(where, what, Text, each) for each in _list(where, what, value))


@requirement("numbers")
def numbers(where: str, what: str, value: Any) -> np.ndarray | jax.Array:
    """An array of numbers: one of JAX as it is, all else as one of NumPy."""
    try:
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        require_tree(where, what, array)
        if is_known(array.dtype):
            return array
    except Exception:  # whatever NumPy says of what holds none
        pass
    raise TypeError(
        f"`{where}` needs `{what}` to be an array of numbers. Got {shown(value)}."
    )


@requirement("real numbers")
def _reals(where: str, what: str, value: Any) -> np.ndarray:
    array = np.asarray(numbers(where, what, value))
    if array.dtype.kind == "c":
        raise TypeError(f"`{where}` needs `{what}` to be real. Got {shown(array)}.")
    return array.astype(np.float64)


@requirement("a tree")
def _tree(where: str, what: str, value: Any) -> Any:
    """A tree that JAX can take apart, with arrays that are there."""
    if isinstance(value, str | bytes | bool | int | float | complex) or _is_code(value):
        raise TypeError(
            f"`{where}` needs `{what}` to be a tree of arrays or shapes. "
            f"Got {shown(value)}."
        )
    return require_tree(where, what, value)


def _is_code(value: Any) -> bool:
    """Whether a value is a function or a class; a module that can be called is none."""
    return inspect.isroutine(value) or inspect.isclass(value)


def _is_listed(value: Any) -> bool:
    """Whether a value lists others: no text, no mapping, no set, no scalar."""
    odd = isinstance(value, str | bytes | Mapping | set | frozenset | type)
    return isinstance(value, Iterable) and not odd and bool(np.ndim(_bare(value)))


def _bare(value: Any) -> Any:
    """What says whether an array has axes; anything else that iterates has."""
    return value if hasattr(value, "ndim") else (0,)


Function = Annotated[Callable[..., Any], _function]
Key = Annotated[jax.Array, _key]
Seed = Annotated[int, _seed]
Shape = Annotated[Sequence[int], _shape]
Counts = Annotated[Sequence[int], _counts]
File = Annotated[str, _file]
Listed = Annotated[Sequence[Any], _list]
Numbers = Annotated[Any, numbers]
Reals = Annotated[Any, _reals]
Texts = Annotated[Sequence[str], _texts]
Tree = Annotated[Any, _tree]

# What plain annotations mean.
_PLAIN: dict[type, Any] = {bool: Flag, str: Text}
