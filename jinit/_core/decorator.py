"""The decorator that makes a function an initializer, and gives it a name."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, overload, ParamSpec, Protocol

import jax
import numpy as np

from .fans import Fans
from .initializer import Initializer, laws
from .law import Law
from .marginal import Marginal
from .text import shown


P = ParamSpec("P")


@overload
def law(
    function: Callable[Concatenate[jax.Array, tuple[int, ...], np.dtype, P], jax.Array],
) -> Initializer[P]: ...


@overload
def law(
    function: Callable[Concatenate[jax.Array, tuple[int, ...], P], jax.Array],
) -> Initializer[P]: ...


@overload
def law(
    *,
    marginal: Callable[..., Marginal] | None = None,
    fans: Callable[..., Fans] | None = None,
    check: Callable[..., None] | None = None,
) -> "_LawDecorator": ...


def law(
    function: Callable[..., jax.Array] | None = None,
    *,
    marginal: Callable[..., Marginal] | None = None,
    fans: Callable[..., Fans] | None = None,
    check: Callable[..., None] | None = None,
) -> Any:
    """Turns a pure function that draws weights into an initializer.

        @jinit.law
        def name(key, shape, dtype, /, setting=default, ...): return weights

    `dtype` stands third, or among the settings, where `jax.nn.initializers` has it.
    The function sees a `dtype` of at least 32 bits; what it returns is rounded once.
    Settings annotated with `Literal` or a type of `jinit.settings` are checked when
    given. A law that ignores its key names it `_`.

    `jinit.get` finds the law under the function's name, and so do rules and texts. A
    name that jinit uses too, now or in a later release, is yours: it means your law
    wherever names are read, and ours stays what `jinit.name` is, in Python as in texts.
    Define a law again, as a notebook does, and the name means the new one; where
    modules of yours share a name, the last to register it has it, and `module.name`
    means each.

    Args:
        function: The function.
        marginal: `marginal(shape, **settings)`, the law of one weight, as
            `jinit.marginal` states it. With it `.mean`, `.std` and `.support` work, and
            `jinit.testing.assert_law` holds the draws to them.
        fans: `fans(shape, **settings)`, what `.fans` returns.
        check: `check(where, **settings)`, refuses settings that do not go together.

    Returns:
        An `Initializer`, which `jinit.get` finds under the function's name.

    Raises:
        TypeError: If the function does not take a key, a shape and named settings.

    Example:
        >>> import jax, jinit
        >>> @jinit.law
        ... def gumbel(key, shape, dtype, /, scale=1.0):
        ...     return scale * jax.random.gumbel(key, shape, dtype)
        >>> gumbel(scale=0.1)
        gumbel(scale=0.1)
        >>> gumbel(jax.random.key(0), (2, 3)).shape
        (2, 3)
    """
    statements = {"marginal": marginal, "fans": fans, "check": check}
    if function is None:
        return functools.partial(law, **statements)
    for name, given in {"function": function, **statements}.items():
        odd = inspect.isclass(given) or isinstance(given, Initializer)
        if odd or not (given is None or callable(given)):
            raise TypeError(
                f"`jinit.law` needs `{name}` to be a function. Got {shown(given)}."
            )
    kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    if len(kinds) < 2 or variadic & {*kinds}:
        raise TypeError(
            "`jinit.law` needs a function of a key, a shape and named settings. "
            f"Got `{function.__name__}{inspect.signature(function)}`."
        )
    initializer = Initializer(Law(function, **statements), {})
    laws.register(initializer.law.home, function.__name__, initializer)
    return initializer


class _LawDecorator(Protocol):
    @overload
    def __call__(
        self,
        function: Callable[
            Concatenate[jax.Array, tuple[int, ...], np.dtype, P], jax.Array
        ],
        /,
    ) -> Initializer[P]: ...

    @overload
    def __call__(
        self,
        function: Callable[Concatenate[jax.Array, tuple[int, ...], P], jax.Array],
        /,
    ) -> Initializer[P]: ...
